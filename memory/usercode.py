"""The user's own code as others hold it: which function, and what an application answers."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import KW_ONLY, dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """What an application answered and, when it says so, what that cost."""

    text: str
    _: KW_ONLY
    tokens_in: int | None = None
    tokens_out: int | None = None
    usd: float | None = None


Answerer = Callable[[list[dict[str, str]], Mapping[str, str]], Awaitable[str | Answer] | str | Answer]
"""From the messages and the row's inputs to an answer: a user's own application, prompt injected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserCode:
    """A function in one of the user's files, which they have agreed to run."""

    spec: str
    """As written: `python:app.py:answer`."""
    folder: str
    """Absolute; where it runs, and what its path is relative to."""
    digest: str
    """SHA-256 of the file that was agreed to; what differs from it is not run."""

    @property
    def file(self) -> str:
        """Absolute path of its file."""
        return os.path.join(self.folder, self.spec.removeprefix("python:").rpartition(":")[0])

    @property
    def function(self) -> str:
        """Its name in the file."""
        return self.spec.rpartition(":")[2]
