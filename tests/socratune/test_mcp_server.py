"""The MCP server as a client meets it: a child process on stdin and stdout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters

from .conftest import TASK, Command, lay_out
from .test_agent_tool import ASKED


def served(folder: Path, *words: str) -> StdioServerParameters:
    """The server of a folder."""
    program = f"from socratune.cli import main; main({['mcp', *words]!r})"
    return StdioServerParameters(command=sys.executable, args=["-c", program], cwd=folder, env=dict(os.environ))


async def ask(client: Client, tool: str, **given: Any) -> dict[str, Any]:
    """Call a tool that succeeds."""
    answer = await client.call_tool(tool, given)
    assert not answer.is_error, answer.content
    return dict(answer.structured_content)


async def refused(client: Client, tool: str, **given: Any) -> str:
    """Call a tool that does not, and return the one line it says."""
    answer = await client.call_tool(tool, given)
    assert answer.is_error
    (said,) = answer.content
    assert said.type == "text"
    assert "\n" not in said.text
    return said.text


async def until_ended(client: Client, run: str, heard: list[Any] | None = None) -> dict[str, Any]:
    async def hear(progress: float, total: float | None, message: str | None) -> None:
        if heard is not None:
            heard.append((progress, total, message))

    while True:
        answer = await client.call_tool("status", {"run": run, "wait_seconds": 20}, progress_callback=hear)
        if answer.structured_content["status"] != "running":
            return dict(answer.structured_content)


async def test_a_run_is_started_followed_and_read_and_what_is_not_allowed_is_one_line(tmp_path: Path) -> None:
    lay_out(tmp_path)
    (tmp_path / "paid.yaml").write_text(TASK.replace("sim:ticket-routing", "openai:m@http://198.51.100.1/v1"))
    heard: list[Any] = []
    async with Client(served(tmp_path), read_timeout_seconds=60) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == {
            "start", "status", "result", "cancel", "list",
        }  # fmt: skip
        assert "--max-usd" in await refused(client, "start", task_file="paid.yaml")
        begun = await ask(client, "start", prompt={**ASKED, "target": "sim:ticket-routing", "rollouts": 400})
        assert begun["status"] == "running"
        assert "has not ended" in await refused(client, "result", run=begun["run"])
        ended = await until_ended(client, begun["run"], heard)
        result = await ask(client, "result", run="last")
        (listed,) = (await ask(client, "list"))["runs"]
    assert listed["run"] == begun["run"]
    assert ended["status"] == result["status"]
    assert "{{ticket}}" in result["prompt"]["user"]
    assert "simulated" in result["warnings"][0]
    assert heard
    assert max(done for done, _, _ in heard) <= 400
    assert {total for _, total, _ in heard} == {400.0}


async def test_a_run_whose_server_is_gone_is_shown_as_such_and_goes_on_in_the_next(
    tmp_path: Path, command: Command
) -> None:
    lay_out(tmp_path)
    async with Client(served(tmp_path), read_timeout_seconds=60) as client:
        run = (await ask(client, "start", task_file="task.yaml"))["run"]
        stopped = await ask(client, "cancel", run=run)
        assert stopped["status"] == "cancelled"
        assert run in stopped["next"]
        assert (await ask(client, "start", run=run))["status"] == "running"
        assert "being worked on" in await refused(client, "start", run=run)
    async with Client(served(tmp_path), read_timeout_seconds=60) as client:
        assert (await ask(client, "status", run=run))["status"] == "unfinished"
        assert "not started here" in await refused(client, "cancel", run=run)
        assert (await ask(client, "start", run=run[:9]))["run"] == run
        ended = await until_ended(client, run)
    assert ended["status"] in ("improved", "promising", "no_improvement")
    assert command("report", run).code == 0


def test_without_the_package_it_says_what_to_install() -> None:
    program = "import sys; sys.modules['mcp'] = None; from socratune.cli import main; main(['mcp'])"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr == "the package mcp is not installed; pip install 'socratune[mcp]'\n"
