"""`batch`: many tasks under one budget."""

# ruff: noqa: PLC0415  # what is heavy is imported by the command that needs it, so that --help answers at once

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from socratune.commands.optimize import ordered
from socratune.options import Choices, Pace, Trusting

Tasks = Annotated[
    list[Path], typer.Argument(metavar="TASKS...", help="Task files, folders of them, or .jsonl files with one a line.")
]
Out = Annotated[Path | None, typer.Option(metavar="DIR", help="Also write the prompts and results.jsonl there.")]
Jobs = Annotated[int, typer.Option(min=1, help="Runs at once.")]


def batch(tasks: Tasks, choices: Choices, pace: Pace, manner: Trusting, out: Out = None, jobs: Jobs = 2) -> None:
    """Improve the prompts of many tasks, each in a run of its own; `--budget` is for all of them, in equal shares."""
    from socratune.batching import start

    start(tasks, ordered(Path(), choices, pace, manner), manner, out=out, jobs=jobs)
