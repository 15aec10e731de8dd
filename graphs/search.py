"""The search graph: plan, choose, propose in parallel, lint, gate, race, curate, route.

Its state holds this round's ids and counters; the ledger holds everything else. Each node may run again after a crash:
what it pays for and what it records are found in the ledger the second time.
"""

from __future__ import annotations

from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from socratune.graphs import planning, trials
from socratune.graphs.context import SearchDeps
from socratune.graphs.state import SearchState


def search_graph(saver: Any = None) -> CompiledStateGraph[SearchState, SearchDeps, SearchState, SearchState]:
    """Return the compiled search; `saver` makes it resumable."""
    graph = StateGraph(SearchState, context_schema=SearchDeps)
    graph.add_node("plan", planning.plan)
    graph.add_node("choose", planning.choose)
    graph.add_node("propose", planning.propose)
    graph.add_node("lint", trials.lint)
    graph.add_node("gate", trials.gate)
    graph.add_node("race", trials.race)
    graph.add_node("curate", trials.curate)

    graph.add_edge(START, "gate")  # baselines of the preflight are children too
    graph.add_conditional_edges("plan", planning.after_plan)
    graph.add_edge("propose", "lint")
    graph.add_edge("lint", "gate")
    graph.add_edge("gate", "race")
    graph.add_edge("race", "curate")
    graph.add_conditional_edges("curate", trials.route, {"plan": "plan", "finish": END})
    return graph.compile(checkpointer=saver, name="search")
