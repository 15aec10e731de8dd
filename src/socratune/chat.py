"""A Socratic session: what a person writes goes to the graph as words, or is carried out here as a command."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

from socratune.chat_commands import COMMANDS, Commands
from socratune.chat_files import Desk
from socratune.chat_runs import Runs
from socratune.chat_screen import Terminal
from socratune.chat_shown import NEEDED, card_shown, prompt_shown, question, said
from socratune.graphs.chat_engine import ChatOrder, advance
from socratune.memory.errors import BadInput
from socratune.memory.records import Budget
from socratune.memory.talk import SKIPPED, Talk
from socratune.tools.datasets import Row
from socratune.tools.pasted import files_named, is_prompt, taken_apart
from socratune.tools.task_form import suggestion
from socratune.tools.yaml_text import read_text

WISH = (
    "Say in one sentence what the prompt should do. You may also paste a prompt or labelled rows (csv, tsv, JSON "
    "lines, or lines `input => answer`), or name a file that holds them."
)
BETTER = "Your prompt is at hand. Say in one sentence what it is for and what should be better."
NEXT = (
    "/run tries to improve the prompt and tests the result; /accept takes it as it is; or say what should be different."
)
ACCEPTED, LEFT = 0, 3
"""Exit codes: the prompt that stands was accepted, or the person's own stays."""
_SKIP = re.compile(r"\W*skip\W*", re.IGNORECASE)


class Left(Exception):
    """The person leaves the chat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """One session of a chat."""

    terminal: Terminal
    desk: Desk
    runs: Runs
    commands: Commands

    @property
    def talk(self) -> Talk:
        """The facts."""
        return self.desk.talk

    def go(self) -> int:
        """Talk until the person leaves; return the exit code."""
        try:
            turn, told = self._advance(), False
            while True:
                if not told:
                    self._tell(turn)
                told = True
                words = self._take_in(self._read(), turn)
                if words:
                    asyncio.run(self.talk.say(turn, words))
                    turn, told = self._advance(), False
        except Left:
            return ACCEPTED if self.commands.accepted else LEFT

    def _advance(self) -> int:
        """Let the graph go on to where it needs words."""
        if self.talk.said(1) is not None:
            self.runs.consent()
        models = self.desk.sources.models
        order = ChatOrder(
            optimizer=models.optimizer,
            options=models.options,
            hosts=self.runs.settings.hosts,
            budget=self.runs.budget or Budget(),
            runs_spent=self.runs.total_of_runs,
            rows=self.desk.rows_seen(),
            seed=self.runs.settings.seed,
        )
        return asyncio.run(advance(order, self.talk.ledger, self.desk.folder))

    # --- what is said

    def _tell(self, turn: int) -> None:
        """Show what came of the last words, and what is asked now."""
        made, show = self.talk.made_in(turn - 1), self.terminal.show
        if reply := self.talk.replied(turn - 1):
            show(said(reply))
        card, versions = self.talk.card(), self.talk.versions()
        if card is not None and "card" in made and (not reply or "version" in made):
            show(card_shown(card, versions[-1] if versions else None))
        if versions and "version" in made:
            show(prompt_shown(versions[-1], versions[-2] if len(versions) > 1 else None))
        if "card" in made and not reply and not self.desk.has_rows:
            show(said(NEEDED, style="yellow"))
        self._ask(turn)

    def _ask(self, turn: int) -> None:
        asked = self.talk.asked(turn)
        if asked is not None and asked.question:
            self.terminal.show(question(asked))
        elif turn == 1:
            self.terminal.show(said(BETTER if self.talk.current() else WISH))
        else:
            self.terminal.show(said(NEXT, style="dim"))

    # --- what is heard

    def _read(self) -> str:
        try:
            return self.terminal.read().strip()
        except EOFError:
            raise Left from None

    def _take_in(self, block: str, turn: int) -> str:
        """Return the words of a block for the graph; empty when it has none that are a turn of the talk."""
        try:
            if block.startswith("/"):
                self._command(block)
                return ""
            pasted = taken_apart(block)
            if pasted.rows:
                rows = [Row(place=f"pasted row {n}", values=row) for n, row in enumerate(pasted.rows, start=1)]
                self._kept(asyncio.run(self.desk.add(rows)))
            words = self._without_files(pasted.words, turn)
        except BadInput as error:
            self.terminal.show(said(str(error), style="red"))
            return ""
        if turn == 1 and self.talk.current() is None and is_prompt(words):
            asyncio.run(self.desk.adopt_text(words))
            words = ""
        if not words:
            self._ask(turn)
        return SKIPPED if _SKIP.fullmatch(words) else words

    def _kept(self, told: str) -> None:
        self.terminal.show(said(f"Kept {told}"))

    def _without_files(self, words: str, turn: int) -> str:
        """Take in the files that some words name; words that are nothing but a file's name are no words."""
        for path, kind in files_named(words, Path.cwd()).items():
            if kind == "rows":
                self._kept(asyncio.run(self.desk.add(self.desk.sources.rows(path), path)))
            elif turn == 1 and self.talk.current() is None:
                asyncio.run(self.desk.adopt_text(read_text(path)))
                self._kept(f"{path.name} as your prompt.")
            else:
                continue
            if words == path.name:
                words = ""
        return words

    def _command(self, line: str) -> None:
        name, _, argument = line.partition(" ")
        if name == "/quit":
            raise Left
        if name not in COMMANDS:
            raise BadInput(f"unknown command {name!r}", cure=suggestion(name, COMMANDS))
        self.commands.carry_out(name, argument.strip())
