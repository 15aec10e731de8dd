"""A person at a real terminal: types into a process over a pseudo-terminal and reads what it shows."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path
from types import TracebackType
from typing import Self

PROGRAM = [sys.executable, "-c", "from socratune.cli import main; main()"]
PATIENCE = 20.0
"""Seconds without a sign of life after which a test gives up."""
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_=>])")


def _own_terminal() -> None:
    """Make stdin the terminal whose Ctrl-C reaches this process."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Typist:
    """One session."""

    def __init__(self, *words: str | Path, folder: Path, term: str = "xterm") -> None:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
        # The line editor would ask the terminal where its cursor is, and this one does not answer.
        environment = os.environ | {"TERM": term, "PROMPT_TOOLKIT_NO_CPR": "1"}
        self._process = subprocess.Popen(
            [*PROGRAM, *map(str, words)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=folder,
            env=environment,
            start_new_session=True,
            preexec_fn=_own_terminal,  # noqa: PLW1509  # one thread, one system call
        )
        os.close(theirs)
        self._ours = ours
        self.shown = ""
        """All that was shown so far, without escapes."""
        self._seen = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)

    def wait_for(self, *texts: str) -> str:
        """Read on until one of the texts is shown, and return it."""
        while True:
            places = {text: self.shown.find(text, self._seen) for text in texts}
            found = {text: place for text, place in places.items() if place >= 0}
            if found:
                first = min(found, key=lambda text: found[text])
                self._seen = found[first] + len(first)
                return first
            if not self._read():
                raise AssertionError(f"none of {texts} was shown, but: {self.shown[-3000:]}")

    def _read(self) -> bool:
        """Read what is there; False when nothing comes any more."""
        if not select.select([self._ours], [], [], PATIENCE)[0]:
            return False
        try:
            came = os.read(self._ours, 65_536)
        except OSError:  # the other end is closed
            return False
        self.shown += _ESCAPES.sub("", came.decode("utf-8", "replace")).replace("\r", "")
        return bool(came)

    def enter(self, text: str) -> None:
        """Type a line and the Enter key."""
        os.write(self._ours, f"{text}\r".encode())

    def paste(self, text: str) -> None:
        """Paste a block as a terminal does that brackets pastes, and press Enter."""
        self._write(f"\x1b[200~{text}\x1b[201~\r")

    def type_lines(self, text: str) -> None:
        """Type a block line by line, with an empty line after it."""
        self._write(text.rstrip("\n").replace("\n", "\r") + "\r\r")

    def _write(self, text: str) -> None:
        """Write what the terminal takes at a time, and read on meanwhile."""
        left = text.encode()
        while left:
            left = left[os.write(self._ours, left[:512]) :]
            while select.select([self._ours], [], [], 0)[0] and self._read():
                pass

    def press(self, key: str) -> None:
        """Press a key that is no text, Ctrl-D for example; what waits for a line must be there to see it."""
        os.write(self._ours, key.encode())

    def kill(self) -> None:
        """End the process as a crash does."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def ended(self) -> int:
        """Read to the end and return the exit code."""
        while self._read():
            pass
        return self._process.wait(PATIENCE)
