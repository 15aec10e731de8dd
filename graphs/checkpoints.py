"""Where the graphs stand, kept so that a killed run goes on from there. What was paid is the ledger's business."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, Durability
from langsmith import tracing_context

STEPS = 10_000
"""Most steps of one graph in one run: more than the 1,000 rounds of seven steps that no recipe exceeds."""


@asynccontextmanager
async def checkpoints(file: Path) -> AsyncIterator[AsyncSqliteSaver]:
    """Open the checkpoint file of a run; only plain values are read back from it."""
    async with AsyncSqliteSaver.from_conn_string(str(file)) as saver:
        saver.serde = JsonPlusSerializer(allowed_msgpack_modules=None)
        yield saver


async def continue_graph(
    graph: CompiledStateGraph[Any, Any, Any, Any],
    start: Any,
    *,
    context: Any,
    thread: str,
) -> dict[str, Any]:
    """Run a graph to its end, from where its thread stands or from `start`, and return the last state.

    A `Command` as `start` answers what the graph waits for.
    Checkpoints before the newest are deleted as it goes: only the newest is ever read.
    """
    config: Any = {"configurable": {"thread_id": thread}, "recursion_limit": STEPS}
    saver = graph.checkpointer if isinstance(graph.checkpointer, AsyncSqliteSaver) else None
    begun = saver is not None and await saver.aget_tuple(config) is not None
    durability: Durability | None = "sync" if saver is not None else None
    state: dict[str, Any] | None = None
    # A host's tracing setting must not post the user's rows.
    with tracing_context(enabled=False):
        given = None if begun and not isinstance(start, Command) else start
        async for values in graph.astream(given, config, context=context, stream_mode="values", durability=durability):
            state = values
            if saver is not None:
                await _prune(saver, thread)
    return state if state is not None else (await graph.aget_state(config)).values


async def _prune(saver: AsyncSqliteSaver, thread: str) -> None:
    newest = "SELECT MAX(checkpoint_id) FROM checkpoints WHERE thread_id = ?"
    async with saver.lock:
        for table in ("checkpoints", "writes"):
            await saver.conn.execute(
                f"DELETE FROM {table} WHERE thread_id = ? AND checkpoint_id < ({newest})",  # noqa: S608  # table names are ours
                (thread, thread),
            )
        await saver.conn.commit()
