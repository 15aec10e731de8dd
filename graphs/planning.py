"""The first half of a round: plan, choose, propose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict

from langgraph.runtime import Runtime
from langgraph.types import Command, Overwrite, Send
from pydantic import TypeAdapter

from socratune.agents.evidence import Brief, Failure
from socratune.graphs.assignment import Assignment
from socratune.graphs.context import WRITTEN, Plan, SearchDeps, candidate_of, scored
from socratune.graphs.operators import OPERATORS
from socratune.graphs.state import NO_ANSWER, NOT_WORTH, NOTHING_LEFT, NOTHING_NEW, SearchState
from socratune.memory.critiques import SubGoal
from socratune.memory.errors import CallFailed, MalformedReply
from socratune.memory.ledger import Event
from socratune.memory.records import Candidate, Cluster, Example, ExampleId, Rollout
from socratune.tools.ceiling import most_left
from socratune.tools.clusters import clusters
from socratune.tools.search.policy import Move

MANY_FAILURES = 24
"""Failures looked at together in the first round."""
SOME_FAILURES = 8
"""Failures looked at in later rounds, when few are left."""
FEW_FAILURES = 3
"""With fewer than these what is left is rare, and every row is looked at."""
IDLE_ROUNDS = 5
"""Rounds in a row that asked the target nothing new; then nothing is left to try."""
LONGEST_CAUSE = 300
"""Characters kept of why a proposal failed."""
BLOCK = 12
"""Train rows run at a time while failures are collected."""

_PLAN = TypeAdapter(Plan)
_MOVES = TypeAdapter(list[Move])


class ProposeState(TypedDict):
    """What one parallel proposal is sent."""

    round: int
    index: int


async def plan(state: SearchState, runtime: Runtime[SearchDeps]) -> SearchState:
    """Plan the next round, unless it was planned before a crash; a recipe that does not plan goes on at once."""
    deps = runtime.context
    number, stop = state["round"] + 1, ""
    if deps.recipe.plans:
        if deps.ledger.event(f"plan:{number}") is None:
            await _plan(deps, number, leader=candidate_of(deps, state["leader"]), stale=state["stale"])
        stop = _planned(deps, number).stop
    return {"round": number, "children": Overwrite([]), "stop": stop}  # type: ignore[typeddict-item]  # Overwrite resets a reduced channel


async def _plan(deps: SearchDeps, number: int, *, leader: Candidate, stale: int) -> None:
    """Collect the leader's failures, group them, and let the planner rank the groups."""
    wanted = (MANY_FAILURES if number == 1 else SOME_FAILURES) * (1 + stale)
    done = await _run_on_train(deps, leader, wanted, number)
    failures = deps.failures(done)
    groups = clusters([(failure.example, failure.rollout) for failure in failures])
    left = most_left(len(failures), len(scored(done)), in_vain=stale)
    stop = NOT_WORTH if left < deps.recipe.worth else ""
    if not failures:
        stop = NOTHING_LEFT if scored(done) else NO_ANSWER
    # A fresh plan needs the planner's judgment; after a success the largest clusters of what is left will do.
    ask_planner = not stop and (number == 1 or stale > 0) and "planner" not in deps.recipe.without
    subgoals = await _ranked(deps, leader, groups, failures, number) if ask_planner else _by_size(groups)
    content = _PLAN.dump_python(Plan(clusters=groups, subgoals=subgoals, stop=stop), mode="json")
    facts = {"round": number, "failures": len(failures), "rows": len(done), "left": left}
    await deps.journal.record("plan", str(number), facts | {"subgoals": len(subgoals), "planned": ask_planner}, content)


async def _run_on_train(deps: SearchDeps, leader: Candidate, wanted: int, number: int) -> list[Rollout]:
    """Run the leader on train rows, those its parents failed on first, until enough went wrong.

    Two rows for each failure wanted are enough, unless almost nothing went wrong on them: then what is left is rare,
    and every row is looked at.
    """
    rows, known = await _hardest_first(deps, leader, number)
    done = await deps.evaluator.score(leader, rows[:known], phase="search")
    failed = deps.failures(done)
    while len(done) < len(rows) and len(failed) < wanted and (len(done) < 2 * wanted or len(failed) < FEW_FAILURES):
        done += await deps.evaluator.score(leader, rows[len(done) : len(done) + BLOCK], phase="search")
        failed = deps.failures(done)
    return done


async def _hardest_first(deps: SearchDeps, leader: Candidate, number: int) -> tuple[list[Example], int]:
    """Return the train rows, and how many of them the leader had seen when the round began; those come first."""
    failed: set[ExampleId] = set()
    for parent in leader.parents:
        failed |= {failure.example.id for failure in deps.failures(_on_train(deps, parent))}
    known = {rollout.example_id for rollout in _on_train(deps, leader.id)}
    rows = sorted(deps.train, key=lambda example: (example.id not in known, example.id not in failed))
    order = {"order": [row.id for row in rows]}
    begun = await deps.journal.record("rows", str(number), {"round": number, "known": len(known)}, order)
    return [deps.train_by_id[row] for row in begun.body["content"]["order"]], begun.body["known"]


