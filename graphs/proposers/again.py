"""A second look at an edit that fell short at the gate: no model writes, more rows decide."""

from __future__ import annotations

from socratune.graphs.assignment import Assignment
from socratune.graphs.context import SearchDeps
from socratune.memory.records import Candidate
from socratune.tools.search.policy import gain


async def reconsider(assignment: Assignment, deps: SearchDeps) -> Candidate | None:
    """Return the child of the parent that fell short with the highest gain and has dev rows left to see, or None.

    The gate turns down one good edit in three to save rows; what is left of the budget may still tell them apart.
    """
    parent = assignment.move.parents[0]
    before = deps.dev_scores(parent)
    fallen = [deps.ledger.candidate(child) for child in deps.fallen_short(assignment.round)]
    open_still = [
        each for each in fallen if each.parents[0] == parent and 0 < len(deps.dev_scores(each.id)) < len(deps.dev)
    ]
    return max(open_still, key=lambda each: (gain(deps.dev_scores(each.id), before), each.id), default=None)
