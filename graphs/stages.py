"""The nodes of the outer graph.

Only `test` looks at the sealed rows, which `open_seal` hands out. The search runs in a graph of its own with a context
of its own: as a node of this one it would be handed this one's context, test rows included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, Literal, TypedDict, cast

from langgraph.runtime import Runtime

from socratune.graphs.baselines import baselines
from socratune.graphs.checkpoints import continue_graph
from socratune.graphs.context import OptimizeDeps, SearchDeps, candidate_of, differences, scored
from socratune.graphs.search import search_graph
from socratune.graphs.state import SearchState
from socratune.graphs.trials import stop_reason
from socratune.memory.errors import BudgetExhausted
from socratune.memory.records import Candidate, Example, ExampleId, Rollout
from socratune.tools import gate as gates
from socratune.tools.finalists import choose_finalist
from socratune.tools.model_spec import is_application
from socratune.tools.statistics import alpha_for_look, compare
from socratune.tools.unscored import told

NOISE_ROWS = 8
NOISE_REPEATS = 3
BASELINE_MARGIN = 1.4
"""Paired gain of a baseline that goes on: two rows of eight won and none lost."""
MOST_MISSING = 0.02
"""Share of test rows that the finalist may leave unanswered beyond the seed and still be called an improvement."""
FINALISTS = 3
TEST_BLOCK = 10
"""Rows a side that are tested before the other side's same rows."""


class OptimizeState(TypedDict, total=False):
    """Ids and reasons that go from stage to stage."""

    survivors: list[str]
    """Baselines that go on into the search."""
    stop: str
    """Why the search ended."""
    finalist: str
    tested: bool


async def preflight(state: OptimizeState, runtime: Runtime[OptimizeDeps]) -> OptimizeState:
    """Measure noise and readability on the seed, and race the baselines against it on the first dev rows."""
    deps = runtime.context.search
    seed = candidate_of(deps, deps.root)
    rows = deps.dev[:NOISE_ROWS]
    try:
        await _measure_noise(deps, seed, rows)
        racing = await _racing_baselines(deps, seed, rows) if deps.recipe.baselines else []
        return {"survivors": [each.id for each in racing]}
    except BudgetExhausted as error:
        await deps.journal.record("preflight_cut", "", {"cap": error.cap})
        return {"survivors": []}


async def _measure_noise(deps: SearchDeps, seed: Candidate, rows: Sequence[Example]) -> None:
    """Score the same rows several times: how often the same prompt disagrees with itself."""
    runs = [await deps.evaluator.score(seed, rows, phase="preflight", repeat=repeat) for repeat in range(NOISE_REPEATS)]
    unstable = sum(len({each.reward for each in outcomes}) > 1 for outcomes in zip(*runs, strict=True))
    unread = sum(not each.parsed for each in runs[0])
    facts = {
        "rows": len(rows),
        "repeats": NOISE_REPEATS,
        "unstable": unstable,
        "unread": unread,
        "failed": sum(each.reward is None for each in runs[0]),
        "score": _mean(runs[0]),
    }
    why = told((each.example_id, each.error or "") for run in runs for each in run if each.reward is None)
    await deps.journal.record("preflight", "", facts, {"why": "; ".join(why)} if why else None)


async def _racing_baselines(deps: SearchDeps, seed: Candidate, rows: Sequence[Example]) -> list[Candidate]:
    before = scored(await deps.evaluator.score(seed, rows, phase="preflight"))
    running = []
    for baseline in baselines(seed, deps.train):
        # Applications are known to take the instructions out of the first turn and to drop the rest, demos included.
        if baseline.operator == "demos" and is_application(deps.task.target):
            continue
        if deps.guard.violations(baseline.prompt, parent=seed.prompt, known=[]):
            continue
        after = scored(await deps.evaluator.score(baseline, rows, phase="preflight"))
        ahead = gates.passes(differences(after, before), BASELINE_MARGIN)
        facts = {"operator": baseline.operator, "rows": len(rows), "goes_on": ahead}
        await deps.journal.record("baseline", baseline.id, facts)
        if ahead:
            await deps.ledger.add_candidate(baseline)
            running.append(baseline)
    return running


async def search(state: OptimizeState, runtime: Runtime[OptimizeDeps]) -> OptimizeState:
    """Run the search in its own graph, with train and dev alone; a spent budget ends it, nothing more."""
    deps = runtime.context.search
    start = SearchState(round=0, leader=deps.root, children=state["survivors"], stale=0, stop="")
    graph = search_graph(runtime.context.saver)
    try:
        ended = await continue_graph(graph, start, context=deps, thread=f"{deps.ledger.run}:search")
        return {"stop": stop_reason(cast("SearchState", ended), deps.recipe)}
    except BudgetExhausted as error:
        return {"stop": f"budget: {error.cap}"}


