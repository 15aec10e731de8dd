"""The control arm: what anybody would write in an afternoon.

Rewrite the prompt from the errors among ten train rows, score the child on all of dev, keep the better one, until the
budget for the search is spent. Same rows, same budget, same model and same rewriter as ours; nothing else.
"""

from __future__ import annotations

import random

from socratune.agents.evidence import Brief
from socratune.agents.rewriter import Findings, Limits
from socratune.graphs.context import SearchDeps, candidate_of, scored
from socratune.memory.errors import BudgetExhausted, CallFailed, MalformedReply
from socratune.memory.records import Candidate
from socratune.tools.guard import length_limit

ROWS = 10
MOST_ROUNDS = 1_000


async def rewrite_and_keep(deps: SearchDeps, *, seed: int) -> Candidate:
    """Return the best candidate when the budget is spent."""
    leader = candidate_of(deps, deps.root)
    try:
        for number in range(MOST_ROUNDS):
            child = await _rewritten(deps, leader, random.Random(f"{seed} {number}"), number)  # noqa: S311  # not a secret
            if child is not None:
                leader = await _better(deps, leader, child)
    except BudgetExhausted:
        pass
    return leader


async def _rewritten(deps: SearchDeps, leader: Candidate, draw: random.Random, number: int) -> Candidate | None:
    rows = draw.sample(deps.train, min(ROWS, len(deps.train)))
    failures = deps.failures(await deps.evaluator.score(leader, rows, phase="search"))
    limits = Limits(
        variables=deps.task.variables,
        max_tokens=length_limit(leader.prompt, seed=deps.task.prompt, constraints=deps.task.constraints),
        locked=deps.task.constraints.locked,
    )
    if not failures:
        return None
    brief = Brief(goal=deps.task.goal, prompt=leader.prompt)
    try:
        prompt, reason = await deps.agents.rewriter.rewrite(brief, Findings(failures=failures), limits, attempt=number)
    except (MalformedReply, CallFailed):
        return None
    child = Candidate(prompt=prompt, parents=(leader.id,), operator="rewrite", reason=reason)
    if deps.guard.violations(child.prompt, parent=leader.prompt, known=[]):
        return None
    await deps.ledger.add_candidate(child)
    return child


async def _better(deps: SearchDeps, leader: Candidate, child: Candidate) -> Candidate:
    old = scored(await deps.evaluator.score(leader, deps.dev, phase="search"))
    new = scored(await deps.evaluator.score(child, deps.dev, phase="search"))
    return child if sum(new.values()) > sum(old.values()) else leader
