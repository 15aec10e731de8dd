"""A compare from the command line: what is said before it, who may stop it, and what its end is called."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import typer

from socratune.agreement import agree, need_somebody, needs_consent
from socratune.batching import UNENDED, agree_again, seen_through
from socratune.before import outlook_of
from socratune.comparison_result import compared
from socratune.comparison_screen import after, before
from socratune.comparisons import (
    KEPT,
    Arm,
    begin,
    carry_on,
    check_unchanged,
    finished,
    planned,
    unfinished,
)
from socratune.graphs.recipes import recipe_named
from socratune.memory.errors import BadInput
from socratune.memory.runs import RunFolder
from socratune.options import Trusting
from socratune.orders import SavedOrder
from socratune.outcome import replace_text
from socratune.printing import printed
from socratune.running import EXIT_CODES, tell
from socratune.text import plain
from socratune.tools.task_files import LoadedTask

CODES = {**EXIT_CODES, **UNENDED, "no_verdict": 3}
"""Exit codes by what came of a compare."""


def start(asked: SavedOrder, arms: Sequence[Arm], seeds: Sequence[int], manner: Trusting) -> None:
    """Say what it may use, ask, and carry out a compare; the same one goes on when it was cut off.

    Ends the command by raising `typer.Exit`.
    """
    loaded = asked.load(manner.consent)
    comparison = planned(asked, loaded, arms, seeds, manner.place)
    every_model = _with_every_model(asked, comparison.arms, loaded, manner)
    outlook = outlook_of(every_model, manner.place, hosts=asked.settings.hosts)
    if outlook.missing:
        raise BadInput(outlook.missing[0])
    folder = unfinished(comparison, manner.place)
    if folder is not None:
        check_unchanged(folder, manner.consent)
        comparison = KEPT.read(folder)
        tell(f"going on with {folder.id}", manner)
    earlier = None if folder is not None else finished(comparison, manner.place)
    need_somebody(outlook.sendings, manner)
    if not manner.quiet or needs_consent(outlook.sendings, manner):
        for line in (*map(str, outlook.sendings), *before(comparison, outlook, earlier)):
            typer.echo(plain(line), err=True)
    agree(outlook.sendings, manner)
    _carry_out(folder or begin(comparison, asked, manner.place), manner)


def _with_every_model(asked: SavedOrder, arms: Sequence[Arm], loaded: LoadedTask, manner: Trusting) -> LoadedTask:
    """Return the task as the arm sees it that calls most models: one that compares answers has a judge."""
    judged = next((arm.recipe for arm in arms if recipe_named(arm.recipe).feedback == "pairwise"), None)
    if judged is None:
        return loaded
    return replace(asked, overrides=replace(asked.overrides, recipe=judged)).load(manner.consent)


def go_on(folder: RunFolder, manner: Trusting) -> None:
    """Ask again, and carry out a compare from where it stands. Ends the command by raising `typer.Exit`."""
    comparison = KEPT.read(folder)
    runs = (folder.part(run) for run in comparison.runs)
    if left := [run for run in runs if not run.result.exists()]:
        check_unchanged(folder, manner.consent)
        asked = SavedOrder.read(folder)
        task = _with_every_model(asked, comparison.arms, asked.load(manner.consent), manner)
        agree_again([(run, task) for run in left], manner)
    _carry_out(folder, manner)


def _carry_out(folder: RunFolder, manner: Trusting) -> None:
    comparison = KEPT.read(folder)
    with folder.held():
        came = seen_through(len(comparison.runs), manner, lambda onlookers: carry_on(folder, manner.place, onlookers))
        found = compared(folder, comparison, came)
        if found.is_whole:
            replace_text(folder.result, json.dumps(found.as_dict(), indent=2) + "\n")
    if manner.json:
        typer.echo(json.dumps(found.as_dict()))
    else:
        printed(after(found, manner))
    raise typer.Exit(CODES[found.status])
