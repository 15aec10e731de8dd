"""What text from a model, a row or a file goes through before it is shown: it may look, never act.

On a terminal it is put into `rich.text.Text`, which knows no markup, after `plain`; in Markdown into a fence that is
longer than any in the text.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

from socratune.memory.records import Prompt

CAVEAT = "The model is simulated: this shows that the mechanism works, not that it is good on real models."
"""Stands with every number that no real model gave."""
LONGEST_LINE = 160
"""Characters of a text that is shown in one line."""

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])?")
# Control characters but for tab and line feed, line separators, and the marks that turn the direction of writing.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
_FENCE = re.compile("`{3,}")


def plain(text: str) -> str:
    """Return `text` without anything that a terminal would obey."""
    return _CONTROL.sub("", _ESCAPES.sub("", text.replace("\r\n", "\n")))


def one_line(text: str, *, most: int = LONGEST_LINE) -> str:
    """Return `text` as a single plain line of at most `most` characters."""
    line = " ".join(plain(text).split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def fenced(text: str, *, language: str = "text") -> str:
    """Return `text` as a Markdown block from which it cannot break out."""
    clean = plain(text).strip("\n")
    longest = max((len(found) for found in _FENCE.findall(clean)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{clean}\n{fence}"


def prompt_diff(old: Prompt, new: Prompt) -> list[str]:
    """Return the unified diff of two prompts, part by part; empty when they are the same."""
    before, after = _parts(old), _parts(new)
    lines: list[str] = []
    for part in dict.fromkeys((*before, *after)):
        a, b = (plain(parts.get(part, "")).splitlines() for parts in (before, after))
        lines += difflib.unified_diff(a, b, f"{part} (yours)", f"{part} (new)", lineterm="")
    return lines


def _parts(prompt: Prompt) -> dict[str, str]:
    demos = "\n".join(f"{_listed(demo.inputs)}\n-> {demo.output}" for demo in prompt.demos)
    parts = {"system": prompt.system, "user": prompt.user, "demos": demos}
    return {part: text for part, text in parts.items() if text}


def _listed(inputs: Mapping[str, str]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in inputs.items())
