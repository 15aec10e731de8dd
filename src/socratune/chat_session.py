"""Opens a chat: a new one, or one that was left; holds it while the person is there, and says how to come back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from socratune.chat import Chat
from socratune.chat_commands import COMMANDS, Commands
from socratune.chat_files import TASKS, Desk
from socratune.chat_runs import Runs, caps_of
from socratune.chat_screen import Terminal, terminal
from socratune.chat_shown import said
from socratune.graphs.engine import Settings
from socratune.memory.errors import BadInput, BudgetExhausted, CallFailed, Paused
from socratune.memory.ledger import Ledger
from socratune.memory.records import Budget
from socratune.memory.runs import RunFolder
from socratune.memory.talk import Talk
from socratune.options import Manner
from socratune.orders import read_task
from socratune.running import INTERRUPTED, agree
from socratune.text import CAVEAT
from socratune.tools.models import check_model
from socratune.tools.task_files import AS_WRITTEN, DEFAULT_BUDGET, Overrides, optimizer_for
from socratune.tools.task_form import read_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a chat is about and with which models; kept in its ledger, so that `--thread` alone brings it back."""

    file: Path | None = None
    """Absolute."""
    overrides: Overrides = AS_WRITTEN
    settings: Settings = field(default_factory=Settings)

    @property
    def models(self) -> tuple[str, str]:
        """Target and optimizer."""
        target, optimizer = self.overrides.target or "", self.overrides.optimizer or ""
        return target, optimizer

    @property
    def simulated(self) -> bool:
        """Whether nothing is paid."""
        return all(model.startswith("sim:") for model in self.models)


_OPENING = TypeAdapter(Opening)


def opening(file: Path | None, overrides: Overrides, settings: Settings) -> Opening:
    """Return what a new chat is about. Raises `BadInput` before anything is called."""
    if file is not None and file.suffix in TASKS:
        task = read_task(file, overrides).task
        capped = None if task.budget == DEFAULT_BUDGET else task.budget
        named = replace(overrides, target=task.target, optimizer=task.optimizer, budget=overrides.budget or capped)
        return Opening(file=file, overrides=named, settings=settings)
    if file is not None:
        read_text(file)
    if overrides.target is None:
        cure = "pass --target and the model that will run the prompt, such as openai:gpt-4.1-mini"
        raise BadInput("names no target", place="chat", cure=cure)
    named = replace(overrides, optimizer=overrides.optimizer or optimizer_for(overrides.target))
    for model in (named.target, named.optimizer):
        check_model(model or "")
    return Opening(file=file, overrides=named, settings=settings)


def begin(what: Opening, manner: Manner) -> int:
    """Make a chat and hold it; return the exit code. One that is refused at its door leaves no folder."""
    folder = manner.place.new_chat()
    try:
        return hold(folder, manner, what)
    except BadInput:
        if not folder.checkpoints.exists():
            manner.place.forget_run(folder)
        raise


def come_back(thread: str, manner: Manner, budget: Budget | None) -> int:
    """Go on with a chat where it was left; a new budget is for all of it."""
    return hold(manner.place.chat(thread), manner, budget=budget)


def hold(folder: RunFolder, manner: Manner, new: Opening | None = None, *, budget: Budget | None = None) -> int:
    """Talk until the person leaves; return the exit code."""
    again = manner.command("chat", "--thread", folder.id)
    with folder.held(), _ledger(folder) as ledger, _resumable(again):
        if new is not None:
            ledger.begin_run({"chat": _OPENING.dump_python(new, mode="json")})
        what = _kept(ledger, folder)
        what = replace(what, overrides=replace(what.overrides, budget=budget)) if budget is not None else what
        screen = terminal((*COMMANDS, "skip"), folder.path.parent / "history")
        chat = _chat(what, ledger, folder, manner, screen)
        if new is not None:
            asyncio.run(chat.desk.open())
        if what.simulated:
            screen.show(said(CAVEAT, style="magenta"))
        screen.show(said(f"Chat {folder.id}. {screen.hint}", style="dim"))
        code = _left(chat, screen)
        screen.show(said(f"Come back with: {again}"))
        return code


def _left(chat: Chat, screen: Terminal) -> int:
    try:
        return chat.go()
    except KeyboardInterrupt:
        screen.show(said("Interrupted; nothing is lost."))
        return INTERRUPTED


def _chat(what: Opening, ledger: Ledger, folder: RunFolder, manner: Manner, screen: Terminal) -> Chat:
    talk = Talk(ledger)
    desk = Desk(folder=folder, home=manner.place, talk=talk, file=what.file, overrides=what.overrides)
    runs = Runs(desk=desk, manner=manner, settings=what.settings, budget=what.overrides.budget)
    return Chat(
        terminal=screen,
        desk=desk,
        runs=runs,
        commands=Commands(terminal=screen, desk=desk, runs=runs, simulated=what.simulated),
        optimizer=what.models[1],
        consent=_consent(what, talk, manner, screen),
    )


def _consent(what: Opening, talk: Talk, manner: Manner, screen: Terminal) -> Callable[[], None]:
    """Return what asks, once in a chat, whether its calls may be paid for."""

    def ask() -> None:
        if what.simulated or talk.noted("agreed"):
            return
        target, optimizer = what.models
        told = f"What you say, and up to a few of your rows, goes to {optimizer}; in a run all rows go to {target}."
        screen.show(said(f"{told} Budget: {caps_of(what.overrides.budget)}."))
        agree(what.models, manner)
        asyncio.run(talk.note("agreed", "", {"budget": asdict(what.overrides.budget or Budget())}))

    return ask


def _kept(ledger: Ledger, folder: RunFolder) -> Opening:
    settings: dict[str, Any] = ledger.settings()
    if "chat" not in settings:
        raise BadInput("holds no chat", place=str(folder.path), cure="begin one with `socratune chat`")
    ledger.take_over()
    return _OPENING.validate_python(settings["chat"])


@contextmanager
def _ledger(folder: RunFolder) -> Iterator[Ledger]:
    ledger = Ledger.open(folder.ledger, folder.id)
    try:
        yield ledger
    finally:
        ledger.close()


@contextmanager
def _resumable(again: str) -> Iterator[None]:
    """Turn what stops a chat early into a pause, with the command that goes on with it."""
    try:
        yield
    except (CallFailed, BudgetExhausted) as error:
        paused = Paused(str(error))
        paused.add_note(f"go on with: {again}{' --budget CAPS' if isinstance(error, BudgetExhausted) else ''}")
        raise paused from error
    except Paused as error:
        error.add_note(f"go on with: {again}")
        raise
