"""The outer graph: preflight, search, finalist, test, report."""

from __future__ import annotations

from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from socratune.graphs import stages
from socratune.graphs.context import OptimizeDeps
from socratune.graphs.stages import OptimizeState


def optimize_graph(saver: Any = None) -> CompiledStateGraph[OptimizeState, OptimizeDeps, OptimizeState, OptimizeState]:
    """Return the compiled graph; `saver` makes it resumable."""
    graph = StateGraph(OptimizeState, context_schema=OptimizeDeps)
    graph.add_node("preflight", stages.preflight)
    graph.add_node("search", stages.search)
    graph.add_node("finalist", stages.finalist)
    graph.add_node("test", stages.test)
    graph.add_node("report", stages.report)

    graph.add_edge(START, "preflight")
    graph.add_edge("preflight", "search")
    graph.add_edge("search", "finalist")
    graph.add_conditional_edges("finalist", stages.after_finalist)
    graph.add_edge("test", "report")
    graph.add_edge("report", END)
    return graph.compile(checkpointer=saver, name="optimize")
