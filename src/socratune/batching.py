"""A batch from the command line: what is said before it, who may stop it, and the table at its end.

How several runs are asked for again and watched is the same for a compare.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TypeVar

import typer
from rich.console import Console

from socratune.agreement import agree, needs_consent
from socratune.batch_screen import BatchScreen, after, before
from socratune.batches import KEPT, Ended, Onlookers, begin, carry_on, left, orders_of, place_of, write_out
from socratune.before import caps_of, outlook_of, sendings_of
from socratune.graphs.batch import gravest
from socratune.memory.errors import BadInput
from socratune.memory.ledger import Spent
from socratune.memory.records import Budget
from socratune.memory.runs import RunFolder
from socratune.options import Manner, Trusting
from socratune.orders import SavedOrder
from socratune.printing import printed
from socratune.progress import counted
from socratune.running import INTERRUPTED, Stopper, stoppable
from socratune.standing import opened
from socratune.tools.caller import Caller
from socratune.tools.task_files import LoadedTask

UNENDED = {"interrupted": INTERRUPTED, "failed": 1, "paused": 4}
"""Exit codes by what kept a run from its result; that of the gravest counts."""
T = TypeVar("T")


def start(tasks: Sequence[Path], asked: SavedOrder, manner: Trusting, *, out: Path | None, jobs: int) -> None:
    """Read all tasks, ask once, and carry out the batch; each task is ordered as `asked`, but for its file.

    Ends the command by raising `typer.Exit`.
    """
    orders = orders_of(tasks, asked, consent=manner.consent)
    outlooks = {
        place_of(saved): outlook_of(loaded, manner.place, hosts=asked.settings.hosts) for saved, loaded in orders
    }
    sendings = tuple(dict.fromkeys(sending for each in outlooks.values() for sending in each.sendings))
    if not manner.quiet or needs_consent(sendings, manner):
        printed(before(outlooks), stderr=True)
    if missing := [line for each in outlooks.values() for line in each.missing]:
        raise BadInput(missing[0])
    agree(sendings, manner, told=[str(sending) for sending in sendings])
    _carry_out(begin(orders, manner.place, jobs=jobs, out=out), manner)


def go_on(folder: RunFolder, manner: Trusting) -> None:
    """Ask again, and carry out a batch from where it stands. Ends the command by raising `typer.Exit`."""
    batch = KEPT.read(folder)
    agree_again(list(left(batch, manner.place, manner.consent)), manner)
    _carry_out(folder, manner)


def agree_again(runs: Sequence[tuple[RunFolder, LoadedTask]], manner: Manner) -> None:
    """Ask before several runs that were begun, and have no result yet, spend more."""
    sendings = tuple(dict.fromkeys(sending for _, task in runs for sending in sendings_of(task)))
    if not needs_consent(sendings, manner):
        return
    spent = Spent.total(used for run, _ in runs if run.ledger.exists() for used in _paid(run))
    usd = f"{spent.usd:.2f} USD" if spent.priced else "a price that is not known"
    together = caps_of(_together([task.task.budget for _, task in runs]))
    standing = f"{counted(len(runs), 'run')} to go on with: {spent.calls:,} calls for {usd} so far; {together}"
    agree(sendings, manner, told=[*map(str, sendings), standing])


def _paid(run: RunFolder) -> list[Spent]:
    with opened(run) as ledger:
        return list(ledger.spent(copied=False).values())


def _together(budgets: Sequence[Budget]) -> Budget:
    caps = {each.name: [getattr(budget, each.name) for budget in budgets] for each in fields(Budget)}
    return Budget(**{name: None if None in each else sum(each) for name, each in caps.items()})


def _carry_out(folder: RunFolder, manner: Trusting) -> None:
    batch = KEPT.read(folder)
    with folder.held():
        ended = seen_through(len(batch.runs), manner, lambda onlookers: carry_on(folder, manner.place, onlookers))
    trouble = write_out(ended, manner.place, batch.out) if batch.out else []
    if manner.json:
        tasks = [each.as_dict() for each in ended]
        typer.echo(json.dumps({"schema_version": 1, "batch": folder.id, "tasks": tasks}))
    else:
        console = Console(highlight=False)
        console.print(after(ended, folder, manner, width=console.width), crop=False)
    for line in trouble:
        typer.echo(line, err=True)
    raise typer.Exit(code_of(ended))


def code_of(ended: Sequence[Ended]) -> int:
    """Return the exit code: 0 when every prompt is improved, 3 when every task has a verdict."""
    statuses = {each.status for each in ended}
    bad = gravest(statuses)
    return UNENDED[bad] if bad else 0 if statuses == {"improved"} else 3


def seen_through(runs: int, manner: Trusting, carry_on: Callable[[Onlookers], Awaitable[T]]) -> T:
    """Carry out several runs with Ctrl-C in hand and their progress on stderr."""
    console = Console(stderr=True, highlight=False)
    with BatchScreen(console, runs, quiet=manner.quiet) as screen:
        stopper = Stopper(screen.say, screen.close)

        def begun(run: str, caller: Caller) -> None:
            screen.watch(run, caller)
            stopper.watch(caller)

        onlookers = Onlookers(begun=begun, heard=screen.hear, ended=screen.ended, consent=manner.consent)
        return asyncio.run(stoppable(stopper, lambda: carry_on(onlookers)))
