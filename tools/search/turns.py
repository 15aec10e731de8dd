"""Hill climbing in turns: one operator leads while it pays, and its failures give the others a turn."""

from __future__ import annotations

from socratune.memory.records import CandidateId
from socratune.tools.search.greedy import Greedy
from socratune.tools.search.operators import Tally, operator_index, total
from socratune.tools.search.policy import Move, Scores, Start, Told, gain

PERSISTENCE = 2
"""Failures in a row of the first operator before another one has a turn."""


class Turns:
    """Greedy with the operator that is trusted most; when it fails, a bandit says which other one is tried next.

    The first operator narrows its step from failure to failure as in `Greedy`. After every `PERSISTENCE` failures
    another one has a move: that with the highest bound on paired gain per call.
    """

    def __init__(self, start: Start) -> None:
        self._first, *others = start.operators
        self._climb = Greedy(start)
        self._tallies = {operator: Tally() for operator in others}
        self._scores: dict[CandidateId, Scores] = {}
        self._failed = 0
        self._resorts = False
        """Whether the next move is another operator's."""

    def ask(self, n: int, *, subgoals: int) -> list[Move]:
        """Return the moves of whoever has the turn; another operator has one."""
        if not self._resorts:
            return self._climb.ask(n, subgoals=subgoals)
        everyone = total(self._tallies.values())
        operator = max(self._tallies, key=lambda each: operator_index(self._tallies[each], everyone))
        return [Move(operator=operator, parents=self.front(), focus=tuple(range(subgoals)))]

    def tell(self, told: Told) -> None:
        """Credit the operator; pass the turn on after a failure of the first, and back after a move of another."""
        if told.child is not None:
            self._scores[told.child] = told.scores
        if not told.move.parents:
            return
        is_first, won = told.move.operator == self._first, told.child is not None and told.accepted
        if not is_first and told.move.operator in self._tallies:
            gained = max(0.0, gain(told.scores, self._scores.get(told.move.parents[0], {}))) if won else 0.0
            tally = self._tallies[told.move.operator]
            self._tallies[told.move.operator] = tally.plus(gained=gained, calls=max(told.cost, 1.0))
        if is_first or won:
            self._climb.tell(told)
        self._failed = 0 if won else self._failed + is_first
        self._resorts = is_first and not won and bool(self._tallies) and self._failed % PERSISTENCE == 0

    def front(self) -> tuple[CandidateId, ...]:
        """Return the leader."""
        return self._climb.front()
