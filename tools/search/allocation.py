"""Which of a round's candidates see more dev rows, and which of them are kept.

All see the dev rows in one shared order, so whoever has seen more rows has seen those of the others too, and every
comparison is on rows that both have seen. Pure: counts and rewards in, counts out. An allocation keeps nothing between
two questions: what it decided before follows from what the arms have seen, so a resumed round goes on where it was.

A budget is a mean number of rows an arm. Rows that an arm has seen already count as bought.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from socratune.memory.records import CandidateId
from socratune.tools.search.policy import Scores, gain


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
    """None is everybody."""

    def pulls(self, arms: Arms, *, rows: int) -> Mapping[CandidateId, int]:
        """Bring every arm to the same number of rows."""
        return brought_to(rows if self.rows is None else min(rows, self.rows), arms)

    def kept(self, arms: Arms) -> tuple[CandidateId, ...]:
        """Return the best, or all."""
        return ranked(arms)[: self.keep]


def unseen(arms: Arms) -> Arms:
    """Return the new arms that have seen no row beside others: nobody is kept because few are left."""
    return {each: arm for each, arm in arms.items() if arm.is_new and not arm.asked and len(arms) > 1}


def brought_to(asked: int, arms: Arms) -> dict[CandidateId, int]:
    """Return the pulls that bring every arm to so many rows; those who have seen as many need none."""
    return {candidate: asked for candidate, arm in arms.items() if arm.asked < asked}


def ranked(arms: Arms) -> tuple[CandidateId, ...]:
    """Return all arms, the best mean on rows that all have seen first; of equals the older, then the one named first.

    An arm without a single answer is behind all others, and does not take their rows away.
    """
    answered = [set(arm.scores) for arm in arms.values() if arm.scores]
    shared = sorted(set.intersection(*answered)) if answered else []

    def place(candidate: CandidateId) -> tuple[bool, float, bool]:
        arm = arms[candidate]
        mean = sum(arm.scores[row] for row in shared) / len(shared) if shared and arm.scores else 0.0
        return not arm.scores, -round(mean, 9), arm.is_new

    return tuple(sorted(arms, key=place))


def ranked_apart(arms: Arms) -> dict[CandidateId, float]:
    """Return the arms like `ranked`, with values, where they were run on very different numbers of rows.

    A value is the mean paired difference to the arm that has answered most, on the rows that both have seen.
    """
    anchor = max(arms, key=lambda each: (len(arms[each].scores), not arms[each].is_new))
    values = {each: round(gain(arm.scores, arms[anchor].scores), 9) for each, arm in arms.items()}
    order = sorted(arms, key=lambda each: (not arms[each].scores, -values[each], arms[each].is_new))
    return {each: values[each] for each in order}
