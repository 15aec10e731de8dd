"""How a simulated rewriter edits a prompt: it adds lines, drops those that they contradict, and keeps the rest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from socratune.memory.records import Prompt
from socratune.tools.simulator.world import World
from socratune.tools.simulator.world_file import Distractor
from socratune.tools.tokens import estimate

LEAVE_OUT = "Leave out: "
"""Begins a rule that takes a sentence out of the prompt."""

_LIST_AT_END = re.compile(r"(?:\A|\n)- [^\n]*\Z")


def with_rules(
    prompt: Prompt, rules: Sequence[str], *, world: World, max_tokens: int | None
) -> tuple[Prompt, tuple[str, ...]]:
    """Return the prompt with each rule that it does not convey yet, as far as they fit, and the rules acted on."""
    added: list[str] = []
    for rule in rules:
        kept = _without_lines(prompt, _in_the_way(rule, world))
        if kept != prompt:
            prompt = kept
            added.append(rule)
        if rule.startswith(LEAVE_OUT):
            continue
        longer = _with_line(prompt, f"- {rule}")
        fits = max_tokens is None or estimate(longer.instructions) <= max_tokens
        if fits and not says_already(prompt.instructions, rule, world):
            prompt = longer
            added.append(rule)
    return prompt, tuple(added)


def _in_the_way(rule: str, world: World) -> list[Distractor]:
    """Return what a rule takes out: the sentence it names, or sentences that contradict it."""
    if rule.startswith(LEAVE_OUT):
        return [d for d in world.file.distractors if d.says == rule.removeprefix(LEAVE_OUT)]
    meant = world.conveyed(rule)
    return [d for d in world.file.distractors if d.contradicts in meant]


def _without_lines(prompt: Prompt, distractors: Sequence[Distractor]) -> Prompt:
    def kept(part: str | None) -> str | None:
        if part is None:
            return None
        lines = part.split("\n")
        return "\n".join(x for x in lines if not (x.startswith("- ") and any(d.said_in(x) for d in distractors)))

    return replace(prompt, system=kept(prompt.system), user=kept(prompt.user))


def says_already(text: str, rule: str, world: World) -> bool:
    """Whether `text` conveys all that `rule` does, or holds it to the letter."""
    meant = world.conveyed(rule)
    distracts = set(world.distractors_in(rule)) & set(world.distractors_in(text))
    return rule in text or bool(distracts) or bool(meant and meant <= world.conveyed(text))


def rewritten(prompt: Prompt, added: Sequence[str]) -> str:
    """Return a reply in the form `rewrite/1`."""
    reason = (
        f"Says now: {'; '.join(rule.rstrip('.') for rule in added)}." if added else "I don't know how to improve it."
    )
    system = "" if prompt.system is None else f"\n<new_system>\n{prompt.system}\n</new_system>"
    user = "" if prompt.user is None else f"\n<new_user>\n{prompt.user}\n</new_user>"
    return f"<reason>{reason}</reason>{system}{user}"


def _with_line(prompt: Prompt, line: str) -> Prompt:
    if prompt.system is not None:
        return replace(prompt, system=inserted(prompt.system, line))
    return replace(prompt, user=inserted(prompt.user or "", line))


def inserted(text: str, line: str) -> str:
    """Put `line` before the last paragraph that holds a placeholder; without one, at the end."""
    at = _start_of_paragraph(text, text.rfind("{{")) if "{{" in text else len(text)
    before, after = text[:at].rstrip("\n"), text[at:]
    gap = "" if not before else "\n" if _LIST_AT_END.search(before) else "\n\n"
    return f"{before}{gap}{line}\n\n{after}" if after else f"{before}{gap}{line}"


def _start_of_paragraph(text: str, position: int) -> int:
    gap = text.rfind("\n\n", 0, position)
    return gap + 2 if gap >= 0 else 0
