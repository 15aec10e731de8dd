"""`estimate`, `optimize` and `resume`: runs from before their first call to their last."""

# ruff: noqa: PLC0415  # what is heavy is imported by the command that needs it, so that --help answers at once

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from socratune.options import Choices, Manner, Pace, RunName, TaskFile, Trusting

if TYPE_CHECKING:
    from socratune.orders import SavedOrder

Accept = Annotated[
    Literal["improved", "promising"],
    typer.Option(help="`promising` also takes a prompt that is not proven for the best."),
]


def optimize(file: TaskFile, choices: Choices, pace: Pace, manner: Trusting, accept: Accept = "improved") -> None:
    """Improve the prompt of a task file, and test the result once on rows that chose nothing."""
    from socratune.running import start

    saved = ordered(file, choices, pace, manner)
    start(saved, manner, accept=accept == "promising")


def ordered(file: Path, choices: Choices, pace: Pace, manner: Manner) -> SavedOrder:
    """Return what the command line asks of a task file, with the defaults of the home."""
    from socratune.orders import SavedOrder

    configuration = manner.configuration
    return SavedOrder(
        file=Path(os.path.abspath(file)),
        overrides=choices.overrides,
        defaults=configuration.defaults,
        settings=pace.under(configuration),
    )


def estimate(file: TaskFile, choices: Choices, pace: Pace, manner: Trusting) -> None:
    """Say what `optimize` may use and what the rows can prove, without a call and without a key."""
    from socratune.before import as_record, forewarning, outlook_of
    from socratune.consent import IDLE
    from socratune.printing import printed

    saved = ordered(file, choices, pace, manner)
    loaded = saved.load(IDLE, keyless=True)
    outlook = outlook_of(loaded, manner.place, hosts=saved.settings.hosts)
    if manner.json:
        typer.echo(json.dumps(as_record(outlook)))
        return
    printed(forewarning(outlook))


def resume(run: RunName, manner: Trusting, accept: Accept = "improved") -> None:
    """Go on with a run that was interrupted; what was paid for is not paid again."""
    from socratune import batching, comparing
    from socratune.calibration import go_on_calibrating
    from socratune.evaluation import go_on_evaluating
    from socratune.given_orders import refuse_given
    from socratune.orders import SavedOrder
    from socratune.outcome import read_result, refuse_part
    from socratune.running import EXIT_CODES, agree_again, go_on, show

    if (several := manner.place.batch(run)) is not None:
        batching.go_on(several, manner)
    if (several := manner.place.compare(run)) is not None:
        comparing.go_on(several, manner)
    folder = manner.place.run(run)
    refuse_part(folder)
    saved = SavedOrder.read(folder)
    if saved.kind == "eval":
        go_on_evaluating(saved, folder, manner)
    elif saved.kind == "calibrate":
        go_on_calibrating(saved, folder, manner)
    elif folder.result.exists():
        result = read_result(folder)
        show(result, folder, manner)
        raise typer.Exit(EXIT_CODES[result.status])
    else:
        refuse_given(folder)
        loaded = saved.load(manner.consent)
        agree_again(loaded, folder, manner)
        go_on(saved, folder, manner, loaded=loaded, accept=accept == "promising")
