"""A configuration in our own words, so that all that holds for task files holds for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from socratune.tools.promptfoo.cases import EXPECTED
from socratune.tools.promptfoo.config import Value, parse
from socratune.tools.promptfoo.prompts import parts_of, written_prompt
from socratune.tools.promptfoo.providers import passed_over, provider
from socratune.tools.task_form import Document, TaskForm, checked_form
from socratune.tools.yaml_text import read_text

READ = ("prompts", "providers", "targets", "tests", "defaultTest", "description")
INERT = (
    *("$schema", "tags", "metadata", "outputPath", "sharing", "evaluateOptions", "commandLineOptions"),
    *("env", "writeLatestResults"),
)
"""Keys that say how Promptfoo runs, not what is asked."""


def read_config(text: str, path: Path, *, target: str | None) -> Document:
    """Read a configuration; with a target of the user's own its providers do not matter."""
    config = parse(text, path)
    fields = config.fields("the configuration", (*READ, *INERT))
    parts = parts_of(written_prompt(config.within("prompts"), read=read_text))
    written: dict[str, object] = {"name": path.stem}
    if "description" in fields:
        written["goal"] = fields["description"].text("description")
    written |= {"prompt": parts["user"]} if set(parts) == {"user"} else {str(part): parts[part] for part in parts}
    written |= {"data": path.name, "expected": EXPECTED, "metric": "assert"}
    written |= {} if target is not None else _model(fields)
    lines = _lines(fields)
    return Document(
        path=path,
        form=checked_form(TaskForm, written, place=str(path), lines=lines),
        written=written,
        lines=lines,
        promptfoo=True,
        notes=tuple(_notes(fields, target)),
    )


def _named(fields: Mapping[str, Value]) -> Value | None:
    return fields.get("providers") or fields.get("targets")


def _model(fields: Mapping[str, Value]) -> dict[str, object]:
    named = _named(fields)
    return {} if named is None else {"target": provider(named)}


def _lines(fields: Mapping[str, Value]) -> dict[str, int]:
    """Return the line of each of our keys: that of the key which it comes from."""
    sources = {
        **dict.fromkeys(("prompt", "system", "user"), "prompts"),
        **dict.fromkeys(("data", "expected", "metric"), "tests"),
        "target": "targets" if "targets" in fields else "providers",
    }
    return {ours: int(fields[key].place.rpartition(":")[2]) for ours, key in sources.items() if key in fields}


def _notes(fields: Mapping[str, Value], target: str | None) -> Iterator[str]:
    if target is not None and (named := _named(fields)) is not None:
        yield passed_over(named)
    inert = [key for key in fields if key in INERT]
    if inert:
        yield f"{', '.join(inert)}: how Promptfoo runs, which plays no part here"
