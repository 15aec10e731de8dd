"""Rewriting from answers of which nobody says whether they are right: self-supervised (SPO, arXiv 2502.06855)."""

from __future__ import annotations

from socratune.agents.evidence import Brief
from socratune.agents.rewriter import Findings
from socratune.graphs.assignment import Assignment
from socratune.graphs.context import SearchDeps
from socratune.graphs.proposers.edits import child_of, drawn, limits_of
from socratune.memory.records import Candidate


async def propose(assignment: Assignment, deps: SearchDeps) -> Candidate | None:
    """Rewrite from the parent's answers to a few train rows, drawn for this round; None when it answered none.

    The writer sees the goal, the prompt, inputs and answers, never a label or a score.
    """
    parent = deps.ledger.candidate(assignment.move.parents[0])
    rows = drawn(deps, assignment.round, parent)[: deps.recipe.evidence.rows]
    answers = deps.answered(await deps.evaluator.answers(parent, rows, phase="search"))
    if not answers:
        return None
    brief = Brief(goal=deps.task.aim, prompt=parent.prompt)
    writer = deps.agents.writers["compare"]
    written = await writer.rewrite(brief, Findings(answers=answers), limits_of(deps, parent), attempt=assignment.sample)
    return child_of(assignment, written, evidence=answers, by=[writer.instructions.label])
