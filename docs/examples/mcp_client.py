"""Socratune over MCP: start a run, follow it, read its result.

Offline, on a simulated model. The configuration of an MCP client says the same in its own words: the command is
`socratune mcp`, its folder the one that holds your task files, and `--max-usd 5` allows models that cost money.
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from mcp import Client, StdioServerParameters

from socratune.demo import lay_out

task = lay_out(Path(tempfile.mkdtemp()) / "desk")
server = StdioServerParameters(
    command=str(Path(sys.executable).with_name("socratune")), args=["mcp"], cwd=task.parent, env=dict(os.environ)
)


async def progress(done: float, total: float | None, message: str | None) -> None:
    print(f"{done:.0f} of {total} target calls: {message}")


async def main() -> None:
    async with Client(server) as client:
        state = (await client.call_tool("start", {"task_file": task.name})).structured_content
        run = state["run"]
        while state["status"] == "running":
            wait = {"run": run, "wait_seconds": 30}
            state = (await client.call_tool("status", wait, progress_callback=progress)).structured_content
        result = (await client.call_tool("result", {"run": run})).structured_content
        print(result["status"], "-", result["sentence"])
        print(result["prompt"]["user"])


if __name__ == "__main__":
    asyncio.run(main())
