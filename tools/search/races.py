"""Races: everybody runs on shared blocks of rows, and whoever is clearly behind falls out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from socratune.memory.records import CandidateId
from socratune.tools.gate import GATE_STAGES, RACE_Z
from socratune.tools.search.allocation import Arm, Arms, brought_to, ranked, unseen
from socratune.tools.statistics import advantage

BLOCK = 16
ENOUGH = GATE_STAGES[-1][0]
"""To choose among children that all beat their parent, no more rows are worth paying for than the gate's own."""
FEWEST = GATE_STAGES[0][0]
"""Shared rows before anybody falls out."""
CAPO_Z = 0.84
"""Standard errors of a one-sided test at .2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """Drops whom the leader beats by `RACE_Z` standard errors of the paired difference."""

    keep: int = 1
    rows: int = ENOUGH

    def pulls(self, arms: Arms, *, rows: int) -> Mapping[CandidateId, int]:
        """Bring who is left one block further, until no more than `keep` are left or `rows` are seen."""
        return _next_block(self._left(arms), keep=self.keep, most=min(rows, self.rows))

    def kept(self, arms: Arms) -> tuple[CandidateId, ...]:
        """Return the best of who is left."""
        return ranked(self._left(arms))[: self.keep]

    def _left(self, arms: Arms) -> Arms:
        left = arms
        # Without those who fell out early, the rest can be compared on more rows, and another may lead.
        while len(left) > self.keep:
            leader = left[ranked(left)[0]]
            falling = [each for each, arm in left.items() if beats(leader, arm, z=RACE_Z)]
            if not falling:
                break
            left = _without(left, falling, keep=self.keep)
        return left


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Drops whoever is beaten by at least `keep` others, in a lenient test (CAPO, arXiv 2504.16005).

    A normal bound stands for the paper's t-test, and its length penalty is the objective's business.
    """

    keep: int
    rows: int | None = None
    """None is all of dev."""

    def pulls(self, arms: Arms, *, rows: int) -> Mapping[CandidateId, int]:
        """Bring who is left one block further, until no more than `keep` are left or `rows` are seen."""
        most = rows if self.rows is None else min(rows, self.rows)
        return brought_to(min(BLOCK, most), unseen(arms)) or _next_block(self._left(arms), keep=self.keep, most=most)

    def kept(self, arms: Arms) -> tuple[CandidateId, ...]:
        """Return the best of who is left."""
        return ranked(self._left(arms))[: self.keep]

    def _left(self, arms: Arms) -> Arms:
        losses = {each: sum(beats(other, arm, z=CAPO_Z) for other in arms.values()) for each, arm in arms.items()}
        return _without(arms, [each for each, count in losses.items() if count >= self.keep], keep=self.keep)


def beats(one: Arm, other: Arm, *, z: float) -> bool:
    """Say whether `one` is ahead by more than `z` standard errors on rows that both have seen; never on a few."""
    differences = [one.scores[row] - other.scores[row] for row in sorted(set(one.scores) & set(other.scores))]
    mean, error = advantage(differences)
    return len(differences) >= FEWEST and mean > z * error


def _without(arms: Arms, falling: list[CandidateId], *, keep: int) -> Arms:
    """Return the others, and the best of those who fall where fewer than `keep` would be left."""
    best = [each for each in ranked(arms) if each not in falling]
    best += [each for each in ranked(arms) if each in falling][: max(0, keep - len(best))]
    return {each: arm for each, arm in arms.items() if each in best}


def _next_block(left: Arms, *, keep: int, most: int) -> dict[CandidateId, int]:
    if len(left) <= keep:
        return {}
    seen = min(arm.asked for arm in left.values())
    return brought_to(min(seen + BLOCK, most), left) if seen < most else {}
