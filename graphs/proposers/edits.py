"""What all proposers share: the limits of an edit, the failures behind it, and the child that comes of it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from socratune.agents.evidence import Brief, Failure
from socratune.agents.rewriter import Findings, Limits
from socratune.graphs.assignment import Assignment
from socratune.graphs.context import SearchDeps
from socratune.memory.critiques import Hypothesis
from socratune.memory.records import Candidate, Example, Prompt, Rollout
from socratune.tools.guard import length_limit

Edit = tuple[Prompt, str]
"""What a prompt becomes, and why."""


def parent_of(assignment: Assignment, deps: SearchDeps) -> Candidate:
    """Return the candidate that a move edits."""
    return deps.ledger.candidate(assignment.move.parents[0])


def earlier(assignment: Assignment, deps: SearchDeps) -> list[Candidate]:
    """Return the candidates of the rounds before, oldest first: what a replay of this round finds as well."""
    known = (each for each in deps.ledger.candidates().values() if each.round < assignment.round)
    return sorted(known, key=lambda each: (each.round, each.id))


def brief_of(deps: SearchDeps, parent: Candidate) -> Brief:
    """Return what every agent is told about a move."""
    return Brief(goal=deps.task.aim, prompt=parent.prompt)


async def written(
    assignment: Assignment,
    deps: SearchDeps,
    by: str,
    *,
    findings: Findings,
    evidence: Sequence[Failure] = (),
    accepted: Sequence[Hypothesis] = (),
) -> Candidate:
    """Have the writer with the instructions `by` edit the first parent; rules in `accepted` are settled.

    Raises `MalformedReply` and `CallFailed`.
    """
    parent, writer = parent_of(assignment, deps), deps.agents.writers[by]
    brief = replace(brief_of(deps, parent), accepted=accepted)
    edit = await writer.rewrite(brief, findings, limits_of(deps, parent), attempt=assignment.sample)
    return child_of(assignment, edit, evidence=evidence, by=[writer.instructions.label])


def limits_of(deps: SearchDeps, parent: Candidate) -> Limits:
    """Return what no edit of this prompt may break."""
    constraints = deps.task.constraints
    most = length_limit(parent.prompt, seed=deps.task.prompt, constraints=constraints)
    return Limits(variables=deps.task.variables, max_tokens=most, locked=constraints.locked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Minibatch:
    """Train rows that a parent was run on for one move."""

    failures: tuple[Failure, ...]
    passes: tuple[Failure, ...]
    """Rows that came out right, in the same shape."""


async def minibatch(assignment: Assignment, deps: SearchDeps) -> Minibatch:
    """Run the parent on train rows drawn for this round; moves from one parent share what failed among them.

    The rows of a round are the same for all moves from one parent, so that they cost its calls once.
    """
    parent, evidence = parent_of(assignment, deps), deps.recipe.evidence
    rows, done = drawn(deps, assignment.round, parent), list[Rollout]()
    for block in range(evidence.blocks):
        start = block * evidence.rows
        done += await deps.evaluator.score(parent, rows[start : start + evidence.rows], phase="search")
        if deps.failures(done):
            break
    failures = deps.failures(done)
    shown = _share(failures, evidence.failures, assignment.place)
    return Minibatch(failures=tuple(shown), passes=tuple(deps.passes(done)))


def drawn(deps: SearchDeps, number: int, parent: Candidate) -> list[Example]:
    """Return all train rows in the order of one round and parent."""
    draw = random.Random(f"{deps.seed} {number} {parent.id} minibatch")  # noqa: S311  # not a secret
    return draw.sample(deps.train, len(deps.train))


def _share(failures: Sequence[Failure], most: int, place: int) -> Sequence[Failure]:
    """Return the share of the move at `place`: the next few, and from the first again when all are given out."""
    start = place * most % len(failures) if failures else 0
    return failures[start : start + most]


def child_of(
    assignment: Assignment, edit: Edit, *, evidence: Sequence[Failure] = (), by: Sequence[str] = ()
) -> Candidate:
    """Return the candidate that an edit brought: its prompt and reason, and the rows and writers behind it."""
    prompt, reason = edit
    return Candidate(
        prompt=prompt,
        parents=assignment.move.parents,
        operator=assignment.move.operator,
        reason=reason,
        evidence=tuple(sorted({failure.example.id for failure in evidence})),
        written_by=tuple(by),
        round=assignment.round,
    )
