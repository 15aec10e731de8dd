"""Which of a round's candidates see more dev rows, and which of them are kept.

All see the dev rows in one shared order, so whoever has seen more rows has seen those of the others too, and every
comparison is on rows that both have seen. Pure: counts and rewards in, counts out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from socratune.memory.records import CandidateId
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

    def pulls(self, arms: Arms, *, rows: int) -> Mapping[CandidateId, int]:
        """Bring every arm to the same number of rows."""
        most = rows if self.rows is None else min(rows, self.rows)
        return {candidate: most for candidate, arm in arms.items() if arm.asked < most}

    def kept(self, arms: Arms) -> tuple[CandidateId, ...]:
        """Return all, the best mean first; of equals, the older."""
        return tuple(sorted(arms, key=lambda each: (-_mean(arms[each].scores), arms[each].is_new)))


def _mean(scores: Scores) -> float:
    return round(sum(scores.values()) / len(scores), 9) if scores else 0.0
