"""Socratune as a node of a real parent graph: what it streams, how it asks, and what a replay pays."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypedDict

import pytest
import sqlalchemy as sa
from langchain_core.callbacks import BaseCallbackHandler
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command

from socratune import BadInput, Settings, build_graph
from socratune.given_orders import Models
from socratune.memory.runs import RunFolder
from socratune.memory.tables import calls
from socratune.standing import opened
from socratune.subgraph import make_graph

from .conftest import lay_out
from .test_api import TASK, rows
from .test_cancelling import CALM, comparable, counted, salted

KEYS = {
    "name": "desk",
    "goal": TASK.goal,
    "prompt": TASK.prompt.user,
    "metric": "exact",
    "target": TASK.target,
    "optimizer": TASK.optimizer,
    "expected": "queue",
    "budget": {"rollouts": 200},
}
ROOT = Path(__file__).parents[2]
ONE: Any = {"configurable": {"thread_id": "one"}}


class Host(TypedDict, total=False):
    """What the parent keeps."""

    task: Any
    rows: list[dict[str, str]]
    status: str
    prompt: dict[str, Any]
    result: dict[str, Any]
    steps: list[str]


def host(home: Path, *, saver: Any = None, **options: Any) -> Any:
    """A parent with a step before and one after ours."""
    graph = StateGraph(Host)
    graph.add_node("gather", lambda _: {"steps": ["gather"]})
    graph.add_node("improve", build_graph(home=home, **options))
    graph.add_node("deploy", lambda state: {"steps": [*state["steps"], f"deploy {state['status']}"]})
    graph.add_edge(START, "gather")
    graph.add_edge("gather", "improve")
    graph.add_edge("improve", "deploy")
    graph.add_edge("deploy", END)
    return graph.compile(checkpointer=saver)


def given(count: int = 60) -> Host:
    """Keys and rows, as values."""
    return {"task": KEYS, "rows": rows(count)}


async def test_a_parent_hears_what_happens_and_gets_the_prompt(tmp_path: Path) -> None:
    saver, told, last = InMemorySaver(), [], {}
    parent = host(tmp_path / "home", saver=saver, settings=CALM)
    async for space, mode, part in parent.astream(given(), ONE, stream_mode=["custom", "values"], subgraphs=True):
        if mode == "custom":
            assert space[0].startswith("improve:")
            told.append(part)
        elif not space:
            last = part
    assert last["steps"] == ["gather", f"deploy {last['status']}"]
    assert last["result"]["splits"]["test"] == 30
    assert set(last["prompt"]) == {"system", "user", "demos"}
    assert [told[0]["type"], told[-1]["type"]] == ["run_started", "run_ended"]
    assert len(json.loads(json.dumps(told))) == len(told)
    kept = [item.config["configurable"] for item in saver.list(None)]
    assert {place["thread_id"] for place in kept} == {"one"}, "our own graphs keep to our own file"
    assert {place["checkpoint_ns"].count(":") for place in kept} == {0, 1}
    (own,) = (tmp_path / "home" / "runs").glob("*/checkpoints.db")
    with sqlite3.connect(own) as connection:
        assert connection.execute("SELECT COUNT(*) FROM checkpoints").fetchone() > (0,)


class Listening(BaseCallbackHandler):
    """A host's callback, as its tracing is one."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def on_chain_start(self, serialized: dict[str, Any], inputs: Any, **about: Any) -> None:
        self.told.append(str(about.get("name")))


async def test_callbacks_of_the_host_see_its_node_and_nothing_inside_the_run(tmp_path: Path) -> None:
    listening = Listening()
    await host(tmp_path / "home", settings=CALM).ainvoke(given(), {"callbacks": [listening]})
    assert {"gather", "prepare", "improve", "deploy"} <= set(listening.told)
    assert not {"preflight", "search", "plan", "propose", "test"} & set(listening.told)


async def test_a_task_file_can_be_named_and_no_checkpointer_is_needed(tmp_path: Path) -> None:
    file = lay_out(tmp_path, rows=60)
    ended = await build_graph(home=tmp_path / "home", settings=CALM).ainvoke({"task": str(file)})
    assert set(ended) == {"run", "status", "sentence", "prompt", "result"}
    assert (tmp_path / "home" / "runs" / ended["run"] / "best.yaml").exists()


