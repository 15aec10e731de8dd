"""The second half of a round: lint, gate, race, curate; and where to go from there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Literal

from langgraph.runtime import Runtime
from langgraph.types import Overwrite
from pydantic import TypeAdapter

from socratune.graphs.context import WRITTEN, SearchDeps, candidate_of, differences, scored
from socratune.graphs.operators import OPERATORS, Operator
from socratune.graphs.recipe import Recipe
from socratune.graphs.state import PATIENCE, ROUNDS, SearchState
from socratune.memory.errors import Paused
from socratune.memory.ledger import Event
from socratune.memory.records import Candidate, CandidateId, ExampleId
from socratune.tools import gate as gates
from socratune.tools.search.allocation import Arm
from socratune.tools.search.policy import Move, gain

MOST_SILENT = 0.125
"""Share of rows that a child may leave unanswered beyond its parent; a single row may always be an accident."""
FIX_CHECK = 8
"""Failures on which an edit must show an effect before it sees dev rows."""
TURNED_DOWN = "rejected after"
"""How the outcome of a child begins that failed a stage of the gate."""
REFUSED = "refused"
"""The outcome of a child that was not run, because the guard found it damaged or known."""
STRAIGHT_FAILURES = 5
"""Proposals in a row that failed for want of a readable answer; then the run pauses."""
_MOVE = TypeAdapter(Move)


async def lint(state: SearchState, runtime: Runtime[SearchDeps]) -> SearchState:
    """Refuse damaged children before a cent is spent on them; pause when no proposal can be read any more."""
    deps = runtime.context
    await _pause_if_unreadable(deps, state["round"])
    await _keep_written(deps, state["round"])
    tried = {event.body["child"] for event in _judged_before(deps, state["round"])} | {deps.root}
    known = [candidate_of(deps, each).prompt for each in sorted(tried)]
    clean: list[str] = []
    for child in (candidate_of(deps, each) for each in dict.fromkeys(state["children"])):
        if child.id in tried and _may_go_on(deps, child, state["round"]):
            clean.append(child.id)
            continue
        parent = candidate_of(deps, child.parents[0])
        broken = deps.guard.violations(child.prompt, parent=parent.prompt, known=known)
        if broken:
            await _judge(deps, child, state["round"], REFUSED, why="; ".join(broken))
            continue
        clean.append(child.id)
        known.append(child.prompt)
    return {"children": Overwrite(clean)}  # type: ignore[typeddict-item]  # as above


async def _keep_written(deps: SearchDeps, number: int) -> None:
    """Keep the candidates of a round in the order of its moves: of two who wrote the same, the first is the author.

    Which of two parallel proposals ended first must not matter.
    """
    for index in range(len(deps.moves(number))):
        made = deps.ledger.event(f"proposal:{number}.{index}")
        if made is not None and made.body["child"]:
            await deps.ledger.add_candidate(WRITTEN.validate_python(made.body["content"]["candidate"]))


def _may_go_on(deps: SearchDeps, child: Candidate, number: int) -> bool:
    """Say whether a child that the gate turned down is worth more rows: it was written again.

    Once: then it is settled on all of dev. Judgements of earlier rounds decide, so that a replay decides alike.
    """
    judged = [event.body["outcome"] for event in _judged_before(deps, number) if event.body["child"] == child.id]
    turned_down = [outcome for outcome in judged if outcome.startswith(TURNED_DOWN)]
    return len(turned_down) == 1 and turned_down[0] == judged[-1]


def _judged_before(deps: SearchDeps, number: int) -> Iterator[Event]:
    """Return the judgements of earlier rounds: a child in a replayed round must not meet itself."""
    return (event for event in deps.ledger.events("judged") if event.body["round"] < number)


async def _pause_if_unreadable(deps: SearchDeps, number: int) -> None:
    straight, cause = 0, ""
    for event in deps.ledger.events("proposal", "paused"):
        if event.kind == "proposal" and _operator(deps, event).by_code:
            continue  # it says nothing of the model that the others ask
        failed = event.kind == "proposal" and event.body["failed"]
        straight, cause = (straight + 1, event.body["content"]["cause"]) if failed else (0, "")
    if straight < STRAIGHT_FAILURES:
        return
    await deps.journal.record("paused", str(number), {"round": number, "proposals": straight}, {"cause": cause})
    raise Paused(
        f"{straight} proposals in a row failed; if this model cannot keep the form, "
        f"start a new run with another --optimizer; the last: {cause}"
    )


def _operator(deps: SearchDeps, proposal: Event) -> Operator:
    number, index = proposal.key.removeprefix("proposal:").split(".")
    return OPERATORS[deps.moves(int(number))[int(index)].operator]


async def gate(state: SearchState, runtime: Runtime[SearchDeps]) -> SearchState:
    """Drop each child whose edit shows no effect, or that fails a stage of the comparison with its parent."""
    deps = runtime.context
    passed = [child for child in state["children"] if await _passes_gate(deps, child, state["round"])]
    return {"children": Overwrite(passed)}  # type: ignore[typeddict-item]  # as above


async def _passes_gate(deps: SearchDeps, child_id: str, number: int) -> bool:
    child = candidate_of(deps, child_id)
    parent = candidate_of(deps, child.parents[0])
    outcome, gained = await _no_effect(deps, child, parent), 0.0
    stages = gates.stages(len(deps.dev), at_once=_may_go_on(deps, child, number))
    for size, margin in stages if deps.recipe.staged and not outcome else ():
        rows = deps.dev[:size]
        old = scored(await deps.evaluator.score(parent, rows, phase="search"))
        new = scored(await deps.evaluator.score(child, rows, phase="search"))
        gained, moved = gain(new, old), differences(new, old)
        if len(old) - len(new) > max(1, MOST_SILENT * size):
            outcome = f"gave no answer on {len(old) - len(new)} of {len(old)} rows"
            break
        # Rows on which nothing moved say nothing of an edit that mended a failure: a rare rule needs more of them.
        if not gates.passes(moved, margin) and (any(moved) or size == stages[-1][0]):
            outcome = f"{TURNED_DOWN} {size} rows"
            break
        if gates.settled(moved):
            break
    if outcome:
        await _judge(deps, child, number, outcome, gain=gained)
    return not outcome


async def _no_effect(deps: SearchDeps, child: Candidate, parent: Candidate) -> str:
    """Run an edit on the failures that caused it; one without effect on them is not scored further.

    After ABO (arXiv 2402.02101): reflection often changes the text and not what the target does. An accepted child
    needs these rows in the next round anyway, so the check costs little when it is passed.
    """
    known = deps.ledger.rollouts(parent.id)
    rows = [deps.train_by_id[row] for row in child.evidence[:FIX_CHECK] if row in known]
    if not rows:
        return ""
    after = {each.example_id: each for each in await deps.evaluator.score(child, rows, phase="search")}
    answered = [row for row in rows if after[row.id].reward is not None]
    if not answered:
        return ""  # silence is no sign of an effect or of none; the dev rows tell how much of it there is
    changed = sum(after[row.id].output != known[row.id].output for row in answered)
    facts = {"child": child.id, "rows": len(rows), "changed": changed}
    await deps.journal.record("behaviour", f"{child.round} {child.id}", facts)
    return "" if changed else "changed none of its failures"


async def race(state: SearchState, runtime: Runtime[SearchDeps]) -> SearchState:
    """Spend the round's dev rows on its children and on those in front, and keep who the allocation keeps."""
    deps, number = runtime.context, state["round"]
    if not state["children"]:
        return {"children": Overwrite([])}  # type: ignore[typeddict-item]  # as above
    running = [*_rivals(deps, state["children"]), *state["children"]]
    begun = await deps.journal.record("race", str(number), {"asked": {each: _asked(deps, each) for each in running}})
    # As it was the first time: a replay would find others in front.
    asked: dict[str, int] = dict(begun.body["asked"])
    new = set(state["children"])
    while pulls := deps.recipe.allocation.pulls(_arms(deps, asked, new), rows=len(deps.dev)):
        for each, rows in pulls.items():
            await deps.evaluator.score(candidate_of(deps, each), deps.dev[:rows], phase="search")
            asked[each] = rows
    kept = deps.recipe.allocation.kept(_arms(deps, asked, new))
    accepted = [each for each in kept if each in new]
    for child in state["children"]:
        if child not in accepted:
            await _judge(deps, candidate_of(deps, child), number, "lost to others on the same rows")
    return {"children": Overwrite(accepted)}  # type: ignore[typeddict-item]  # as above


