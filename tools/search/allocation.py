"""Which of a round's candidates see more dev rows, and which of them are kept.

All see the dev rows in one shared order, so whoever has seen more rows has seen those of the others too, and every
comparison is on rows that both have seen. Pure: counts and rewards in, counts out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from socratune.memory.records import CandidateId
from socratune.tools.gate import beaten
from socratune.tools.search.policy import Scores


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """A candidate, as far as it has been run."""

    asked: int
    """It was run on the first so many dev rows."""
    scores: Scores
    """Of those rows; a row without an answer is missing."""
    is_new: bool
    """Whether it was written in this round; the others were in front before it."""


Arms = Mapping[CandidateId, Arm]


class Allocation(Protocol):
    """Spends a round's dev rows."""

    def pulls(self, arms: Arms, *, rows: int) -> Mapping[CandidateId, int]:
        """Return how many dev rows some of the arms are to have seen next, of `rows`; empty when all is decided."""

    def kept(self, arms: Arms) -> tuple[CandidateId, ...]:
        """Return those who are kept once all is decided, best first; an old arm may be among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Everyone:
    """The same rows for everybody, and everybody is kept: uniform allocation, the plainest baseline."""

    rows: int | None = None
    """None is all of dev."""
    keep: int | None = None
    """None keeps all."""

    def pulls(self, arms: Arms, *, rows: int) -> Mapping[CandidateId, int]:
        """Bring every arm to the same number of rows."""
        most = rows if self.rows is None else min(rows, self.rows)
        return {candidate: most for candidate, arm in arms.items() if arm.asked < most}

    def kept(self, arms: Arms) -> tuple[CandidateId, ...]:
        """Return the best by their mean; of equals, the older."""
        return tuple(sorted(arms, key=lambda each: (-_mean(arms[each].scores), arms[each].is_new)))[: self.keep]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """A race block by block: whoever the leader is clearly ahead of sees no more rows, and one is kept.

    Racing as in CAPO (arXiv 2504.16005), with a normal bound on the paired differences.
    """

    rows: int
    block: int = 16

    def pulls(self, arms: Arms, *, rows: int) -> Mapping[CandidateId, int]:
        """Bring those who are not beaten to the next block."""
        running, most = self._running(arms), min(rows, self.rows)
        seen = min(arms[each].asked for each in running)
        if len(running) == 1 or seen >= most:
            return {}
        goal = min(seen + self.block, most)
        return {each: goal for each in running if arms[each].asked < goal}

    def kept(self, arms: Arms) -> tuple[CandidateId, ...]:
        """Return the winner."""
        return (_best(arms, self._running(arms)),)

    def _running(self, arms: Arms) -> list[CandidateId]:
        ahead = _best(arms, list(arms))
        return [each for each in arms if each == ahead or not beaten(_lead(arms[ahead].scores, arms[each].scores))]


def _lead(leader: Scores, other: Scores) -> list[float]:
    return [leader[row] - other[row] for row in leader if row in other]


def _best(arms: Arms, running: Sequence[CandidateId]) -> CandidateId:
    """Return the highest mean on the rows that all have; of equals, the older."""
    shared = set.intersection(*(set(arms[each].scores) for each in running))

    def rank(each: CandidateId) -> tuple[float, bool]:
        return (-round(sum(arms[each].scores[row] for row in shared), 9), arms[each].is_new)

    return min(running, key=rank)


def _mean(scores: Scores) -> float:
    return round(sum(scores.values()) / len(scores), 9) if scores else 0.0
