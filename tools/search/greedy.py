"""Greedy search: always from the leader; bold edits while they work, narrower ones when they do not."""

from __future__ import annotations

from socratune.memory.records import CandidateId
from socratune.tools.search.policy import Move, Start, Told


class Greedy:
    """Hill climbing that narrows its step.

    After a success the next child answers the whole plan at once. After a failure the plan is cut in halves, tried one
    after the other, and after that each sub-goal is tried alone: one false rule cannot sink the good ones for long.
    """

    def __init__(self, start: Start) -> None:
        self._operator = start.operators[0]
        self._leader = start.root
        self._failed = 0
        """Moves in a row that brought nothing."""

    def ask(self, n: int, *, subgoals: int) -> list[Move]:
        """Return at most `n` moves, as many as differ from each other."""
        shares = [_share(self._failed + step, subgoals) for step in range(1 if self._failed == 0 else n)]
        return [Move(operator=self._operator, parents=(self._leader,), focus=each) for each in dict.fromkeys(shares)]

    def tell(self, told: Told) -> None:
        """Follow the trial: an accepted child leads from now on."""
        if told.child is not None and told.accepted:
            self._leader, self._failed = told.child, 0
        else:
            self._failed += 1

    def front(self) -> tuple[CandidateId, ...]:
        """Return the leader."""
        return (self._leader,)


def _share(failed: int, subgoals: int) -> tuple[int, ...]:
    """Return the ranks to work on after so many failures: all, one half, the other, then one by one."""
    if failed == 0 or subgoals == 1:
        return tuple(range(subgoals))
    if failed <= 2:
        return tuple(range(failed - 1, subgoals, 2))
    return ((failed - 3) % subgoals,)
