"""`eval`, `test` and `calibrate`: prompts, and judges, measured on given rows without a search."""

# ruff: noqa: PLC0415  # what is heavy is imported by the command that needs it, so that --help answers at once

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from socratune.commands.optimize import ordered
from socratune.options import Choices, Manner, Pace, RunName, TaskFile, Trusting

Against = Annotated[
    Path | None,
    typer.Option(
        metavar="OTHER", help="Task file whose prompt is the baseline: yours, where FILE is best.yaml of a run."
    ),
]
NewRows = Annotated[Path, typer.Option("--data", metavar="ROWS", help="Labelled rows that the run has not seen.")]
Caps = Annotated[str | None, typer.Option("--budget", metavar="CAPS", help="rollouts=600,usd=2; a bare number is USD.")]


def score(file: TaskFile, choices: Choices, pace: Pace, manner: Trusting, against: Against = None) -> None:
    """Score a prompt on all labelled rows, without a search; with --against, compare it with another."""
    from socratune.evaluation import start_evaluation

    other = Path(os.path.abspath(against)) if against is not None else None
    saved = replace(ordered(file, choices, pace, manner), kind="eval", against=other)
    start_evaluation(saved, manner)


def calibrate(file: TaskFile, choices: Choices, pace: Pace, manner: Manner) -> None:
    """Hold a rubric's judge against people's own grades: can it be trusted, and which way does it lean."""
    from socratune.calibration import start_calibration

    start_calibration(replace(ordered(file, choices, pace, manner), kind="calibrate"), manner)


def prove(run: RunName, data: NewRows, manner: Trusting, budget: Caps = None) -> None:
    """Test a finished run's best prompt against yours on fresh rows; each look has less error to spend."""
    from socratune.retest import retest
    from socratune.tools.task_form import parse_budget

    retest(manner.place.run(run), data, manner, budget=parse_budget(budget) if budget is not None else None)
