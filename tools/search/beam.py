"""Beam search: the best few are all worked on (ProTeGi, arXiv 2305.03495; PE2, arXiv 2311.05661)."""

from __future__ import annotations

from socratune.memory.records import CandidateId
from socratune.tools.search.known import Known
from socratune.tools.search.moves import dealt
from socratune.tools.search.policy import Move, Start, Told


class Beam:
    """Keeps the best `width`; each gets a move in turn, and each operator.

    With `backtracking` the beam is drawn from all candidates ever accepted (PE2): whoever fell out comes back when
    those above it turn out worse on more rows. Without it (ProTeGi) who falls out is forgotten.
    """

    def __init__(self, start: Start, *, width: int = 4, backtracking: bool = False) -> None:
        self._operators, self._width = start.operators, width
        self._known = Known(start, most=None if backtracking else width)

    def ask(self, n: int, *, subgoals: int) -> list[Move]:
        """Return `n` moves: through the beam, then through it again with the next operator."""
        front = self.front()
        # Turns go on over rounds: with one move a round the leader alone would ever be worked on.
        rounds = (divmod(self._known.turns + index, len(front)) for index in range(n))
        choices = [(self._operators[lap % len(self._operators)], (front[place],)) for lap, place in rounds]
        return dealt(choices, subgoals=subgoals)

    def tell(self, told: Told) -> None:
        """Rank the child."""
        self._known.tell(told)

    def front(self) -> tuple[CandidateId, ...]:
        """Return the beam."""
        return tuple(self._known.ranked[: self._width])
