"""The commands of a chat. What they change is a fact in the chat's ledger, so that it outlives the terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console, Group

from socratune.chat_files import Desk
from socratune.chat_runs import Runs
from socratune.chat_screen import Terminal
from socratune.chat_shown import SENTENCES, commands_shown, costs_shown, diff_shown, rows_shown, said
from socratune.graphs.result import Result
from socratune.memory.errors import BadInput, Interrupted, Paused
from socratune.memory.talk import Talk, Version
from socratune.outcome import surroundings
from socratune.report import heading, summary
from socratune.text import one_line

COMMANDS = {
    "/run": "[budget] improve the prompt on the rows and test it once; goes on with a run that was interrupted",
    "/diff": "what changed",
    "/why": "why it changed, and which words meet which requirement",
    "/accept": "take the prompt, and write it into the file that the chat is about",
    "/undo": "go back one prompt",
    "/examples": "rows that the agents of a run may read",
    "/cost": "what was spent, by role",
    "/save": "[file] write the prompt to a new file",
    "/help": "this list",
    "/quit": "leave; nothing is lost",
}
NEXT = {
    "/accept": "takes the new prompt",
    "/diff": "shows what changed, /why for what reason",
    "/undo": "goes back one prompt",
}
SAVED = Path("prompt.md")


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """Carries out what a person asks for by a command."""

    terminal: Terminal
    desk: Desk
    runs: Runs

    @property
    def talk(self) -> Talk:
        """The facts."""
        return self.desk.talk

    @property
    def simulated(self) -> bool:
        """Whether nothing is paid."""
        return self.desk.models.simulated

    @property
    def accepted(self) -> bool:
        """Whether the prompt that stands is the one that was accepted last."""
        noted, current = self.talk.noted("accepted"), self.talk.current()
        return bool(noted) and current is not None and noted[-1]["prompt"] == current.prompt.id

    def carry_out(self, name: str, argument: str) -> None:
        """Do it. Raises `BadInput` with what is in the way."""
        doing: Mapping[str, Callable[[str], None]] = {
            "/run": self._run,
            "/diff": lambda _: self._diff(),
            "/why": lambda _: self._why(),
            "/accept": lambda _: self._accept(),
            "/undo": lambda _: self._undo(),
            "/examples": lambda _: self._examples(),
            "/cost": lambda _: self.terminal.show(costs_shown(self.runs.spent(), simulated=self.simulated)),
            "/save": self._save,
            "/help": lambda _: self.terminal.show(commands_shown(COMMANDS.items())),
        }
        doing[name](argument)

    def _run(self, caps: str) -> None:
        try:
            result = self.runs.make(caps, Console(stderr=True, highlight=False))
        except (Interrupted, Paused) as error:
            cause = "stopped" if isinstance(error, Interrupted) else f"paused: {one_line(str(error))}"
            notes = [note for note in getattr(error, "__notes__", ()) if not note.startswith("During task")]
            self.terminal.show(said("\n".join([f"The run is {cause}. /run goes on with it.", *notes])))
            return
        folder = self.runs.manner.place.run(result.run)
        following = NEXT if result.status in SENTENCES else {"/why": "tells what was tried; more rows may help"}
        self.terminal.show(summary(result, surroundings(folder, result, following)))

    # --- the prompt

    def _accept(self) -> None:
        """Take what the last run found, when it found something, else the prompt as it stands."""
        current, result = self._current(), self.runs.last()
        found = result is not None and result.status in SENTENCES and result.best.prompt != current.prompt
        if result is not None and found:
            current = Version(
                turn=current.turn,
                prompt=result.best.prompt,
                origin=result.run,
                status=result.status,
                covers=current.covers,
            )
        if current.origin == "yours":
            raise BadInput("your own prompt stands unchanged", cure="/run improves it, or say what should be different")
        written = self.desk.keep(current.prompt)
        if found:
            asyncio.run(self.talk.keep_version(f"{current.origin} {len(self.talk.noted('version'))}", current))
        number = len(self.talk.noted("accepted"))
        asyncio.run(self.talk.note("accepted", number, {"prompt": current.prompt.id, "file": written}))
        how = SENTENCES.get(current.status or "", "No run has proven it to be better.")
        where = f"Written to {written}." if written else "It stands in this chat; /save FILE writes it out."
        self.terminal.show(said(f"Accepted. {how} {where}"))

    def _undo(self) -> None:
        versions = self.talk.versions()
        if len(versions) < 2:
            raise BadInput("there is no earlier prompt", cure="/diff shows what a run has found")
        noted = self.talk.noted("accepted")
        in_file = bool(noted) and noted[-1]["file"] and noted[-1]["prompt"] == versions[-1].prompt.id
        written = self.desk.keep(versions[-2].prompt) if in_file else ""
        asyncio.run(self.talk.step_back())
        self._take_back(versions[-1])
        self.terminal.show(diff_shown(versions[-1].prompt, versions[-2].prompt))
        where = f" It is in {written} again." if written else ""
        self.terminal.show(said(f"The prompt before stands again.{where}"))

    def _take_back(self, undone: Version) -> None:
        """Take from the card what was asked for with the prompt that is undone."""
        card, words = self.talk.card(), self.talk.said(undone.turn)
        if card is None or undone.origin != "draft":
            return
        left = tuple(each for each in card.requirements if each.quote != words)
        key = f"undo {len(self.talk.noted('back'))}"
        asyncio.run(self.talk.keep_card(key, replace(card, requirements=left)))

    def _save(self, argument: str) -> None:
        path = Path(argument) if argument else SAVED
        self.desk.save(self._current().prompt, path)
        self.terminal.show(said(f"Wrote {path}."))

    def _current(self) -> Version:
        current = self.talk.current()
        if current is None:
            raise BadInput("there is no prompt yet", cure='answer the question, or say "skip"')
        return current

    # --- what can be looked at

    def _diff(self) -> None:
        """Show what the last run changed or, when that is accepted, what the last step changed."""
        current, result, versions = self._current(), self.runs.last(), self.talk.versions()
        if result is not None and result.best.prompt != current.prompt:
            self.terminal.show(diff_shown(current.prompt, result.best.prompt))
            self.terminal.show(said(result.sentence))
        elif len(versions) > 1:
            self.terminal.show(diff_shown(versions[-2].prompt, current.prompt))
        else:
            raise BadInput("nothing has changed yet", cure="/run improves the prompt, or say what should be different")

    def _why(self) -> None:
        current = self._current()
        result = self.runs.last() or self.runs.behind(current)
        lines = [*(_reasons(result) if result is not None else ()), *self._coverage(current)]
        self.terminal.show(Group(*map(said, lines or ["This is your own prompt; nothing was changed."])))

    def _coverage(self, current: Version) -> Iterator[str]:
        card = self.talk.card()
        for each in card.requirements if card is not None else ():
            words = current.covers.get(each.id, "")
            if words:
                held = ", which no run may take out" if each.kept else ""
                yield f"{each.id} {each.text}\n   met by: {one_line(words)}{held}"

    def _examples(self) -> None:
        if not self.desk.has_rows:
            raise BadInput("there are no rows yet", cure="paste some with their answers, or name a file with them")
        self.terminal.show(rows_shown(self.desk.rows_seen(), self.desk.samples()))


def _reasons(result: Result) -> Iterator[str]:
    """Yield what the run's dialogue concluded, change by change."""
    yield result.sentence
    for number, change in enumerate(result.changes, start=1):
        yield f"{number}. {heading(change)}"
        yield from (f"   - {one_line(rule)}" for rule in dict.fromkeys(change.rules or (change.reason,)))