def _rivals(deps: SearchDeps, children: Sequence[str]) -> list[str]:
    """Return those in front, but for one whom every child has beaten at the gate already."""
    parents = [candidate_of(deps, child).parents[:1] for child in children] if deps.recipe.staged else []
    front = [each for each in deps.policy().front() if each not in children]
    return [each for each in front if not parents or any(each not in beaten for beaten in parents)]


def _asked(deps: SearchDeps, candidate: str) -> int:
    """Return how many of the first dev rows a candidate was run on; one without an answer may be among them."""
    known = deps.ledger.rollouts(CandidateId(candidate))
    return max((place for place, row in enumerate(deps.dev, start=1) if row.id in known), default=0)


def _arms(deps: SearchDeps, asked: Mapping[str, int], new: Collection[str]) -> dict[CandidateId, Arm]:
    def scores(each: str, rows: int) -> dict[ExampleId, float]:
        known = deps.dev_scores(each)
        return {row.id: known[row.id] for row in deps.dev[:rows] if row.id in known}

    return {
        CandidateId(each): Arm(asked=rows, scores=scores(each, rows), is_new=each in new)
        for each, rows in asked.items()
    }


async def curate(state: SearchState, runtime: Runtime[SearchDeps]) -> SearchState:
    """Record what the round taught: accepted edits, what the policy is told, and who leads now."""
    deps, number = runtime.context, state["round"]
    accepted = state["children"]
    for child in (candidate_of(deps, each) for each in accepted):
        gained = gain(deps.dev_scores(child.id), deps.dev_scores(child.parents[0]))
        await _judge(deps, child, number, "accepted", gain=gained)
    await _tell(deps, number, accepted)
    front = await deps.journal.record("front", str(number), {"round": number, "front": deps.policy().front()})
    leader = front.body["front"][0]
    if leader == state["leader"]:
        return {"stale": state["stale"] + _was_tried(deps, number)}
    first = candidate_of(deps, leader)
    gained = gain(deps.dev_scores(first.id), deps.dev_scores(first.parents[0])) if first.parents else 0.0
    facts = {"leader": first.id, "round": number, "gain": gained, "operator": first.operator}
    await deps.journal.record("leader", str(number), facts, {"reason": first.reason})
    return {"leader": first.id, "stale": 0}


