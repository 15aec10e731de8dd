"""What a proposer is to do, and what a child of its own looks like."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from socratune.graphs.context import Plan, SearchDeps
from socratune.memory.records import Candidate
from socratune.tools.search.policy import Move

SAMPLES = 100
"""More than the moves of any round: numbers the questions of a run, so that each gets an answer of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One move of one round."""

    round: int
    index: int
    move: Move
    plan: Plan | None
    """That of the round, where the recipe plans."""
    place: int
    """How many earlier moves of this round have the same first parent."""

    @property
    def key(self) -> str:
        """`2.0`: round and index."""
        return f"{self.round}.{self.index}"

    @property
    def sample(self) -> int:
        """The number of this question among all of the run: asked again, a model is to answer anew."""
        return self.round * SAMPLES + self.index

    def draw(self, deps: SearchDeps, *purpose: object) -> random.Random:
        """Return the generator of this move alone."""
        return random.Random(f"{deps.seed} {self.key} {' '.join(map(str, purpose))}")  # noqa: S311  # not a secret


Proposer = Callable[[Assignment, SearchDeps], Awaitable[Candidate | None]]
"""Returns a child, or None when it has nothing to act on. Raises `MalformedReply` and `CallFailed`."""
