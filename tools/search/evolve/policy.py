"""Evolutionary search over prompts: swap the heuristic, keep all else (Plum, arXiv 2311.08364)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Literal, Protocol

from socratune.memory.records import CandidateId
from socratune.tools.search.evolve.populations import Genetic, Harmony
from socratune.tools.search.evolve.walks import Annealing, Hill, Tabu
from socratune.tools.search.known import Known
from socratune.tools.search.moves import Choice, dealt
from socratune.tools.search.policy import Move, Start, Told


class Heuristic(Protocol):
    """Draws who is edited by what, and follows what came of it; ranks and scores are in `Known`, which it reads."""

    def choices(self, n: int, random: Random) -> list[Choice]:
        """Return `n` choices; asking changes nothing."""

    def tell(self, told: Told) -> None:
        """Follow one move, which `Known` was told of before."""


Name = Literal["ga", "hill", "annealing", "tabu", "harmony"]
HEURISTICS: Mapping[Name, Callable[[Start, Known], Heuristic]] = {
    "ga": Genetic,
    "hill": Hill,
    "annealing": Annealing,
    "tabu": Tabu,
    "harmony": Harmony,
}


class Evolve:
    """One policy for all of Plum's heuristics and for EvoPrompt's genetic algorithm (arXiv 2309.08532)."""

    def __init__(self, start: Start, *, heuristic: Name = "ga") -> None:
        self._known = Known(start)
        self._heuristic = HEURISTICS[heuristic](start, self._known)

    def ask(self, n: int, *, subgoals: int) -> list[Move]:
        """Return `n` moves."""
        return dealt(self._heuristic.choices(n, self._known.random()), subgoals=subgoals)

    def tell(self, told: Told) -> None:
        """Rank the child, and let the heuristic follow."""
        self._known.tell(told)
        if told.move.parents:
            self._heuristic.tell(told)

    def front(self) -> tuple[CandidateId, ...]:
        """Return the leader, even where the search has walked on from it."""
        return (self._known.leader,)
