"""What a ledger has read of its run: rows are never changed and never taken away, so none is read twice.

It knows nothing of tables; who makes it says how rows are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from socratune.memory.records import CandidateId, ExampleId, Rollout

T = TypeVar("T")


class Appended(Generic[T]):
    """Rows that one process numbers as they come, by key. Each look at them reads only those since the last."""

    def __init__(self, read: Callable[[int], Iterable[tuple[int, str, T]]]) -> None:
        """`read` returns number, key and row of all that come after a number, in order; numbers begin at 1."""
        self._read = read
        self._rows: dict[str, T] = {}
        self._last = 0

    def all(self) -> list[T]:
        """Return all rows in order."""
        for number, key, row in self._read(self._last):
            self._rows[key] = row
            self._last = number
        return list(self._rows.values())

    def get(self, key: str) -> T | None:
        """Return the row with this key; None when there is none yet."""
        if key not in self._rows:
            self.all()
        return self._rows.get(key)


class OwnRollouts:
    """The rollouts of a run that this process owns, by candidate and repeat: it alone adds to them."""

    def __init__(self, read: Callable[[CandidateId, int], dict[ExampleId, Rollout]]) -> None:
        self._read = read
        self._rows: dict[tuple[CandidateId, int], dict[ExampleId, Rollout]] = {}

    def of(self, candidate: CandidateId, repeat: int) -> dict[ExampleId, Rollout]:
        """Return a candidate's rollouts by example; the caller's to change."""
        if (candidate, repeat) not in self._rows:
            self._rows[candidate, repeat] = self._read(candidate, repeat)
        return dict(self._rows[candidate, repeat])

    def add(self, rollout: Rollout) -> None:
        """Take in one that was written and was new; where nothing was read yet the next read finds it."""
        known = self._rows.get((rollout.candidate_id, rollout.repeat))
        if known is not None:
            known[rollout.example_id] = rollout

    def forget(self) -> None:
        """Read everything anew when it is wanted again."""
        self._rows.clear()
