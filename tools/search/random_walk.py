"""The control: any parent, any operator. A search that does not beat it decides nothing."""

from __future__ import annotations

from socratune.memory.records import CandidateId
from socratune.tools.search.known import Known
from socratune.tools.search.moves import CROSSOVER, Choice, dealt, edits
from socratune.tools.search.policy import Move, Start, Told


class RandomWalk:
    """Draws a parent among all who were accepted and an operator among all that there are."""

    def __init__(self, start: Start) -> None:
        self._operators = start.operators
        self._known = Known(start)

    def ask(self, n: int, *, subgoals: int) -> list[Move]:
        """Return `n` independent draws."""
        random, known = self._known.random(), self._known.ranked
        choices: list[Choice] = []
        for _ in range(n):
            operator = random.choice(self._operators if len(known) > 1 else edits(self._operators))
            parents = min(2 if operator == CROSSOVER else 1, len(known))
            choices.append((operator, tuple(random.sample(known, parents))))
        return dealt(choices, subgoals=subgoals)

    def tell(self, told: Told) -> None:
        """Rank the child."""
        self._known.tell(told)

    def front(self) -> tuple[CandidateId, ...]:
        """Return the leader."""
        return (self._known.leader,)
