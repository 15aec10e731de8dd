"""A bandit over operators: the edit that pays most per target call is tried most."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from socratune.memory.records import CandidateId
from socratune.tools.search.known import Known
from socratune.tools.search.moves import CROSSOVER, Choice, dealt, edits
from socratune.tools.search.pareto import draw_leader, leads_of, undominated
from socratune.tools.search.policy import Move, Start, Told, gain

OPTIMISM = 0.05
"""Mean reward that an operator is taken to have gained in one move beyond those it made."""
SPREAD = 0.03
"""Exploration, in mean reward: about the gain by which an operator's moves differ, most of which bring nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What an operator, or all of them, brought so far."""

    moves: int = 0
    gained: float = 0.0
    """Sum of the paired gains over the parent; a child that was not accepted gained nothing."""
    calls: float = 0.0
    """Target calls spent on its children."""

    def plus(self, *, gained: float, calls: float) -> Tally:
        """Return the tally after one more move."""
        return replace(self, moves=self.moves + 1, gained=self.gained + gained, calls=self.calls + calls)


def total(tallies: Iterable[Tally]) -> Tally:
    """Return the sum over operators."""
    each = list(tallies)
    return Tally(
        moves=sum(tally.moves for tally in each),
        gained=sum(tally.gained for tally in each),
        calls=sum(tally.calls for tally in each),
    )


def yield_of(tally: Tally, everyone: Tally) -> float:
    """Return the gain for the price of an average move: gain per call, times the calls that a move takes on average.

    Starts optimistic: one move of average price that gained `OPTIMISM` is added, so no operator is given up after a
    single failure. Gain over cost is the index of budgeted bandits (Tran-Thanh et al., 2012).
    """
    price = max(everyone.calls, 1.0) / max(everyone.moves, 1)
    return (tally.gained + OPTIMISM) / (tally.calls + price) * price


def operator_index(tally: Tally, everyone: Tally, *, exploration: float = SPREAD) -> float:
    """Return the upper confidence bound of an operator's yield (UCB1, Auer et al., 2002).

    Infinite for one that made no move, so that each is tried before any is tried twice.
    """
    if not tally.moves:
        return math.inf
    return yield_of(tally, everyone) + exploration * math.sqrt(math.log(everyone.moves + 1) / tally.moves)


def operator_draw(tally: Tally, everyone: Tally, random: Random, *, spread: float = SPREAD) -> float:
    """Return a draw from what the operator's yield may be (Thompson, 1933), normal around what was seen."""
    if not tally.moves:
        return math.inf
    return random.gauss(yield_of(tally, everyone), spread / math.sqrt(tally.moves))


class OperatorBandit:
    """Chooses the operator by what it brought, and the parent by who leads: on single rows, or over all."""

    def __init__(
        self,
        start: Start,
        *,
        parents: Literal["pareto", "leader"] = "pareto",
        rule: Literal["ucb", "thompson"] = "ucb",
    ) -> None:
        self._parents, self._rule = parents, rule
        self._known = Known(start)
        self._tallies = {operator: Tally() for operator in start.operators}

    def ask(self, n: int, *, subgoals: int) -> list[Move]:
        """Return `n` moves; each counts as a try that brought nothing when the next is chosen."""
        random, tallies = self._known.random(), dict(self._tallies)
        choices: list[Choice] = []
        for _ in range(n):
            operator = self._best(tallies, random)
            everyone = total(tallies.values())
            price = max(everyone.calls, 1.0) / max(everyone.moves, 1)
            tallies[operator] = tallies[operator].plus(gained=0.0, calls=price)
            choices.append((operator, self._parents_for(operator, random)))
        return dealt(choices, subgoals=subgoals)

    def tell(self, told: Told) -> None:
        """Credit the operator with what the child gained over its parent on the rows that both have seen."""
        if told.move.operator in self._tallies and told.move.parents:
            before = self._known.scores.get(told.move.parents[0], {})
            gained = max(0.0, gain(told.scores, before)) if told.accepted else 0.0
            tally = self._tallies[told.move.operator]
            # A child that was never run has cost the writer's call.
            self._tallies[told.move.operator] = tally.plus(gained=gained, calls=max(told.cost, 1.0))
        self._known.tell(told)

    def front(self) -> tuple[CandidateId, ...]:
        """Return the leader."""
        return (self._known.leader,)

    def _best(self, tallies: Mapping[str, Tally], random: Random) -> str:
        able = tuple(tallies) if len(self._known.ranked) > 1 else edits(tuple(tallies))
        everyone = total(tallies.values())
        if self._rule == "ucb":
            return max(able, key=lambda each: operator_index(tallies[each], everyone))
        return max(able, key=lambda each: operator_draw(tallies[each], everyone, random))

    def _parents_for(self, operator: str, random: Random) -> tuple[CandidateId, ...]:
        known = self._known
        first = known.leader
        if self._parents == "pareto":
            leads = leads_of({each: known.scores[each] for each in known.ranked})
            first = draw_leader(undominated(leads, worst_first=known.ranked[::-1]), random) or first
        others = [each for each in known.ranked if each != first]
        return (first, others[0]) if operator == CROSSOVER and others else (first,)