def _on_train(deps: SearchDeps, candidate: str) -> list[Rollout]:
    known = deps.ledger.rollouts(candidate_of(deps, candidate).id)
    return [known[example.id] for example in deps.train if example.id in known]


async def _ranked(
    deps: SearchDeps, leader: Candidate, groups: Sequence[Cluster], failures: Sequence[Failure], number: int
) -> tuple[SubGoal, ...]:
    recalled = await deps.recall(f"{deps.task.goal}\n{groups[0].signature}", key=f"plan {number}")
    brief = Brief(goal=deps.task.aim, prompt=leader.prompt, recalled=recalled, tried=deps.tried())
    try:
        ranked = await deps.agents.planner.plan(brief, groups, failures, attempt=deps.attempt(number))
    except (MalformedReply, CallFailed) as error:
        await deps.journal.record("planner_failed", str(number), {"error": type(error).__name__})
        ranked = ()
    # One reply does not end a search: what the planner leaves out, or names wrongly, is still tried by size.
    return ranked or _by_size(groups)


def _by_size(groups: Sequence[Cluster]) -> tuple[SubGoal, ...]:
    total = sum(len(group.example_ids) for group in groups)
    return tuple(
        SubGoal(cluster=group.id, goal=f"Mend: {group.signature}", weight=len(group.example_ids) / total)
        for group in groups
    )


def after_plan(state: SearchState) -> Literal["choose", "curate"]:
    """Without a sub-goal there is nothing to choose."""
    return "curate" if state["stop"] else "choose"


async def choose(state: SearchState, runtime: Runtime[SearchDeps]) -> Command[Literal["propose", "curate"]]:
    """Let the search policy make this round's moves, and send each to its proposer."""
    deps, number = runtime.context, state["round"]
    made = deps.ledger.event(f"moves:{number}")
    if made is None:
        subgoals = len(_planned(deps, number).subgoals) if deps.recipe.plans else 1
        moves = _MOVES.dump_python(deps.policy().ask(deps.recipe.moves, subgoals=subgoals), mode="json")
        if _is_idle(deps, number):
            end: Command[Literal["propose", "curate"]] = Command(goto="curate", update={"stop": NOTHING_NEW})
            return end
        made = await deps.journal.record("moves", str(number), {"moves": moves})
    payloads = [ProposeState(round=number, index=index) for index in range(len(made.body["moves"]))]
    return Command(goto=[Send("propose", payload) for payload in payloads])


def _is_idle(deps: SearchDeps, number: int) -> bool:
    """Say whether the latest rounds brought neither an answer of the target nor a reply that could not be read.

    A round without a child may have run train rows for the first time, and the next ones may find failures.
    """
    first = number - IDLE_ROUNDS
    failed = {event.body["round"] for event in deps.ledger.events("proposal") if event.body["failed"]}
    return first > 0 and failed.isdisjoint(range(first, number)) and not deps.ledger.answered_since(f"moves:{first}")


def _planned(deps: SearchDeps, number: int) -> Plan:
    event = deps.ledger.event(f"plan:{number}")
    if event is None:
        raise AssertionError("a round is planned before its moves are made")
    return _PLAN.validate_python(event.body["content"])


async def propose(state: ProposeState, runtime: Runtime[SearchDeps]) -> SearchState:
    """Have one child written, unless that was done before a crash. A proposal that fails is counted, not fatal."""
    deps = runtime.context
    number, index, moves = state["round"], state["index"], deps.moves(state["round"])
    assignment = Assignment(
        round=number,
        index=index,
        move=moves[index],
        plan=_planned(deps, number) if deps.recipe.plans else None,
        place=sum(each.parents[0] == moves[index].parents[0] for each in moves[:index]),
    )
    made = deps.ledger.event(f"proposal:{assignment.key}") or await _propose(assignment, deps)
    return {"children": [made.body["child"]] if made.body["child"] else []}


async def _propose(assignment: Assignment, deps: SearchDeps) -> Event:
    child, failed = None, ""
    try:
        child = await OPERATORS[assignment.move.operator].propose(assignment, deps)
    except (MalformedReply, CallFailed) as error:
        failed = str(error)[:LONGEST_CAUSE]
    if child is not None and child.id in (deps.root, *child.parents):
        child = None  # the rewriter gave the prompt back unchanged, or went back to the user's own
    facts = {"round": assignment.round, "child": child.id if child else None, "failed": bool(failed)}
    content = {"candidate": WRITTEN.dump_python(child, mode="json")} if child else {"cause": failed} if failed else None
    return await deps.journal.record("proposal", assignment.key, facts, content)
