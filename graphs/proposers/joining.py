"""Children of two parents: what each brings is kept."""

from __future__ import annotations

from dataclasses import replace

from socratune.agents.rewriter import Findings
from socratune.graphs.assignment import Assignment
from socratune.graphs.context import SearchDeps
from socratune.graphs.proposers.edits import child_of, parent_of, written
from socratune.memory.records import Candidate


async def crossover(assignment: Assignment, deps: SearchDeps) -> Candidate | None:
    """Write one prompt that keeps what both parents say; None for a move with one parent."""
    if (other := _other(assignment, deps)) is None:
        return None
    return await written(assignment, deps, "crossover", findings=Findings(other=other.prompt))


async def join(assignment: Assignment, deps: SearchDeps) -> Candidate | None:
    """Put the second parent's worked examples under the first one's instruction: code alone, no model.

    None for a move with one parent.
    """
    if (other := _other(assignment, deps)) is None:
        return None
    joined = replace(parent_of(assignment, deps).prompt, demos=other.prompt.demos)
    return child_of(assignment, (joined, "Instruction of one candidate, worked examples of another."))


def _other(assignment: Assignment, deps: SearchDeps) -> Candidate | None:
    parents = assignment.move.parents
    return deps.ledger.candidate(parents[1]) if len(parents) > 1 else None
