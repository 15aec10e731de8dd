"""Rewriting from answers of which nobody says whether they are right: self-supervised (SPO, arXiv 2502.06855)."""

from __future__ import annotations

from socratune.agents.rewriter import Findings
from socratune.graphs.assignment import Assignment
from socratune.graphs.context import SearchDeps
from socratune.graphs.proposers.edits import drawn, parent_of, written
from socratune.memory.records import Candidate


async def propose(assignment: Assignment, deps: SearchDeps) -> Candidate | None:
    """Rewrite from the parent's answers to a few train rows, drawn for this round; None when it answered none.

    The writer sees the goal, the prompt, inputs and answers, never a label or a score.
    """
    parent = parent_of(assignment, deps)
    rows = drawn(deps, assignment.round, parent)[: deps.recipe.evidence.rows]
    answers = deps.answered(await deps.evaluator.answers(parent, rows, phase="search"))
    if not answers:
        return None
    return await written(assignment, deps, "compare", findings=Findings(answers=answers), evidence=answers)
