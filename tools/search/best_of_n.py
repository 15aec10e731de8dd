"""Best of n: write many, keep the best (APE, arXiv 2211.01910; OPRO, arXiv 2309.03409)."""

from __future__ import annotations

from socratune.memory.records import CandidateId
from socratune.tools.search.known import Known
from socratune.tools.search.moves import Choice, dealt
from socratune.tools.search.policy import Move, Start, Told


class BestOfN:
    """Samples around the root, or around the best.

    `near` is how many of the best are sampled around once somebody is ahead of the root: 0 stays with the root (APE),
    1 works from the leader (OPRO, whose history is the proposer's business), more is iterative APE. The first operator
    writes what comes from the root, the last one what comes from others.
    """

    def __init__(self, start: Start, *, near: int = 0) -> None:
        self._start, self._near = start, near
        self._known = Known(start)

    def ask(self, n: int, *, subgoals: int) -> list[Move]:
        """Return `n` moves, by turns from those who are sampled around."""
        centres = self._known.ranked[: self._near] or [self._start.root]
        choices = [self._choice(centres[(self._known.turns + index) % len(centres)]) for index in range(n)]
        return dealt(choices, subgoals=subgoals)

    def tell(self, told: Told) -> None:
        """Rank the child."""
        self._known.tell(told)

    def front(self) -> tuple[CandidateId, ...]:
        """Return the leader."""
        return (self._known.leader,)

    def _choice(self, centre: CandidateId) -> Choice:
        return self._start.operators[0 if centre == self._start.root else -1], (centre,)