async def test_the_host_is_asked_before_the_first_call_and_may_decline_or_agree(tmp_path: Path) -> None:
    parent = host(tmp_path / "home", saver=InMemorySaver(), settings=CALM, confirm=True)
    for thread, answer in (("yes", True), ("no", "no")):
        config = {"configurable": {"thread_id": thread}}
        asked = (await parent.ainvoke(given(), config))["__interrupt__"][0].value
        assert asked["caps"] == {"rollouts": 200}
        assert asked["splits"] == {"train": 12, "dev": 18, "test": 30}
        assert asked["models"][0].startswith("sim:ticket-routing runs the prompt")
        assert asked["roles"]["target"]["low"]["calls"] > 0
        assert asked["total"]["low"]["usd"] < asked["total"]["high"]["usd"]
        (run,) = (tmp_path / "home" / "runs").glob(asked["run"])
        assert not (run / "ledger.db").exists(), "nothing was called"
        ended = await parent.ainvoke(Command(resume=answer), config)
        assert (ended["status"] == "declined") is (answer == "no")
        assert run.exists() is (answer is True)
        assert "Which queue" in ended["prompt"]["user"]


async def test_a_node_that_is_run_again_finds_its_run_and_pays_nothing_twice(tmp_path: Path) -> None:
    for name in ("whole", "cut"):
        salted(tmp_path / name)
    undisturbed = await host(tmp_path / "whole", settings=CALM).ainvoke(given())
    target, optimizer = counted()
    models: Models = {"target": target, "optimizer": optimizer}
    parent = host(tmp_path / "cut", saver=InMemorySaver(), settings=CALM, models=models)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(cut_at("leader_changed", parent))
    resumed = await parent.ainvoke(None, ONE)
    assert comparable(resumed["result"]) == comparable(undisturbed["result"])
    assert len(list((tmp_path / "cut" / "runs").iterdir())) == 1
    assert max(target.asked.values()) == max(optimizer.asked.values()) == 1


async def cut_at(moment: str, parent: Any) -> None:
    """Run a parent, and die at an event."""
    async with aclosing(parent.astream(given(), ONE, stream_mode="custom", subgraphs=True)) as parts:
        async for _, part in parts:
            if part["type"] == moment:
                raise asyncio.CancelledError


KILLED = """
import asyncio, json, os, signal, sys
from pathlib import Path
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from tests.socratune.test_subgraph import ONE, given, host

async def main(folder, moment):
    async with AsyncSqliteSaver.from_conn_string(str(folder / "host.db")) as saver:
        parent = host(folder / "home", saver=saver)
        begun = await saver.aget_tuple(ONE) is not None
        async for _, part in parent.astream(None if begun else given(), ONE, stream_mode="custom", subgraphs=True):
            if part["type"] == moment:
                os.kill(os.getpid(), signal.SIGKILL)
        print(json.dumps((await parent.aget_state(ONE)).values["result"]))

asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""


@pytest.mark.proof
def test_a_host_that_is_killed_goes_on_with_the_same_run(tmp_path: Path) -> None:
    words = [sys.executable, "-c", KILLED, str(tmp_path)]
    killed = subprocess.run([*words, "edit_judged"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    ended = subprocess.run([*words, "never"], cwd=ROOT, capture_output=True, text=True, check=True)
    (run,) = (tmp_path / "home" / "runs").iterdir()
    assert json.loads(ended.stdout)["run"] == run.name
    with opened(RunFolder(path=run)) as ledger:
        answered = Counter(ledger._read(sa.select(calls.c.key).where(calls.c.state == "completed")))
    assert max(answered.values()) == 1, "no completed call is paid for twice"


async def test_a_thread_that_comes_again_makes_a_run_of_its_own(tmp_path: Path) -> None:
    parent = host(tmp_path / "home", saver=InMemorySaver(), settings=CALM)
    first = await parent.ainvoke(given(), ONE)
    second = await parent.ainvoke(given(), ONE)
    assert first["result"]["run"] != second["result"]["run"]


async def test_what_cannot_be_used_is_bad_input_and_leaves_no_run(tmp_path: Path) -> None:
    graph = build_graph(home=tmp_path / "home", settings=Settings())
    for task, said in (
        ({**KEYS, "tagret": "sim:ticket-routing"}, r"^task\.yaml:\d+: unknown key 'tagret'"),
        ({**KEYS, "metric": "python:evil.py:run"}, r"^task\.yaml:\d+: .* none is run from here"),
        ("missing.yaml", "no such file"),
    ):
        with pytest.raises(BadInput, match=said):
            await graph.ainvoke({"task": task, "rows": rows(60)})
    assert not list((tmp_path / "home" / "runs").iterdir())


async def test_a_langgraph_server_gets_a_graph_that_asks() -> None:
    graph = await make_graph({})
    assert graph.name == "socratune"
    assert "confirm" in graph.get_graph().nodes
    assert set(graph.get_input_jsonschema()["properties"]) == {"task", "rows"}
