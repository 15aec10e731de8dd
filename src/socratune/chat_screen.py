"""How a chat reads and shows: a line editor on a terminal, plain lines through a pipe or on a dumb one."""

# ruff: noqa: PLC0415  # the line editor is imported where a terminal is there to edit on

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rich.console import Console, RenderableType
from rich.text import Text

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession

MARK = "> "
BLOCKS = "An answer may have several lines; it ends with an empty one. A command is a line of its own."


class Terminal(Protocol):
    """Where a person sits, or a script."""

    @property
    def hint(self) -> str:
        """What the person has to know to write here."""

    def read(self) -> str:
        """Return the next block of text. Raises `EOFError` when nobody writes any more."""

    def show(self, what: RenderableType) -> None:
        """Print something."""


class Editor:
    """A terminal with history, completion of commands, and pastes of many lines."""

    hint = "Enter sends, Alt-Enter begins a new line, /help lists the commands."

    def __init__(self, commands: Iterable[str], history: Path) -> None:
        self._console = Console(highlight=False)
        self._session = _session(commands, history)

    def read(self) -> str:
        """Return what was entered; Ctrl-C takes the line back, Ctrl-D on an empty one raises `EOFError`."""
        while True:
            try:
                return self._session.prompt(MARK)
            except KeyboardInterrupt:
                continue

    def show(self, what: RenderableType) -> None:
        """Print something."""
        _print(self._console, what)


class Lines:
    """Blocks of plain lines."""

    hint = BLOCKS

    def __init__(self) -> None:
        self._console = Console(highlight=False)

    def read(self) -> str:
        """Return the lines up to an empty one; a line that begins with / is a block of its own."""
        if sys.stdin.isatty():
            self._console.file.write(MARK)
            self._console.file.flush()
        block: list[str] = []
        while line := sys.stdin.readline():
            text = line.rstrip("\r\n")
            if not block and text.startswith("/"):
                return text
            if not text.strip() and block:
                return "\n".join(block)
            block += [text] if text.strip() else []
        if block:
            return "\n".join(block)
        raise EOFError

    def show(self, what: RenderableType) -> None:
        """Print something."""
        _print(self._console, what)


def _print(console: Console, what: RenderableType) -> None:
    # Text that may be copied, a command or a diff, is wrapped by the terminal alone.
    console.print(what, soft_wrap=isinstance(what, Text), crop=False)


def terminal(commands: Iterable[str], history: Path) -> Terminal:
    """Return the best that stdin and stdout allow."""
    both = sys.stdin.isatty() and sys.stdout.isatty()
    return Editor(commands, history) if both and os.environ.get("TERM", "dumb") != "dumb" else Lines()


def _session(commands: Iterable[str], history: Path) -> PromptSession[str]:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import WordCompleter
    from prompt_toolkit.history import FileHistory
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

    keys = KeyBindings()

    @keys.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    history.touch(mode=0o600)
    return PromptSession(
        history=FileHistory(str(history)),
        completer=WordCompleter(sorted(commands), sentence=True),
        complete_while_typing=False,
        key_bindings=keys,
    )
