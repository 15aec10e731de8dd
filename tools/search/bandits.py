"""Bandits over candidates: a fixed budget of rows, more of it for those who may be among the best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Protocol

from socratune.memory.records import CandidateId
from socratune.tools.search.allocation import Arms, brought_to, ranked, ranked_apart, unseen

BLOCK = 8
"""Rows that UCB buys at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """All who are left are brought to `rows` rows each; then the `left` best go on."""

    rows: int
    left: int


class Phases(Protocol):
    """Plans the phases for so many arms, of which `keep` are to be left, within a budget of rows for all together."""

    def __call__(self, arms: int, *, keep: int, budget: int) -> list[Phase]:
        """Return them in order; empty when there is nothing to choose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ucb:
    """Blocks of rows for whoever has the highest upper confidence bound (ProTeGi, arXiv 2305.03495).

    Values are paired differences to the arm that has seen most, so that nobody is judged by the rows it happened to
    get. An arm of an earlier round is run no further than `rows`: the budget is for the new ones.
    """

    keep: int
    rows: int
    """Mean rows an arm, at most."""
    exploration: float = 1.0
    """As in the code of ProTeGi; the paper says 2."""

    def pulls(self, arms: Arms, *, rows: int) -> Mapping[CandidateId, int]:
        """Bring everybody to a first block, then the most promising one block further, until the budget is spent."""
        if first := brought_to(min(BLOCK, rows, self.rows), arms if len(arms) > self.keep else unseen(arms)):
            return first
        if len(arms) <= self.keep:
            return {}
        limits = {each: rows if arm.is_new else min(rows, self.rows) for each, arm in arms.items()}
        spent = sum(min(arm.asked, limits[each]) for each, arm in arms.items())
        able = [each for each, arm in arms.items() if arm.asked < limits[each]]
        budget = self.rows * len(arms) - spent
        if budget <= 0 or not able:
            return {}
        best = self._most_promising(arms, able)
        return {best: min(arms[best].asked + min(BLOCK, budget), limits[best])}

    def kept(self, arms: Arms) -> tuple[CandidateId, ...]:
        """Return those with the best values."""
        return tuple(ranked_apart(arms))[: self.keep]

    def _most_promising(self, arms: Arms, able: Sequence[CandidateId]) -> CandidateId:
        values, pulled = ranked_apart(arms), sum(arm.asked for arm in arms.values())
        bounds = {
            each: ucb(value, pulls=arms[each].asked, total=pulled, exploration=self.exploration)
            for each, value in values.items()
        }
        return max((each for each in values if each in able), key=lambda each: bounds[each])


def ucb(value: float, *, pulls: int, total: int, exploration: float) -> float:
    """Return the upper confidence bound of a mean of `pulls` rewards (UCB1, Auer et al., 2002)."""
    return value + exploration * math.sqrt(math.log(max(total, 1)) / pulls) if pulls else math.inf


def reject_phases(arms: int, *, keep: int, budget: int) -> list[Phase]:
    """Return the phases of successive rejects; all rows together are at most `budget`.

    After phase k each arm that is left has seen (budget - arms) / ((arms + 1 - k) norm) rows, rounded up, where norm
    makes it come out even: 1/2 + 1/2 + 1/3 + ... + 1/arms for one winner, as in the paper.
    """
    if arms <= keep:
        return []
    norm = keep / (keep + 1) + sum(1 / place for place in range(keep + 1, arms + 1))
    share = max(0, budget - arms) / norm
    return [Phase(rows=math.ceil(share / left), left=left - 1) for left in range(arms, keep, -1)]


def halving_phases(arms: int, *, keep: int, budget: int) -> list[Phase]:
    """Return the rungs of successive halving; each costs the same share of `budget`, rounded down."""
    sizes = [arms]
    while sizes[-1] > keep:
        sizes.append(max(keep, math.ceil(sizes[-1] / 2)))
    phases, rows = list[Phase](), 0
    for size, left in pairwise(sizes):
        rows += budget // (size * (len(sizes) - 1))
        phases.append(Phase(rows=rows, left=left))
    return phases


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejects:
    """Phases of growing size: in each, all who are left see the same rows, and then the worst fall out.

    By default one falls out at a time: successive rejects (Audibert et al., 2010).
    """

    keep: int
    rows: int
    """Mean rows an arm, at most."""
    phases: Phases = reject_phases

    def pulls(self, arms: Arms, *, rows: int) -> Mapping[CandidateId, int]:
        """Bring who is left to the rows of the coming phase."""
        left = arms
        for phase in self._phases(arms):
            pulls = brought_to(min(phase.rows, rows), left)
            if pulls:
                return pulls
            left = _best(left, phase.left)
        return {}

    def kept(self, arms: Arms) -> tuple[CandidateId, ...]:
        """Return who is left."""
        left = arms
        for phase in self._phases(arms):
            left = _best(left, phase.left)
        return ranked(left)[: self.keep]

    def _phases(self, arms: Arms) -> list[Phase]:
        return self.phases(len(arms), keep=self.keep, budget=self.rows * len(arms))


Halving = partial(Rejects, phases=halving_phases)
"""Successive halving: in each phase the worse half falls out (Karnin et al., 2013)."""


def _best(arms: Arms, most: int) -> Arms:
    return {each: arms[each] for each in ranked(arms)[:most]}
