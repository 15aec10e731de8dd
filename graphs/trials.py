"""The second half of a round: lint, gate, race, curate; and where to go from there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Literal

from langgraph.runtime import Runtime
from langgraph.types import Overwrite

from socratune.graphs.context import SearchDeps, candidate_of, differences, scored
from socratune.graphs.state import SearchState
from socratune.memory.errors import Paused
from socratune.memory.ledger import Event
from socratune.memory.records import Candidate, Example, ExampleId
from socratune.tools import gate as gates
from socratune.tools.search.policy import gain
from socratune.tools.tokens import estimate

RACE_BLOCK = 16
MOST_SILENT = 0.125
"""Share of rows that a child may leave unanswered beyond its parent; a single row may always be an accident."""
FIX_CHECK = 8
"""Failures on which an edit must show an effect before it sees dev rows."""
STRAIGHT_FAILURES = 5
"""Proposals in a row that failed for want of a readable answer; then the run pauses."""


async def lint(state: SearchState, runtime: Runtime[SearchDeps]) -> SearchState:
    """Refuse damaged children before a cent is spent on them; pause when no proposal can be read any more."""
    deps = runtime.context
    await _pause_if_unreadable(deps, state["round"])
    tried = {event.body["child"] for event in _judged_before(deps, state["round"])} | {deps.root}
    known = [candidate_of(deps, each).prompt for each in sorted(tried)]
    clean: list[str] = []
    for child in (candidate_of(deps, each) for each in dict.fromkeys(state["children"])):
        parent = candidate_of(deps, child.parents[0])
        broken = deps.guard.violations(child.prompt, parent=parent.prompt, known=known)
        if not broken:
            clean.append(child.id)
            known.append(child.prompt)
            continue
        await _judge(deps, child, state["round"], "refused", why="; ".join(broken))
    return {"children": Overwrite(clean)}  # type: ignore[typeddict-item]  # as above


def _judged_before(deps: SearchDeps, number: int) -> Iterator[Event]:
    """Return the judgements of earlier rounds: a child in a replayed round must not meet itself."""
    events = takewhile(lambda event: event.key != f"plan:{number}", deps.ledger.events("judged", "plan"))
    return (event for event in events if event.kind == "judged")


async def _pause_if_unreadable(deps: SearchDeps, number: int) -> None:
    straight = 0
    for event in deps.ledger.events("proposal", "paused"):
        straight = straight + 1 if event.kind == "proposal" and event.body["failed"] else 0
    if straight < STRAIGHT_FAILURES:
        return
    cause = deps.ledger.events("proposal")[-1].body["content"]["cause"]
    await deps.journal.record("paused", str(number), {"round": number, "proposals": straight}, {"cause": cause})
    raise Paused(f"{straight} proposals in a row failed; the last: {cause}")


async def gate(state: SearchState, runtime: Runtime[SearchDeps]) -> SearchState:
    """Compare each child with its parent on growing slices of dev, and drop it at the first stage it fails."""
    deps = runtime.context
    passed = [child for child in state["children"] if await _passes_gate(deps, child, state["round"])]
    return {"children": Overwrite(passed)}  # type: ignore[typeddict-item]  # as above


async def _passes_gate(deps: SearchDeps, child_id: str, number: int) -> bool:
    child = candidate_of(deps, child_id)
    parent = candidate_of(deps, child.parents[0])
    outcome, gained = await _fix_check(deps, child), 0.0
    whole = len(deps.dev[: gates.GATE_STAGES[-1][0]])
    for size, margin in gates.stages(len(deps.dev)) if not outcome else ():
        rows = deps.dev[:size]
        old = scored(await deps.evaluator.score(parent, rows, phase="search"))
        new = scored(await deps.evaluator.score(child, rows, phase="search"))
        gained, moved = gain(new, old), differences(new, old)
        if len(old) - len(new) > max(1, MOST_SILENT * size):
            outcome = f"gave no answer on {len(old) - len(new)} of {len(old)} rows"
            break
        # Rows on which nothing moved say nothing of an edit that mended a failure: a rare rule needs more of them.
        if not gates.passes(moved, margin) and (any(moved) or size == whole):
            outcome = f"rejected after {size} rows"
            break
        if gates.settled(moved):
            break
    if outcome:
        await _judge(deps, child, number, outcome, gain=gained)
    return not outcome


async def _fix_check(deps: SearchDeps, child: Candidate) -> str:
    """Run the edit on the failures that caused it; one that mends none of them is not scored further.

    An accepted child needs these rows in the next round anyway, so the check costs nothing when it is passed.
    """
    rows = [deps.train_by_id[row] for row in child.evidence[:FIX_CHECK]]
    if not rows:
        return ""
    mended = scored(await deps.evaluator.score(child, rows, phase="search"))
    known = deps.ledger.rollouts(child.parents[0])
    before = scored([known[row.id] for row in rows if row.id in known])
    return "mended none of its failures" if sum(differences(mended, before)) <= 0 else ""


async def race(state: SearchState, runtime: Runtime[SearchDeps]) -> SearchState:
    """Bring several survivors, and a leader that is not their parent, to the same dev rows; drop whoever is beaten."""
    deps = runtime.context
    running = [candidate_of(deps, child) for child in state["children"]]
    leader = candidate_of(deps, state["leader"])
    if running and any(leader.id not in child.parents for child in running):
        running.append(leader)
    if not running:
        return {"children": Overwrite([])}  # type: ignore[typeddict-item]  # as above
    # To choose among children that all beat their parent, no more rows are worth paying for than the gate's own.
    most = min(len(deps.dev), gates.GATE_STAGES[-1][0])
    shared = min(len(deps.dev_scores(each.id)) for each in running)
    begun = await deps.journal.record("race", str(state["round"]), {"running": len(running), "rows": shared})
    seen = begun.body["rows"]
    while len(running) > 1 and seen < most:
        seen = min(seen + RACE_BLOCK, most)
        running = await _not_beaten(deps, running, deps.dev[:seen])
    winner = best(running, await _scores(deps, running, deps.dev[:seen]))
    accepted = [] if winner.id == leader.id else [winner.id]
    for child in state["children"]:
        if child not in accepted:
            await _judge(deps, candidate_of(deps, child), state["round"], "passed the gate, lost the race")
    return {"children": Overwrite(accepted)}  # type: ignore[typeddict-item]  # as above


async def _scores(
    deps: SearchDeps, running: Sequence[Candidate], rows: Sequence[Example]
) -> dict[str, dict[ExampleId, float]]:
    return {c.id: scored(await deps.evaluator.score(c, rows, phase="search")) for c in running}


async def _not_beaten(deps: SearchDeps, running: Sequence[Candidate], rows: Sequence[Example]) -> list[Candidate]:
    scores = await _scores(deps, running, rows)
    ahead = best(running, scores)
    return [c for c in running if c == ahead or not gates.beaten(differences(scores[ahead.id], scores[c.id]))]


def best(running: Sequence[Candidate], scores: Mapping[str, Mapping[ExampleId, float]]) -> Candidate:
    """Return the candidate with the highest mean on the rows that all have; ties go to the shorter prompt."""
    shared = set.intersection(*(set(scores[candidate.id]) for candidate in running))

    def rank(candidate: Candidate) -> tuple[float, int, str]:
        total = sum(scores[candidate.id][row] for row in shared)
        return (-round(total, 9), estimate(candidate.prompt.instructions), candidate.id)

    return min(running, key=rank)


async def curate(state: SearchState, runtime: Runtime[SearchDeps]) -> SearchState:
    """Record what the round taught: the accepted edit, the leader, and what the policy is told."""
    deps, number = runtime.context, state["round"]
    accepted = state["children"][0] if state["children"] else None
    await _tell(deps, number, accepted)
    if accepted is None:
        return {"stale": state["stale"] + _was_tried(deps, number)}
    child = candidate_of(deps, accepted)
    gained = gain(deps.dev_scores(child.id), deps.dev_scores(child.parents[0]))
    await _judge(deps, child, number, "accepted", gain=gained)
    facts = {"leader": child.id, "round": number, "gain": gained, "operator": child.operator}
    await deps.journal.record("leader", str(number), facts, {"reason": child.reason})
    return {"leader": child.id, "stale": 0}


def _was_tried(deps: SearchDeps, number: int) -> bool:
    """Say whether a proposal of the round could be read: a failed one says nothing of what is left to mend."""
    return any(not event.body["failed"] for event in deps.ledger.events("proposal") if event.body["round"] == number)


async def _tell(deps: SearchDeps, number: int, accepted: str | None) -> None:
    """Tell the policy what came of each move of the round; an accepted baseline counts as a move."""
    events = deps.ledger.events("proposal")
    children = [event.body["child"] for event in events if event.body["round"] == number]
    for index, child in enumerate(children if number else [accepted] if accepted else []):
        told = {"child": child, "accepted": child is not None and child == accepted}
        cost = float(len(deps.dev_scores(child))) if child else 0.0
        await deps.journal.record("told", f"{number}.{index}", {**told, "cost": cost})


async def _judge(
    deps: SearchDeps, child: Candidate, number: int, outcome: str, *, gain: float = 0.0, why: str = ""
) -> None:
    """Record what came of a child. Its rules and what the guard quotes are content: they may hold a row's words."""
    facts = {"child": child.id, "outcome": outcome, "accepted": outcome == "accepted", "gain": gain, "round": number}
    await deps.journal.record("judged", f"{number} {child.id}", facts, {"rules": list(child.lessons), "why": why})


def route(state: SearchState, runtime: Runtime[SearchDeps]) -> Literal["plan", "finish"]:
    """Go on until nothing is left to mend or patience is at its end; the budget ends the search by itself."""
    return "finish" if stop_reason(state, runtime.context.recipe.patience) else "plan"


def stop_reason(state: SearchState, patience: int) -> str:
    """Say why the search ends here; empty when it does not."""
    if state.get("stop"):
        return state["stop"]
    return "patience" if state["stale"] >= patience else ""
