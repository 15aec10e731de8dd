"""Socratune as a part of someone else's LangGraph: a node with its own input and output.

The graph has no checkpointer of its own. Its host's, if there is one, says where the host stands; what was paid is the
business of the run's ledger, and the run's id follows from the place in the host's thread. A node that is run again
after a crash finds its run again, and pays nothing twice.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Required

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict  # pydantic, whose own dependency it is, reads no other before Python 3.12

from socratune.api import go_on, place_of
from socratune.before import as_record, outlook_of
from socratune.commissions import Commission, lay_down, run_at
from socratune.events import Hearer, plain_event
from socratune.given_orders import GivenModels, Models, adapted_models
from socratune.graphs.engine import Settings
from socratune.memory.runs import Home
from socratune.orders import SavedOrder


class Asked(TypedDict, total=False):
    """What the graph is given."""

    task: Required[str | dict[str, Any]]
    """Path of a task file, or the keys of one."""
    rows: list[dict[str, str]]
    """In place of the task's own."""


class Answered(TypedDict):
    """What the graph returns."""

    run: str
    """Id of the run; empty when it was declined."""
    status: str
    """`improved`, `promising` or `no_improvement`; `declined` when the host said no."""
    sentence: str
    """The verdict in words."""
    prompt: dict[str, Any]
    """`system`, `user` and `demos`: the new prompt only when it is proven to be better, else the one that was given."""
    result: dict[str, Any]
    """The whole record, as `--json` prints it; empty when the run was declined."""


class _State(Asked, Answered, total=False):
    forecast: dict[str, Any]


def build_graph(
    *,
    home: Path | str | None = None,
    settings: Settings | None = None,
    models: GivenModels | None = None,
    confirm: bool = False,
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Return a graph that improves the prompt of a task, to be a node of another or to be called on its own.

    It is asynchronous, and runs no `python:` code. What happens in the run is written to the `custom` stream as plain
    values with a `type`; as a node of another graph it is heard there with `subgraphs=True`.
    With `confirm`, which needs a host with a checkpointer, it interrupts before the first call with what
    `socratune estimate --json` prints: what the run may use and who is sent what. `Command(resume=True)` starts it, and
    anything else declines.
    """
    nodes = _Nodes(home=place_of(home), settings=settings, models=adapted_models(models))
    graph = StateGraph(_State, input_schema=Asked, output_schema=Answered)
    graph.add_node("prepare", nodes.prepare)
    graph.add_node("improve", nodes.improve)
    graph.add_edge(START, "prepare")
    graph.add_edge("improve", END)
    if confirm:
        graph.add_node("confirm", nodes.confirm)
        graph.add_edge("prepare", "confirm")
    else:
        graph.add_edge("prepare", "improve")
    return graph.compile(name="socratune")


async def make_graph(config: RunnableConfig) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Return the graph for a LangGraph server: `{"graphs": {"socratune": "socratune.subgraph:make_graph"}}`."""
    return build_graph(confirm=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Nodes:
    home: Home
    settings: Settings | None = None
    models: Models | None = None

    async def prepare(self, state: _State, config: RunnableConfig) -> dict[str, Any]:
        """Lay the run down and look ahead; nothing is called."""
        asked = Commission(task=state["task"], rows=state.get("rows"), settings=self.settings, models=self.models)
        folder, loaded = lay_down(asked, self.home, run=run_at(config.get("configurable", {}), asked.name))
        hosts = SavedOrder.read(folder, hosts=asked.hosts).settings.hosts
        outlook = outlook_of(loaded, self.home, hosts=hosts, models=self.models)
        return {"run": folder.id, "prompt": loaded.task.prompt.as_dict(), "forecast": as_record(outlook)}

    def confirm(self, state: _State) -> Command[Literal["improve", "__end__"]]:
        """Ask the host, and decline unless it says True."""
        question = "Start this run? It makes the calls below, and never more than its caps."
        if interrupt({"question": question, "run": state["run"], **state["forecast"]}) is True:
            return Command(goto="improve")
        self.home.forget_run(self.home.run_named(state["run"]))
        declined = {"run": "", "status": "declined", "sentence": "Declined: nothing was called.", "result": {}}
        return Command(goto="__end__", update=declined)

    async def improve(self, state: _State, runtime: Runtime[None]) -> Answered:
        """Carry out the run, or go on with it, and tell the host what happens."""
        hear = told_to(runtime.stream_writer)
        folder = self.home.run(state["run"])
        hosts = self.settings.hosts if self.settings else None
        result = await go_on(folder, self.home, on_event=hear, models=self.models, hosts=hosts)
        return Answered(
            run=result.run,
            status=result.status,
            sentence=result.sentence,
            prompt=result.prompt.as_dict(),
            result=result.as_dict(),
        )


def told_to(write: Callable[[Any], None]) -> Hearer:
    """Return what tells a host's stream what happens in a run."""
    here = contextvars.copy_context()  # the writer asks it which node speaks, and our own graphs have other nodes
    return lambda event: here.run(write, plain_event(event))
