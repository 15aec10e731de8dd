"""The tool in the hands of a real LangChain agent, whose model is scripted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import StructuredTool
from langgraph.checkpoint.memory import InMemorySaver

from socratune import Budget, Result, as_tool

from .test_api import TASK, rows
from .test_cancelling import CALM

ROWS = [{"ticket": row["ticket"], "expected": row["queue"]} for row in rows(60)]
ASKED = {"prompt": TASK.prompt.user, "rows": ROWS, "goal": TASK.goal}


class Scripted(GenericFakeChatModel):
    """Says what it is told to, whatever tools it is given."""

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> Scripted:
        return self


def agent(tool: StructuredTool, asked: dict[str, Any], saver: Any = None) -> Any:
    """An agent that calls the tool once and then says so."""
    call = {"name": "improve_prompt", "args": asked, "id": "call-1", "type": "tool_call"}
    said = [AIMessage(content="", tool_calls=[call]), AIMessage(content="Done.")]
    return create_agent(Scripted(messages=iter(said)), [tool], checkpointer=saver)


def bench(home: Path) -> StructuredTool:
    return as_tool("sim:ticket-routing", budget=Budget(rollouts=200), home=home, settings=CALM)


async def test_an_agent_gets_the_verdict_and_its_host_the_result_and_the_events(tmp_path: Path) -> None:
    told, messages = [], []
    saver = InMemorySaver()
    config: Any = {"configurable": {"thread_id": "one"}}
    talk = agent(bench(tmp_path), ASKED, saver)
    async for mode, part in talk.astream({"messages": "Improve it."}, config, stream_mode=["custom", "values"]):
        if mode == "custom":
            told.append(part["type"])
        else:
            messages = part["messages"]
    answer = next(message for message in messages if isinstance(message, ToolMessage))
    assert isinstance(answer.artifact, Result)
    assert answer.artifact.sentence in answer.text
    assert "simulated" in answer.text
    assert messages[-1].text == "Done."
    assert [told[0], told[-1]] == ["run_started", "run_ended"]
    assert (tmp_path / "runs" / answer.artifact.run / "report.md").exists()


async def test_what_cannot_be_done_is_an_answer_that_the_agent_reads(tmp_path: Path) -> None:
    state = await agent(bench(tmp_path), {**ASKED, "rows": ROWS[:5]}).ainvoke({"messages": "Improve it."})
    answer = next(message for message in state["messages"] if isinstance(message, ToolMessage))
    assert "12" in answer.text
    assert answer.artifact is None
    assert not list((tmp_path / "runs").iterdir())


async def test_an_agent_can_choose_neither_code_nor_models_nor_caps(tmp_path: Path) -> None:
    tool = bench(tmp_path)
    for more in ({"metric": "python:evil.py:run"}, {"target": "openai:gpt-5"}, {"budget": {"usd": 1000}}):
        state = await agent(tool, {**ASKED, **more}).ainvoke({"messages": "Improve it."})
        answer = next(message for message in state["messages"] if isinstance(message, ToolMessage))
        assert answer.status == "error"
    assert not (tmp_path / "runs").exists()


def test_the_tool_works_in_a_plain_call_and_takes_a_system_prompt(tmp_path: Path) -> None:
    asked = {**ASKED, "prompt": "Answer with the queue of the ticket."}
    answer = bench(tmp_path).invoke({"name": "improve_prompt", "args": asked, "id": "1", "type": "tool_call"})
    assert answer.artifact.seed.prompt.system == asked["prompt"]
    assert answer.artifact.seed.prompt.user is None
