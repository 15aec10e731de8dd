"""Rewriting from failures: at once, through a critique (a textual gradient), or through a checklist row by row."""

from __future__ import annotations

from socratune.agents.evidence import Brief
from socratune.agents.rewriter import Findings
from socratune.graphs.assignment import Assignment
from socratune.graphs.context import SearchDeps
from socratune.graphs.proposers.edits import child_of, limits_of, minibatch
from socratune.memory.records import Candidate


async def rewrite(assignment: Assignment, deps: SearchDeps) -> Candidate | None:
    """Rewrite from the failures of a minibatch in one step; None when nothing failed on it."""
    parent = deps.ledger.candidate(assignment.move.parents[0])
    failures = (await minibatch(assignment, deps)).failures
    if not failures:
        return None
    brief = Brief(goal=deps.task.aim, prompt=parent.prompt)
    writer = deps.agents.rewriter
    written = await writer.rewrite(
        brief, Findings(failures=failures), limits_of(deps, parent), attempt=assignment.sample
    )
    return child_of(assignment, written, evidence=failures, by=[writer.instructions.label])
