"""The operators by name: what recipes may choose from."""

from __future__ import annotations

from collections.abc import Mapping

from socratune.graphs.assignment import Proposer
from socratune.graphs.proposers import again, compare, demos, induce, joining, phrases, reflect, socratic

BY_CODE = frozenset({"demos", "join", "phrase", "reconsider"})
"""Operators that ask no model."""
OPERATORS: Mapping[str, Proposer] = {
    "socratic": socratic.propose,
    "reflect": reflect.rewrite,
    "gradient": reflect.gradient,
    "checklist": reflect.checklist,
    "induce": induce.induce,
    "reconsider": again.reconsider,
    "restart": induce.restart,
    "history": induce.improve,
    "mutate": induce.mutate,
    "paraphrase": induce.paraphrase,
    "compress": induce.compress,
    "crossover": joining.crossover,
    "join": joining.join,
    "phrase": phrases.propose,
    "demos": demos.propose,
    "compare": compare.propose,
}
