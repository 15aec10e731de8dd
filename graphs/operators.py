"""The operators by name: what recipes may choose from."""

from __future__ import annotations

from collections.abc import Mapping

from socratune.graphs.assignment import Proposer
from socratune.graphs.proposers import compare, demos, reflect, socratic

OPERATORS: Mapping[str, Proposer] = {
    "socratic": socratic.propose,
    "reflect": reflect.rewrite,
    "demos": demos.propose,
    "compare": compare.propose,
}
