"""Socratune as a tool of a LangChain agent: the agent brings a prompt and rows; models and caps are yours.

Offline: a script stands for the agent's chat model, a simulated model runs the prompt.
"""

import asyncio
import csv
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, ToolMessage

from socratune import Budget, as_tool
from socratune.demo import lay_out

desk = lay_out(Path(tempfile.mkdtemp()) / "desk").parent
tool = as_tool("sim:ticket-routing", budget=Budget(rollouts=400), home=desk / ".socratune")

with (desk / "ticket-routing.csv").open(encoding="utf-8", newline="") as file:
    rows = [{"ticket": row["ticket"], "expected": row["queue"]} for row in csv.DictReader(file)]
asked = {"prompt": "Which queue should handle this ticket? {{ticket}}", "rows": rows[:150], "goal": "Route tickets."}
call = {"name": "improve_prompt", "args": asked, "id": "1", "type": "tool_call"}


class ChatModel(GenericFakeChatModel):
    """Use `init_chat_model("openai:...")` here."""

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> "ChatModel":
        return self


model = ChatModel(messages=iter([AIMessage(content="", tool_calls=[call]), AIMessage(content="It is better now.")]))
agent = create_agent(model, [tool])


async def main() -> None:
    state = await agent.ainvoke({"messages": "Improve the prompt of our help desk."})
    for message in state["messages"]:
        print(f"{message.type}: {message.text[:300]}")
        if isinstance(message, ToolMessage):
            print("for the program:", message.artifact.status, message.artifact.verdict)


if __name__ == "__main__":
    asyncio.run(main())
