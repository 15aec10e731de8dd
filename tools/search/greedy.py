"""Greedy search: always from the leader; a bold edit while that works, careful ones when it does not."""

from __future__ import annotations

from collections.abc import Mapping

from socratune.memory.records import CandidateId, ExampleId
from socratune.tools.search.policy import Move, Told, gain


class Greedy:
    """Hill climbing that narrows its step.

    After a success the next child answers the whole plan at once. After a failure the next children take one sub-goal
    each, so that one false rule cannot sink the good ones beside it.
    """

    def __init__(self, *, root: CandidateId, operator: str) -> None:
        self._operator = operator
        self._leader = root
        self._scores: Mapping[ExampleId, float] = {}
        self._careful = 0
        """Sub-goals tried on their own since the last success; 0 right after one."""
        self._failed = False

    def ask(self, n: int) -> list[Move]:
        """Return one bold move, or up to `n` careful ones on the next sub-goals of the plan."""
        if not self._failed:
            return [Move(operator=self._operator, parents=(self._leader,))]
        ranks = range(self._careful, self._careful + n)
        return [Move(operator=self._operator, parents=(self._leader,), focus=(rank,)) for rank in ranks]

    def tell(self, told: Told) -> None:
        """Take a better child as the leader; ties stay with the one there is."""
        if told.scores and (not self._scores or gain(told.scores, self._scores) > 0):
            self._leader, self._scores = told.child, told.scores
            self._failed, self._careful = False, 0
        elif self._failed:
            self._careful += 1
        else:
            self._failed = True
