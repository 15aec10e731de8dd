"""Whether two tasks have the same rows, wherever those were read from."""

from __future__ import annotations

from socratune.memory.records import Example
from socratune.tools.task_files import LoadedTask


def different_rows(mine: LoadedTask, other: LoadedTask) -> str:
    """Say how the rows of two tasks differ; empty when they say the same, wherever they were read from.

    A column that one of the prompts does not use cannot be compared and does not matter to it.
    """
    if len(mine.examples) != len(other.examples):
        return f"{len(mine.examples)} and {len(other.examples)}"
    names = [name for name in mine.task.variables if name in other.task.variables]
    files = [{side: file.resolve() for side, file in task.source.files.items()} for task in (mine, other)]
    if not names and files[0] != files[1]:
        return "the prompts have no column in common"

    def said(row: Example) -> tuple[object, ...]:
        return row.id, row.expected, row.checks, [row.inputs[name] for name in names]

    pairs = zip(mine.examples, other.examples, strict=True)
    first = next((row for row, theirs in pairs if said(row) != said(theirs)), None)
    return f"{first.id} is the first that differs" if first else ""
