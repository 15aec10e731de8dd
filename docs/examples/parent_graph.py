"""Socratune as a node of your LangGraph: it asks before the first call, streams what happens, and returns the prompt.

Offline, on a simulated model. Here a task file of the demo stands for yours.
"""

import asyncio
import tempfile
from pathlib import Path
from typing import Any, TypedDict

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command

from socratune import build_graph
from socratune.demo import lay_out

desk = Path(tempfile.mkdtemp()) / "desk"


class State(TypedDict, total=False):
    task: str
    status: str
    sentence: str
    prompt: dict[str, Any]


def choose_task(state: State) -> State:
    return {"task": str(lay_out(desk))}


def deploy(state: State) -> State:
    print("deploying" if state["status"] == "improved" else "nothing to deploy", "-", state["sentence"])
    return {}


graph = StateGraph(State)
graph.add_node("choose_task", choose_task)
graph.add_node("improve", build_graph(home=desk / ".socratune", confirm=True))
graph.add_node("deploy", deploy)
graph.add_edge(START, "choose_task")
graph.add_edge("choose_task", "improve")
graph.add_edge("improve", "deploy")
graph.add_edge("deploy", END)
app = graph.compile(checkpointer=InMemorySaver())


async def main() -> None:
    thread: Any = {"configurable": {"thread_id": "1"}}
    asked = await app.ainvoke({}, thread)
    forecast = asked["__interrupt__"][0].value
    calls = forecast["roles"]["target"]
    print(f"{forecast['question']} {calls['low']['calls']} to {calls['high']['calls']} target calls")

    # True starts it. After a crash, `app.astream(None, thread, ...)` goes on and pays for nothing twice.
    async for _, event in app.astream(Command(resume=True), thread, stream_mode="custom", subgraphs=True):
        print(event["type"], event.get("question", ""))


if __name__ == "__main__":
    asyncio.run(main())
