"""`optimize` and `resume`: runs from their first call to their last."""

# ruff: noqa: PLC0415  # what is heavy is imported by the command that needs it, so that --help answers at once

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from socratune.options import Choices, Manner, Pace, RunName, TaskFile

Accept = Annotated[
    Literal["improved", "promising"],
    typer.Option(help="`promising` also takes a prompt that is not proven for the best."),
]


def optimize(file: TaskFile, choices: Choices, pace: Pace, manner: Manner, accept: Accept = "improved") -> None:
    """Improve the prompt of a task file, and test the result once on rows that chose nothing."""
    from socratune.orders import SavedOrder
    from socratune.running import start

    saved = SavedOrder(file=Path(os.path.abspath(file)), overrides=choices.overrides, settings=pace.settings)
    start(saved, manner, accept=accept == "promising")


def resume(run: RunName, manner: Manner, accept: Accept = "improved") -> None:
    """Go on with a run that was interrupted; what was paid for is not paid again."""
    from socratune.calibration import calibrate
    from socratune.evaluation import evaluate
    from socratune.orders import SavedOrder
    from socratune.outcome import read_result
    from socratune.running import EXIT_CODES, go_on, show

    folder = manner.place.run(run)
    saved = SavedOrder.read(folder)
    if saved.kind == "eval":
        evaluate(saved, folder, manner)
    elif saved.kind == "calibrate":
        calibrate(saved, folder, manner)
    elif folder.result.exists():
        result = read_result(folder)
        show(result, folder, manner)
        raise typer.Exit(EXIT_CODES[result.status])
    else:
        go_on(saved, folder, manner, loaded=saved.load(), accept=accept == "promising")