async def finalist(state: OptimizeState, runtime: Runtime[OptimizeDeps]) -> OptimizeState:
    """Let one candidate go on: the surest of the last accepted edits, or the leader where a recipe settles nothing."""
    deps = runtime.context.search
    leaders = [event.body["leader"] for event in deps.ledger.events("leader")]
    chosen = await _settled(deps, leaders) if deps.recipe.settles else [deps.root, *leaders][-1]
    await deps.journal.record("finalist", "", {"finalist": chosen})
    return {"finalist": chosen, "tested": chosen != deps.root}


async def _settled(deps: SearchDeps, leaders: Sequence[str]) -> str:
    """Score the last accepted edits on all of dev, as far as the budget goes, and return the surest."""
    accepted = _with_ancestors(deps, [*leaders, *_undecided(deps)])
    try:
        for child in reversed(accepted[-FINALISTS:]):
            await _settle(deps, child, candidate_of(deps, child.parents[0]))
    except BudgetExhausted as error:
        await deps.journal.record("finalist_cut", "", {"cap": error.cap})
    scores = {each: deps.dev_scores(each) for each in (deps.root, *(child.id for child in accepted))}
    return choose_finalist(accepted, scores, root=deps.root)


def _with_ancestors(deps: SearchDeps, candidates: Sequence[str]) -> list[Candidate]:
    """Return candidates and all that they come from, parents first, without the seed."""
    found: dict[str, Candidate] = {}
    for each in candidates:
        line = [candidate_of(deps, each)]
        while line[-1].parents and line[-1].id not in found:
            line.append(candidate_of(deps, line[-1].parents[0]))
        found |= {one.id: one for one in reversed(line) if one.parents and one.id not in found}
    return list(found.values())


def _undecided(deps: SearchDeps) -> list[str]:
    """Return children that a spent budget stopped in the middle of the gate: they stand or fall by what they showed."""
    judged = {event.body["child"] for event in deps.ledger.events("judged")}
    proposed = [event.body["child"] for event in deps.ledger.events("proposal")]
    return [child for child in proposed if child and child not in judged and deps.dev_scores(child)]


async def _settle(deps: SearchDeps, child: Candidate, parent: Candidate) -> None:
    """Score an edit and its parent on the rest of dev, unless the edit is far ahead already."""
    ahead = gates.beaten(differences(deps.dev_scores(child.id), deps.dev_scores(parent.id)))
    settled = await deps.journal.record("settled", child.id, {"ahead": ahead})
    if not settled.body["ahead"]:
        await deps.evaluator.score(child, deps.dev, phase="finalist")
        await deps.evaluator.score(parent, deps.dev, phase="finalist")


def after_finalist(state: OptimizeState) -> Literal["test", "report"]:
    """The seed is not tested against itself: the sealed rows stay sealed."""
    return "test" if state["tested"] else "report"


async def test(state: OptimizeState, runtime: Runtime[OptimizeDeps]) -> OptimizeState:
    """Open the sealed rows, once: the seed and the finalist on the same rows, and one paired test."""
    deps, rows = runtime.context.search, await open_seal(runtime.context, finalist=state["finalist"])
    seed, chosen = candidate_of(deps, deps.root), candidate_of(deps, state["finalist"])
    old: dict[ExampleId, float] = {}
    new: dict[ExampleId, float] = {}
    try:
        for start in range(0, len(rows), TEST_BLOCK):
            block = rows[start : start + TEST_BLOCK]
            before = scored(await deps.evaluator.score(seed, block, phase="test"))
            new |= scored(await deps.evaluator.score(chosen, block, phase="test"))
            old |= before
    except BudgetExhausted as error:
        await deps.journal.record("test_cut", "", {"cap": error.cap})
    shared = [example.id for example in rows if example.id in old and example.id in new]
    alpha = alpha_for_look(runtime.context.sealed.look)
    verdict = compare([old[row] for row in shared], [new[row] for row in shared], alpha=alpha)
    if verdict.status == "improved" and len(old) - len(new) > MOST_MISSING * len(rows):
        # A prompt that gets no answer on its hard rows has not shown that it is better on them.
        verdict = replace(verdict, status="promising")
    means = {
        name: sum(side[row] for row in shared) / max(1, len(shared)) for name, side in (("seed", old), ("best", new))
    }
    await deps.journal.record("verdict", "", {"verdict": asdict(verdict), "means": means})
    return {}


async def open_seal(deps: OptimizeDeps, *, finalist: str) -> tuple[Example, ...]:
    """Count and record the look at the sealed rows before any of them is run; return them."""
    rows = deps.sealed.test
    deps.seal(frozenset(example.group for example in rows))
    await deps.search.journal.record("test_opened", "", {"rows": len(rows), "finalist": finalist})
    return rows


async def report(state: OptimizeState, runtime: Runtime[OptimizeDeps]) -> OptimizeState:
    """Record how the run ended; the doors write it out."""
    deps = runtime.context.search
    facts: dict[str, Any] = {"stop": state["stop"], "finalist": state["finalist"], "tested": state["tested"]}
    await deps.journal.record("ended", "", facts)
    return {}


def _mean(rollouts: Sequence[Rollout]) -> float | None:
    rewards = [each.reward for each in rollouts if each.reward is not None]
    return sum(rewards) / len(rewards) if rewards else None
