"""Greedy search: always from the leader; bold edits while they work, narrower ones when they do not."""

from __future__ import annotations

from socratune.memory.records import CandidateId
from socratune.tools.search.known import Known
from socratune.tools.search.policy import Move, Start, Told


class Greedy:
    """Hill climbing that narrows its step, with the first of the operators.

    After a success the next child answers the whole plan at once. After a failure the plan is cut in halves, tried one
    after the other, and after that each sub-goal is tried alone: one false rule cannot sink the good ones for long.
    """

    def __init__(self, start: Start) -> None:
        self._operator = start.operators[0]
        self._known = Known(start)
        self._failed = 0
        """Moves in a row that brought nothing."""

    def ask(self, n: int, *, subgoals: int) -> list[Move]:
        """Return at most `n` moves, as many as differ from each other."""
        shares = [_share(self._failed + step, subgoals) for step in range(1 if self._failed == 0 else n)]
        parents = (self._known.leader,)
        return [Move(operator=self._operator, parents=parents, focus=each) for each in dict.fromkeys(shares)]

    def tell(self, told: Told) -> None:
        """Count a move as a success when its child leads now."""
        self._known.tell(told)
        self._failed = 0 if told.child == self._known.leader else self._failed + 1

    def front(self) -> tuple[CandidateId, ...]:
        """Return the leader."""
        return (self._known.leader,)


def _share(failed: int, subgoals: int) -> tuple[int, ...]:
    """Return the ranks to work on after so many failures: all, one half, the other, then one by one."""
    if failed == 0 or subgoals == 1:
        return tuple(range(subgoals))
    if failed <= 2:
        return tuple(range(failed - 1, subgoals, 2))
    return ((failed - 3) % subgoals,)
