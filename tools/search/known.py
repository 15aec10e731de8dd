"""What every policy remembers of what it was told: who was accepted, and how they rank.

Two candidates are only ever compared on rows that both have seen (IPC compared scores on growing sets). So there is no
single score to sort by: whoever comes in is placed by paired comparisons, first with the root and then among those on
its side of the root. Nobody who is not ahead of the root can stand above it.
"""

from __future__ import annotations

from random import Random

from socratune.memory.records import CandidateId
from socratune.tools.search.policy import Scores, Start, Told, gain

TIE = 1e-9
"""Differences in mean reward below this are rounding."""


class Known:
    """The accepted candidates, best first; of equals, the older."""

    def __init__(self, start: Start, *, most: int | None = None) -> None:
        self._seed, self._most, self.root = start.seed, most, start.root
        self.ranked: list[CandidateId] = [start.root]
        """At most `most`; whoever falls out does not come back by itself."""
        self.scores: dict[CandidateId, Scores] = {start.root: {}}
        """Of everybody who was ever accepted, and of the root."""
        self.parents: dict[CandidateId, tuple[CandidateId, ...]] = {start.root: ()}
        self.turns = 0
        """Moves told of so far; the root's counts as one."""
        self._values: dict[CandidateId, float] = {}

    @property
    def leader(self) -> CandidateId:
        """The best so far; the root while nobody is ahead of it."""
        return self.ranked[0]

    def tell(self, told: Told) -> None:
        """Rank the child if it was accepted; a child that is told again is placed anew."""
        self.turns += 1
        if told.child is None or not told.accepted:
            return
        self.scores[told.child] = told.scores
        self.parents.setdefault(told.child, told.move.parents)
        self._values.pop(told.child, None)
        if told.child == self.root:
            self._rank_all_anew()
            return
        if told.child in self.ranked:
            self.ranked.remove(told.child)
        self._place(told.child)

    def value(self, candidate: CandidateId) -> float:
        """Return the mean paired gain over the root, in [-1, 1]: the unit in which a policy weighs candidates."""
        if candidate not in self._values:
            self._values[candidate] = gain(self.scores[candidate], self.scores[self.root])
        return self._values[candidate]

    def ahead(self, one: CandidateId, other: CandidateId) -> bool:
        """Say whether `one` has the higher mean on the rows that both have seen."""
        return gain(self.scores[one], self.scores[other]) > TIE

    def random(self) -> Random:
        """Return the generator of the coming round: the same until another move is told of."""
        return Random(f"{self._seed} search {self.turns}")  # noqa: S311  # a search, not a secret

    def _rank_all_anew(self) -> None:
        self._values.clear()
        others, self.ranked = [each for each in self.ranked if each != self.root], [self.root]
        for each in others:
            self._place(each)

    def _place(self, child: CandidateId) -> None:
        beside = self.ranked.index(self.root) if self.root in self.ranked else len(self.ranked)
        low, high = (0, beside) if self.value(child) > TIE else (min(beside + 1, len(self.ranked)), len(self.ranked))
        while low < high:
            middle = (low + high) // 2
            if self.ahead(child, self.ranked[middle]):
                high = middle
            else:
                low = middle + 1
        self.ranked.insert(low, child)
        del self.ranked[len(self.ranked) if self._most is None else self._most :]
