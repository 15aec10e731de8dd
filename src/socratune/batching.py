"""A batch from the command line: what is said before it, who may stop it, and the table at its end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console

from socratune.agreement import agree, needs_consent
from socratune.batch_screen import BatchScreen, after, before
from socratune.batches import Batch, Ended, Onlookers, begin, carry_on, orders_of, place_of, read, write_out
from socratune.before import outlook_of
from socratune.memory.errors import BadInput
from socratune.memory.runs import RunFolder
from socratune.options import Trusting
from socratune.orders import SavedOrder
from socratune.printing import printed
from socratune.running import INTERRUPTED, Stopper, stoppable
from socratune.tools.caller import Caller

CODES = (("interrupted", INTERRUPTED), ("failed", 1), ("paused", 4))
"""The first that any task has is the batch's exit code."""


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
    folder = begin(orders, manner.place, jobs=jobs, out=out)
    go_on(folder, manner)


def go_on(folder: RunFolder, manner: Trusting) -> None:
    """Carry out a batch from where it stands. Ends the command by raising `typer.Exit`."""
    batch = read(folder)
    with folder.held():
        ended = _seen_through(batch, manner)
    trouble = write_out(ended, manner.place, batch.out) if batch.out else []
    if manner.json:
        tasks = [each.as_dict() for each in ended]
        typer.echo(json.dumps({"schema_version": 1, "batch": folder.id, "tasks": tasks}))
    else:
        console = Console(highlight=False)
        console.print(after(ended, folder.id, manner, width=console.width), crop=False)
    for line in trouble:
        typer.echo(line, err=True)
    raise typer.Exit(code_of(ended))


def code_of(ended: Sequence[Ended]) -> int:
    """Return the exit code: 0 when every prompt is improved, 3 when every task has a verdict."""
    statuses = {each.status for each in ended}
    bad = next((code for status, code in CODES if status in statuses), None)
    return bad if bad is not None else 0 if statuses == {"improved"} else 3


def _seen_through(batch: Batch, manner: Trusting) -> list[Ended]:
    console = Console(stderr=True, highlight=False)
    with BatchScreen(console, len(batch.runs), quiet=manner.quiet) as screen:
        stopper = Stopper(screen.say, screen.close)

        def begun(run: str, caller: Caller) -> None:
            screen.watch(run, caller)
            stopper.watch(caller)

        onlookers = Onlookers(begun=begun, heard=screen.hear, ended=screen.ended, consent=manner.consent)
        return asyncio.run(stoppable(stopper, lambda: carry_on(batch, manner.place, onlookers)))
