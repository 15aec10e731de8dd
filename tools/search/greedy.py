"""Greedy search: always from the leader; bold edits while they work, narrower ones when they do not."""

from __future__ import annotations

from collections.abc import Mapping

from socratune.memory.records import CandidateId, ExampleId
from socratune.tools.search.policy import Move, Told, gain


class Greedy:
    """Hill climbing that narrows its step.

    After a success the next child answers the whole plan at once. After a failure the plan is shared out among `n`
    children, so that one false rule cannot sink all the good ones beside it; after a second, each child takes one
    sub-goal.
    """

    def __init__(self, *, root: CandidateId, operator: str) -> None:
        self._operator = operator
        self._leader = root
        self._scores: Mapping[ExampleId, float] = {}
        self._failures = 0
        """Rounds without a better child since the last success."""

    def ask(self, n: int, *, subgoals: int) -> list[Move]:
        """Return at most `n` moves on a plan of so many sub-goals."""
        return [
            Move(operator=self._operator, parents=(self._leader,), focus=ranks) for ranks in self._shares(n, subgoals)
        ]

    def _shares(self, n: int, subgoals: int) -> list[tuple[int, ...]]:
        if self._failures == 0 or n == 1:
            return [tuple(range(subgoals))]
        if self._failures == 1:
            return [ranks for first in range(n) if (ranks := tuple(range(first, subgoals, n)))]
        start = (self._failures - 2) * n
        return [(rank % subgoals,) for rank in range(start, start + min(n, subgoals))]

    def tell(self, told: Told) -> None:
        """Take a better child as the leader; ties stay with the one there is."""
        if told.scores and (not self._scores or gain(told.scores, self._scores) > 0):
            self._leader, self._scores, self._failures = told.child, told.scores, 0
        else:
            self._failures += 1
