"""What writers are shown of the run so far: ancestors, or the best prompts, with scores that can be compared."""

from __future__ import annotations

from collections.abc import Sequence

from socratune.agents.rewriter import Scored
from socratune.graphs.assignment import Assignment
from socratune.graphs.context import SearchDeps
from socratune.graphs.proposers.edits import earlier
from socratune.memory.records import Candidate
from socratune.tools import tokens

HISTORY_TOKENS = 4_000
"""Longest history in one request, in estimated tokens of the prompts in it."""


def lineage(deps: SearchDeps, parent: Candidate) -> tuple[Scored, ...]:
    """Return the nearest ancestors of a prompt, oldest first and itself last, as PromptAgent shows them.

    Empty where the recipe shows none, and for a prompt without a parent.
    """
    line = [parent]
    while len(line) <= deps.recipe.evidence.lineage and line[0].parents:
        line.insert(0, deps.ledger.candidate(line[0].parents[0]))
    return _scored(deps, line) if len(line) > 1 else ()


def history(assignment: Assignment, deps: SearchDeps) -> tuple[Scored, ...]:
    """Return the best prompts of the rounds before, worst first (OPRO, arXiv 2309.03409).

    At most as many as the recipe says and as fit into `HISTORY_TOKENS`. Where scores are hidden the oldest come first:
    the order would tell them.
    """
    evidence = deps.recipe.evidence
    known = _scored(deps, [each for each in earlier(assignment, deps) if deps.dev_scores(each.id)])
    ranked = _within(sorted(known, key=lambda each: -(each.score or 0.0))[: evidence.history])
    if evidence.scores:
        return tuple(reversed(ranked))
    return tuple(Scored(prompt=each.prompt, score=None) for each in known if each in ranked)


def _scored(deps: SearchDeps, candidates: Sequence[Candidate]) -> tuple[Scored, ...]:
    """Score candidates on the dev rows that all of them have seen; None when there is no such row."""
    rewards = [deps.dev_scores(each.id) for each in candidates]
    shared = set(rewards[0]).intersection(*rewards) if rewards else set()
    return tuple(
        Scored(
            prompt=each.prompt,
            score=round(sum(own[row] for row in sorted(shared)) / len(shared), 3) if shared else None,
        )
        for each, own in zip(candidates, rewards, strict=True)
    )


def _within(ranked: Sequence[Scored]) -> list[Scored]:
    """Return the first of them that fit together; the best alone when even two do not."""
    kept, left = list[Scored](), HISTORY_TOKENS
    for each in ranked:
        left -= tokens.estimate(each.prompt.instructions)
        if kept and left < 0:
            break
        kept.append(each)
    return kept
