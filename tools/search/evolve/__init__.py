"""Evolution and its relatives: one policy whose heuristic is one key."""

from socratune.tools.search.evolve.policy import HEURISTICS, Evolve

__all__ = ["HEURISTICS", "Evolve"]
