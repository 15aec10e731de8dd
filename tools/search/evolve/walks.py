"""Heuristics that walk from one prompt to the next: hill climbing, simulated annealing, tabu search."""

from __future__ import annotations

import math
from collections import deque
from random import Random

from socratune.memory.records import CandidateId
from socratune.tools.search.known import TIE, Known
from socratune.tools.search.moves import Choice, edits
from socratune.tools.search.policy import Start, Told, gain

HOT = 0.1
"""Temperature at the start, in mean reward: a loss of this size is taken in one of e cases."""
COOLING = 0.97
"""What is left of the temperature after a child."""
NEIGHBOURS = 6
"""Moves after which tabu search steps to the best child that it found."""
WINDOW = 8
"""Prompts stepped to, and pairs of prompt and operator, that tabu search remembers."""


class Hill:
    """Steps to a child that is better, and to no other."""

    def __init__(self, start: Start, known: Known) -> None:
        self._operators, self._known, self.current = edits(start.operators), known, start.root

    def choices(self, n: int, random: Random) -> list[Choice]:
        """Return `n` random edits of where it stands."""
        return [(random.choice(self._operators), (self.current,)) for _ in range(n)]

    def tell(self, told: Told) -> None:
        """Step up if the child is better."""
        if told.child is not None and told.accepted and self._known.ahead(told.child, self.current):
            self.current = told.child


class Annealing:
    """Steps to a better child always, to a worse one the more seldom the later (Kirkpatrick et al., 1983)."""

    def __init__(self, start: Start, known: Known) -> None:
        self._operators, self._known, self.current = edits(start.operators), known, start.root
        self._seed, self._children = start.seed, 0

    def choices(self, n: int, random: Random) -> list[Choice]:
        """Return `n` random edits of where it stands."""
        return [(random.choice(self._operators), (self.current,)) for _ in range(n)]

    def tell(self, told: Told) -> None:
        """Step to the child, or stay, by chance; then cool down."""
        if told.child is None or not told.accepted:
            return
        change = gain(told.scores, self._known.scores[self.current])
        drawn = Random(f"{self._seed} annealing {self._known.turns}").random()  # noqa: S311  # a search, not a secret
        if drawn < acceptance(change, temperature=HOT * COOLING**self._children):
            self.current = told.child
        self._children += 1


class Tabu:
    """Steps to the best child found around it, better or not, but not to where it was lately (Glover, 1989).

    A policy sees ids alone, so it cannot know what an operator will write. It makes no pair of prompt and operator
    twice within its window while another is left, and steps on no prompt twice within it; that a text which was
    scored before is not scored again is the guard's promise.
    """

    def __init__(self, start: Start, known: Known) -> None:
        self._operators, self._known, self.current = edits(start.operators), known, start.root
        self._pairs = deque[Choice](maxlen=WINDOW)
        self._visited = deque[CandidateId]([start.root], maxlen=WINDOW)
        self._found: list[CandidateId] = []
        """Children of this neighbourhood that may be stepped to."""
        self._made = 0
        """Moves made in this neighbourhood."""

    def choices(self, n: int, random: Random) -> list[Choice]:
        """Return `n` edits of where it stands: any outside the window first, then those used longest ago."""
        pairs: list[Choice] = [(operator, (self.current,)) for operator in self._operators]
        random.shuffle(pairs)
        used = list(self._pairs)
        # A pair may stand in the window twice; its latest place counts.
        pairs.sort(key=lambda pair: len(used) - used[::-1].index(pair) if pair in used else 0)
        return [pairs[index % len(pairs)] for index in range(n)]

    def tell(self, told: Told) -> None:
        """Remember the pair and the child; step when the neighbourhood has been looked at."""
        self._pairs.append((told.move.operator, told.move.parents))
        self._made += 1
        if told.child is not None and told.accepted and told.child not in self._visited:
            self._found.append(told.child)
        if self._made >= NEIGHBOURS:
            self._step()

    def _step(self) -> None:
        self._made = 0
        if not self._found:
            return
        best = self._found[0]
        for each in self._found[1:]:
            best = each if self._known.ahead(each, best) else best
        self.current, self._found = best, []
        self._visited.append(best)


def acceptance(change: float, *, temperature: float) -> float:
    """Return the chance of stepping to a child whose mean reward differs by `change` (Metropolis et al., 1953).

    1 for one that is no worse; 0 for a worse one once all is frozen.
    """
    if change >= -TIE:
        return 1.0
    return math.exp(change / temperature) if temperature > TIE else 0.0
