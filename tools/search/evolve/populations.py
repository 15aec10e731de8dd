"""Heuristics that keep a population: a genetic algorithm, and harmony search. Selection goes by rank alone."""

from __future__ import annotations

from random import Random

from socratune.memory.records import CandidateId
from socratune.tools.search.known import Known
from socratune.tools.search.moves import CROSSOVER, Choice, edits
from socratune.tools.search.policy import Start, Told

POPULATION = 10
MEMORY_RATE = 0.9
"""Chance that a harmony is made from memory, and not improvised from the root."""
PITCH_RATE = 0.3
"""Chance that what comes from memory is varied instead of combined."""


class Genetic:
    """The best `POPULATION` breed, the better the more often (EvoPrompt, arXiv 2309.08532).

    Linear ranking (Baker, 1985) draws the parents, so that it does not matter how far rewards lie apart.
    """

    def __init__(self, start: Start, known: Known) -> None:
        self._operators, self._known = start.operators, known

    def choices(self, n: int, random: Random) -> list[Choice]:
        """Return `n` offspring: any operator, and two parents for a crossover."""
        population = self._known.ranked[:POPULATION]
        operators = self._operators if len(population) > 1 else edits(self._operators)
        drawn: list[Choice] = []
        for _ in range(n):
            operator = random.choice(operators)
            first = by_rank(population, random)
            others = [each for each in population if each != first]
            mates = [by_rank(others, random)] if operator == CROSSOVER and others else []
            drawn.append((operator, (first, *mates)))
        return drawn

    def tell(self, told: Told) -> None:
        """The population is the top of the ranking: nothing else is kept."""


class Harmony:
    """Prompts are recombined from the `POPULATION` best, varied, or improvised anew (Geem et al., 2001)."""

    def __init__(self, start: Start, known: Known) -> None:
        self._start, self._known = start, known

    def choices(self, n: int, random: Random) -> list[Choice]:
        """Return `n` harmonies."""
        return [self._choice(random) for _ in range(n)]

    def tell(self, told: Told) -> None:
        """The memory is the top of the ranking: nothing else is kept."""

    def _choice(self, random: Random) -> Choice:
        memory, single = self._known.ranked[:POPULATION], random.choice(edits(self._start.operators))
        if random.random() >= MEMORY_RATE:
            return single, (self._start.root,)
        combined = random.random() >= PITCH_RATE and CROSSOVER in self._start.operators and len(memory) > 1
        return (CROSSOVER, tuple(random.sample(memory, 2))) if combined else (single, (random.choice(memory),))


def by_rank(population: list[CandidateId], random: Random) -> CandidateId:
    """Draw from those who stand best first: the weight falls evenly, to 1 for the last."""
    return random.choices(population, weights=range(len(population), 0, -1))[0]
