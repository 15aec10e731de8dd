"""A run from the command line: what is said before it, who may stop it, and what is left at its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import stamina.instrumentation
import typer
from rich.console import Console
from rich.text import Text

from socratune.agreement import agree, need_somebody, needs_consent
from socratune.api import carry_out
from socratune.before import caps_of, forewarning, outlook_of, sendings_of
from socratune.graphs.engine import Order, Watch
from socratune.graphs.result import Result
from socratune.memory.errors import BadInput, Interrupted, Paused, RunOwned
from socratune.memory.ledger import Spent
from socratune.memory.runs import RunFolder
from socratune.options import Manner
from socratune.orders import SavedOrder
from socratune.outcome import keep_leading, short, surroundings, write_outcome
from socratune.printing import printed
from socratune.report import summary
from socratune.screen import Screen
from socratune.standing import opened
from socratune.text import plain
from socratune.tools.caller import Caller
from socratune.tools.task_files import LoadedTask

EXIT_CODES = {"improved": 0, "promising": 3, "no_improvement": 3}
INTERRUPTED = 130
T = TypeVar("T")


def start(saved: SavedOrder, manner: Manner, *, accept: bool = False) -> None:
    """Make a new run and see it through. Ends the command by raising `typer.Exit`."""
    loaded = saved.load(manner.consent)
    forewarn(loaded, manner, saved.settings.hosts)
    folder = manner.place.new_run(loaded.task.name)
    saved.save(folder)
    go_on(saved, folder, manner, loaded=loaded, accept=accept)


def go_on(saved: SavedOrder, folder: RunFolder, manner: Manner, *, loaded: LoadedTask, accept: bool = False) -> None:
    """See a run through from where it stands. Ends the command by raising `typer.Exit`."""
    order = Order(task=loaded.task, examples=loaded.examples, settings=saved.settings)
    result = seen_through(order, folder, manner, loaded)
    trouble = write_outcome(folder, result, loaded, accept=accept)
    show(result, folder, manner)
    for line in trouble:
        typer.echo(line, err=True)
    raise typer.Exit(EXIT_CODES[result.status])


def forewarn(loaded: LoadedTask, manner: Manner, hosts: Mapping[str, str]) -> None:
    """Say what the run may use, what its rows can prove and which texts go where; ask when real models are called."""
    outlook = outlook_of(loaded, manner.place, hosts=hosts)
    if outlook.missing:
        raise BadInput(outlook.missing[0])
    need_somebody(outlook.sendings, manner)
    if not manner.quiet or needs_consent(outlook.sendings, manner):
        printed(forewarning(outlook), stderr=True)
    agree(outlook.sendings, manner)


def agree_again(loaded: LoadedTask, folder: RunFolder, manner: Manner) -> None:
    """Ask before a run that was begun spends more."""
    sendings = sendings_of(loaded)
    spent = "nothing was spent so far"
    if folder.ledger.exists():
        with opened(folder) as ledger:
            used = Spent.total(ledger.spent().values())
        usd = f"{used.usd:.2f} USD" if used.priced else "a price that is not known"
        spent = f"{used.calls:,} calls for {usd} so far"
    agree(sendings, manner, told=[*map(str, sendings), f"{spent}; {caps_of(loaded.task.budget)}"])


def seen_through(order: Order, folder: RunFolder, manner: Manner, loaded: LoadedTask) -> Result:
    """Carry out a run with Ctrl-C in hand and its progress on stderr; what ends it early says how to go on."""
    quiet = manner.quiet
    with (
        Screen(Console(stderr=True, highlight=False), folder, quiet=quiet) as screen,
        resumable(folder, again=manner.command("resume", folder.id)),
    ):
        stopper = Stopper(screen.say, screen.close)

        def started(caller: Caller) -> None:
            screen.watch(caller)
            stopper.watch(caller)

        try:
            watch = Watch(listeners=(keep_leading(folder, loaded), screen.hear), started=started)
            return asyncio.run(stoppable(stopper, lambda: carry_out(order, folder, manner.place, watch)))
        except Interrupted as error:
            error.add_note(f"best so far: {screen.standing or 'your own prompt'}")
            if folder.leading.exists():
                error.add_note(f"it is in {short(folder.leading)}")
            raise


@contextmanager
def resumable(folder: RunFolder, *, again: str) -> Iterator[None]:
    """Say of whatever ends some work early which command goes on with it, and where its log is."""
    try:
        yield
    except (Paused, Interrupted) as error:
        error.add_note(f"go on with: {again}")
        raise
    except (BadInput, RunOwned):
        raise
    except Exception as error:
        if folder.log.exists():
            error.add_note(f"its log: {short(folder.log)}")
        error.add_note(f"go on with: {again}")
        raise


class Stopper:
    """What Ctrl-C does: the first lets no new call out and waits for those in flight, the second leaves at once."""

    def __init__(self, say: Callable[[str], None], close: Callable[[], None]) -> None:
        self._say, self._close = say, close
        self._callers: list[Caller] = []
        self.pressed = 0

    def watch(self, caller: Caller) -> None:
        """Stop this caller, too, when the time comes, or now when it has come."""
        self._callers.append(caller)
        if self.pressed:
            caller.purse.stop()

    def press(self) -> None:
        """Take one Ctrl-C."""
        self.pressed += 1
        if self.pressed > 1:
            self._close()
            os._exit(INTERRUPTED)
        self._say("Stopping: no new call is made; those in flight are waited for. Ctrl-C again leaves at once.")
        for caller in self._callers:
            caller.purse.stop()


async def stoppable(stopper: Stopper, work: Callable[[], Awaitable[T]]) -> T:
    """Carry out some work that calls models, with Ctrl-C in the hands of the stopper."""
    stamina.instrumentation.set_on_retry_hooks(())  # stdout is for the result alone, and retries are told there
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError):  # not on Windows, where Ctrl-C cancels the work
        loop.add_signal_handler(signal.SIGINT, stopper.press)
    return await work()


def show(result: Result, folder: RunFolder, manner: Manner) -> None:
    """Print a result on stdout: for a person, or as one JSON object."""
    if manner.json:
        typer.echo(json.dumps(result.as_dict()))
        return
    around = surroundings(folder, result, following(result, manner))
    printed(summary(result, around, brief=manner.quiet))


def following(result: Result, manner: Manner) -> dict[str, str]:
    """Return what can be typed after a run, each command with what it does."""
    steps = {manner.command("report", result.run): "tells the whole dialogue"}
    if result.status == "improved":
        return {manner.command("apply", result.run): "puts the new prompt into your file", **steps}
    if result.status == "promising":
        return {manner.command("test", result.run, "--data", "new.csv"): "tests it on fresh rows", **steps}
    return steps


def tell(line: str, manner: Manner) -> None:
    """Say a line on stderr, unless the person wants the end only."""
    if not manner.quiet:
        Console(stderr=True, highlight=False).print(Text(plain(line)), soft_wrap=True)
