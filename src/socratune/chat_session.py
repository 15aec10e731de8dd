"""Opens a chat: a new one, or one that was left; holds it while the person is there, and says how to come back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import typer
from pydantic import TypeAdapter

from socratune.agreement import agree
from socratune.before import caps_of
from socratune.chat import LEFT, Chat
from socratune.chat_commands import COMMANDS, Commands
from socratune.chat_files import Desk
from socratune.chat_runs import Runs
from socratune.chat_screen import Terminal, terminal
from socratune.chat_shown import said
from socratune.chat_sources import Sources
from socratune.consent import Consent
from socratune.graphs.engine import Settings
from socratune.memory.errors import BadInput, BudgetExhausted, CallFailed, Paused
from socratune.memory.ledger import Ledger
from socratune.memory.records import Budget
from socratune.memory.runs import RunFolder
from socratune.memory.talk import Talk
from socratune.options import Manner
from socratune.orders import Reading
from socratune.running import INTERRUPTED
from socratune.text import CAVEAT
from socratune.tools.pasted import KINDS
from socratune.tools.task_files import AS_WRITTEN, DEFAULT_BUDGET, Overrides
from socratune.tools.yaml_text import read_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a chat is about and with which models; kept in its ledger, so that `--thread` alone brings it back."""

    file: Path | None = None
    """Absolute."""
    overrides: Overrides = AS_WRITTEN
    defaults: Overrides = AS_WRITTEN
    """What the home and the environment said when it began."""
    settings: Settings = field(default_factory=Settings)
    budget: Budget | None = None
    """Of the whole chat; None gives each run that of its task file, or the default."""

    def sources(self, consent: Consent) -> Sources:
        """Return what reads for the chat, with its code under this consent."""
        reading = Reading(defaults=self.defaults, consent=consent, hosts=self.settings.hosts)
        return Sources(file=self.file, overrides=self.overrides, reading=reading)


_OPENING = TypeAdapter(Opening)


def opening(asked: Opening, consent: Consent) -> Opening:
    """Return what a new chat is about, with its budget. Raises `BadInput` before anything is called."""
    sources = asked.sources(consent)
    sources.check()
    task = sources.task()
    if task is None:
        if asked.file is not None:
            if KINDS.get(asked.file.suffix.lower()) == "rows":
                raise BadInput("holds rows, not a prompt", place=str(asked.file), cure="pass it with --data")
            read_text(asked.file)
        return replace(asked, budget=asked.overrides.budget or asked.defaults.budget)
    if task.source.document.promptfoo and asked.overrides.data is not None:
        raise BadInput("a chat about a Promptfoo file is about its own tests", place="--data", cure="leave it out")
    capped = None if task.task.budget == DEFAULT_BUDGET else task.task.budget
    return replace(asked, budget=asked.overrides.budget or capped)


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
    with folder.held(), closing(Ledger.open(folder.ledger, folder.id)) as ledger, _resumable(again):
        if new is not None:
            ledger.begin_run({"chat": _OPENING.dump_python(new, mode="json")})
        what = _kept(ledger, folder)
        what = replace(what, budget=budget) if budget is not None else what
        if new is None:
            what.sources(manner.consent).check()
        screen = terminal((*COMMANDS, "skip"), folder.path.parent / "history")
        # Consent was given at the door: code that changes during the chat is asked for again.
        chat = _chat(what, ledger, folder, Manner(home=manner.home, yes=manner.yes), screen)
        if new is not None:
            asyncio.run(chat.desk.open())
        if chat.commands.simulated:
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
    except (typer.Exit, typer.Abort):  # the answer to whether it may be paid for was no, or none
        return LEFT


def _chat(what: Opening, ledger: Ledger, folder: RunFolder, manner: Manner, screen: Terminal) -> Chat:
    talk, sources = Talk(ledger), what.sources(manner.consent)
    desk = Desk(folder=folder, home=manner.place, talk=talk, sources=sources)
    runs = Runs(
        desk=desk,
        manner=manner,
        settings=what.settings,
        budget=what.budget,
        consent=_consent(what, desk, manner),
    )
    commands = Commands(terminal=screen, desk=desk, runs=runs)
    return Chat(terminal=screen, desk=desk, runs=runs, commands=commands)


def _consent(what: Opening, desk: Desk, manner: Manner) -> Callable[[], None]:
    """Return what asks, once for the models of a chat, whether its calls may be paid for."""

    def ask() -> None:
        models, agreed = desk.models, desk.talk.noted("agreed")
        known = [body["models"][: len(models.names)] for body in agreed]  # a judge may be needed no more
        if models.simulated or models.names in known:
            return
        agree(models.sendings, manner, told=[*map(str, models.sendings), _caps(what.budget)])
        budget = asdict(what.budget or Budget())
        asyncio.run(desk.talk.note("agreed", len(agreed), {"models": models.names, "budget": budget}))

    return ask


def _caps(budget: Budget | None) -> str:
    if budget is None:
        return "no cap on the talk; each run has that of its task file, or 600 target calls"
    return f"talk and runs together: {caps_of(budget)}"


def _kept(ledger: Ledger, folder: RunFolder) -> Opening:
    settings: dict[str, Any] = ledger.settings()
    if "chat" not in settings:
        raise BadInput("holds no chat", place=str(folder.path), cure="begin one with `socratune chat`")
    ledger.take_over()
    return _OPENING.validate_python(settings["chat"])


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
