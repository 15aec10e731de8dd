"""A compare from the command line: what is said before it, who may stop it, and what its end is called."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace

import typer
from rich.console import Console

from socratune.agreement import agree, need_somebody, needs_consent
from socratune.batch_screen import BatchScreen
from socratune.batches import Ended
from socratune.before import outlook_of
from socratune.comparison_result import compared
from socratune.comparison_screen import after, before
from socratune.comparisons import Arm, Onlookers, begin, carry_on, check_unchanged, finished, planned, read, unfinished
from socratune.graphs.batch import Outcome
from socratune.graphs.recipes import recipe_named
from socratune.memory.errors import BadInput
from socratune.memory.ledger import Event
from socratune.memory.runs import RunFolder
from socratune.options import Trusting
from socratune.orders import SavedOrder
from socratune.outcome import replace_text
from socratune.printing import printed
from socratune.running import INTERRUPTED, Stopper, stoppable, tell
from socratune.text import plain
from socratune.tools.caller import Caller
from socratune.tools.task_files import LoadedTask

CODES = {"interrupted": INTERRUPTED, "failed": 1, "paused": 4, "improved": 0, "no_improvement": 3}
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
        comparison = read(folder)
        tell(f"going on with {folder.id}", manner)
    earlier = None if folder is not None else finished(comparison, manner.place)
    need_somebody(outlook.sendings, manner)
    if not manner.quiet or needs_consent(outlook.sendings, manner):
        for line in (*map(str, outlook.sendings), *before(comparison, outlook, earlier)):
            typer.echo(plain(line), err=True)
    agree(outlook.sendings, manner)
    go_on(folder or begin(comparison, asked, manner.place), manner)


def _with_every_model(asked: SavedOrder, arms: Sequence[Arm], loaded: LoadedTask, manner: Trusting) -> LoadedTask:
    """Return the task as the arm sees it that calls most models: one that compares answers has a judge."""
    judged = next((arm.recipe for arm in arms if recipe_named(arm.recipe).feedback == "pairwise"), None)
    if judged is None:
        return loaded
    return replace(asked, overrides=replace(asked.overrides, recipe=judged)).load(manner.consent)


def go_on(folder: RunFolder, manner: Trusting) -> None:
    """Carry out a compare from where it stands. Ends the command by raising `typer.Exit`."""
    comparison = read(folder)
    check_unchanged(folder, manner.consent)
    with folder.held():
        found = compared(folder, comparison, _seen_through(folder, len(comparison.runs), manner))
        if found.is_whole:
            replace_text(folder.result, json.dumps(found.as_dict(), indent=2) + "\n")
    if manner.json:
        typer.echo(json.dumps(found.as_dict()))
    else:
        printed(after(found, manner))
    raise typer.Exit(CODES[found.status])


def _seen_through(folder: RunFolder, runs: int, manner: Trusting) -> dict[str, Outcome]:
    console = Console(stderr=True, highlight=False)
    with BatchScreen(console, runs, quiet=manner.quiet) as screen:
        stopper = Stopper(screen.say, screen.close)
        watched: set[str] = set()

        def begun(run: str, caller: Caller) -> None:
            if run not in watched:  # a run that ends with the seed is opened again, to score it
                watched.add(run)
                screen.watch(run, caller)
            stopper.watch(caller)

        def heard(run: str, event: Event) -> None:
            screen.hear(run, event)

        def ended(run: str, outcome: Outcome) -> None:
            screen.ended(Ended(task=run, run=run, outcome=outcome))

        onlookers = Onlookers(begun=begun, heard=heard, ended=ended, consent=manner.consent)
        return dict(asyncio.run(stoppable(stopper, lambda: carry_on(folder, manner.place, onlookers))))
