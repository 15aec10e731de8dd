"""Item-level Pareto search: whoever is best on some row may be a parent (GEPA, arXiv 2507.19457)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from random import Random

from socratune.memory.records import CandidateId, ExampleId
from socratune.tools.search.known import TIE, Known
from socratune.tools.search.moves import CROSSOVER, Choice, dealt, edits
from socratune.tools.search.policy import Move, Scores, Start, Told

Leads = Mapping[CandidateId, frozenset[ExampleId]]
"""The rows on which a candidate has the best reward; each candidate has at least one."""


class Pareto:
    """Draws parents by how many rows they lead on; after a success, two who lead on different rows may be merged."""

    def __init__(self, start: Start, *, merges: int = 5) -> None:
        self._operators, self._merges = start.operators, merges
        self._known = Known(start)
        self._merged: list[frozenset[CandidateId]] = []
        """Pairs that were merged, in order."""
        self._fresh = False
        """Whether the last move brought a new candidate by an edit; only then a merge is due."""

    def ask(self, n: int, *, subgoals: int) -> list[Move]:
        """Return `n` moves; a merge that is due comes first."""
        leads, random = self._leads(), self._known.random()
        choices = self._merge(list(leads))[:n]
        operators = edits(self._operators)
        for index in range(n - len(choices)):
            parent = draw_leader(leads, random) or self._known.leader
            choices.append((operators[(self._known.turns + index) % len(operators)], (parent,)))
        return dealt(choices, subgoals=subgoals)

    def tell(self, told: Told) -> None:
        """Rank the child, and note whether a merge is due."""
        self._known.tell(told)
        if len(told.move.parents) > 1:
            self._merged.append(frozenset(told.move.parents))
        self._fresh = told.accepted and len(told.move.parents) == 1

    def front(self) -> tuple[CandidateId, ...]:
        """Return the undominated, best mean first; the leader is always among them."""
        leads, leader = self._leads(), self._known.leader
        return leader, *(each for each in self._known.ranked if each in leads and each != leader)

    def _leads(self) -> Leads:
        scores = {each: self._known.scores[each] for each in self._known.ranked}
        return undominated(leads_of(scores), worst_first=self._known.ranked[::-1])

    def _merge(self, undominated_ones: Sequence[CandidateId]) -> list[Choice]:
        if not self._fresh or CROSSOVER not in self._operators or len(self._merged) >= self._merges:
            return []
        able = [each for each in self._known.ranked if each in undominated_ones and self._known.value(each) >= 0]
        pairs = [pair for pair in combinations(able, 2) if frozenset(pair) not in self._merged and self._apart(*pair)]
        promise = {pair: complement(*(self._known.scores[each] for each in pair)) for pair in pairs}
        best = max(promise, key=lambda pair: promise[pair], default=None)
        return [(CROSSOVER, best)] if best is not None and promise[best] > TIE else []

    def _apart(self, one: CandidateId, other: CandidateId) -> bool:
        return one not in self._ancestors(other) and other not in self._ancestors(one)

    def _ancestors(self, candidate: CandidateId) -> set[CandidateId]:
        found, waiting = set[CandidateId](), [candidate]
        while waiting:
            new = set(self._known.parents.get(waiting.pop(), ())) - found
            found |= new
            waiting.extend(new)
        return found


def leads_of(scores: Mapping[CandidateId, Scores]) -> Leads:
    """Return who has the best reward on which rows, among those who have seen the row; ties lead together."""
    best: dict[ExampleId, float] = {}
    for rewards in scores.values():
        for row, reward in rewards.items():
            best[row] = max(reward, best.get(row, reward))
    found = {
        each: frozenset(row for row, reward in rewards.items() if reward >= best[row])
        for each, rewards in scores.items()
    }
    return {each: rows for each, rows in found.items() if rows}


def undominated(leads: Leads, *, worst_first: Iterable[CandidateId]) -> Leads:
    """Drop whoever is matched by another on each row that it leads on, the worst first.

    One pass is enough: dropping someone never makes another dispensable.
    """
    held = Counter(row for rows in leads.values() for row in rows)
    left = dict(leads)
    for each in worst_first:
        if each in left and all(held[row] > 1 for row in left[each]):
            held.subtract(left.pop(each))
    return left


def draw_leader(leads: Leads, random: Random) -> CandidateId | None:
    """Draw one, as often as it leads on rows; None of nobody."""
    if not leads:
        return None
    return random.choices(list(leads), weights=[len(rows) for rows in leads.values()])[0]


def complement(one: Scores, other: Scores) -> float:
    """Return what picking the better of two on each shared row would add to the better mean; in [0, 1]."""
    shared = sorted(set(one) & set(other))
    if not shared:
        return 0.0
    means = [sum(rewards[row] for row in shared) / len(shared) for rewards in (one, other)]
    return max(0.0, sum(max(one[row], other[row]) for row in shared) / len(shared) - max(means))