def _was_tried(deps: SearchDeps, number: int) -> bool:
    """Say whether a proposal of the round could be read: a failed one says nothing of what is left to mend."""
    return any(not event.body["failed"] for event in deps.ledger.events("proposal") if event.body["round"] == number)


async def _tell(deps: SearchDeps, number: int, accepted: Sequence[str]) -> None:
    """Tell the policy what came of each move of the round; an accepted baseline counts as a move."""
    for index, (move, child) in enumerate(_made(deps, number, accepted)):
        body = {"child": child, "accepted": child in accepted, "move": _MOVE.dump_python(move, mode="json")}
        judged = deps.ledger.event(f"judged:{number} {child}")
        was_run = judged is not None and judged.body["outcome"] != REFUSED
        cost = float(len(deps.dev_scores(child))) if child and was_run else 0.0
        await deps.journal.record("told", f"{number}.{index}", {**body, "cost": cost})


def _made(deps: SearchDeps, number: int, accepted: Sequence[str]) -> Iterator[tuple[Move, str | None]]:
    if number == 0:
        for each in accepted:
            baseline = candidate_of(deps, each)
            yield Move(operator=baseline.operator, parents=baseline.parents), each
    for index, move in enumerate(deps.moves(number)):
        proposal = deps.ledger.event(f"proposal:{number}.{index}")
        yield move, proposal.body["child"] if proposal else None


async def _judge(
    deps: SearchDeps, child: Candidate, number: int, outcome: str, *, gain: float = 0.0, why: str = ""
) -> None:
    """Record what came of a child. Its rules and what the guard quotes are content: they may hold a row's words."""
    facts = {"child": child.id, "outcome": outcome, "accepted": outcome == "accepted", "gain": gain, "round": number}
    await deps.journal.record("judged", f"{number} {child.id}", facts, {"rules": list(child.lessons), "why": why})


def route(state: SearchState, runtime: Runtime[SearchDeps]) -> Literal["plan", "finish"]:
    """Go on until nothing is left to mend or patience is at its end; the budget ends the search by itself."""
    return "finish" if stop_reason(state, runtime.context.recipe) else "plan"


def stop_reason(state: SearchState, recipe: Recipe) -> str:
    """Say why the search ends here; empty when it does not."""
    if state.get("stop"):
        return state["stop"]
    if state["stale"] >= recipe.patience:
        return PATIENCE
    return ROUNDS if state["round"] >= recipe.rounds else ""
