"""Socratune as an MCP server: five tools over runs that go on in the background."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel, Field

from socratune.background import Background, State
from socratune.commissions import PromptForm
from socratune.listing import entries
from socratune.memory.errors import BadInput, SocratuneError
from socratune.text import CAVEAT, one_line
from socratune.tools.task_files import DEFAULT_BUDGET

INSTRUCTIONS = (
    "Socratune improves a prompt on labelled rows and tests once, on rows that chose nothing, whether the new prompt "
    "is really better. `start` returns a run id at once; ask `status` (with wait_seconds) until it has ended, then "
    "`result`. A run that stopped early goes on with `start` and its id, and pays for nothing twice."
)
PACE = 0.5
"""Seconds between two looks at a run."""
LONGEST_WAIT = 55
"""Seconds; many clients give a call a minute."""
RunId = Annotated[str, Field(description="A run's id, the beginning of one, or `last`.")]
Wait = Annotated[float, Field(ge=0, le=LONGEST_WAIT, description="Wait so many seconds for its end; tells progress.")]
TaskPath = Annotated[str, Field(description="Path of a task file in the server's working folder.")]


class PromptJob(PromptForm):
    """A prompt and rows, and the models that work on them."""

    target: str = Field(description="The model that runs the prompt, `openai:NAME` or `sim:WORLD` for example.")
    optimizer: str | None = Field(default=None, description="The model that improves it; the same when left out.")
    rollouts: int = Field(default=DEFAULT_BUDGET.rollouts or 600, ge=1, description="Most calls of the target.")

    def keys(self) -> dict[str, Any]:
        """Return the keys of the task file that this is."""
        models = {"target": self.target, **({"optimizer": self.optimizer} if self.optimizer else {})}
        return {**self.task(**models), "budget": {"rollouts": self.rollouts}}


class RunState(BaseModel):
    """How a run stands."""

    run: str
    status: str = Field(
        description="running, improved, promising, no_improvement, paused, cancelled, failed, unfinished"
    )
    stage: str
    leader: str
    target_calls: int
    most_target_calls: int | None
    usd: float | None
    note: str
    next: str = Field(description="What can be asked for now.")


class RunResult(BaseModel):
    """How a run ended."""

    run: str
    status: str
    sentence: str
    prompt: dict[str, Any] = Field(
        description="The new prompt only when it is proven to be better, else the given one."
    )
    test: dict[str, Any] | None = Field(description="The one paired test; none when no edit was worth it.")
    calls: dict[str, int]
    usd: float | None
    changes: list[dict[str, Any]]
    warnings: list[str]


class RunLine(BaseModel):
    """One run in the list."""

    run: str
    status: str
    age_seconds: float
    usd: float | None


class Runs(BaseModel):
    """All runs of the server's home, newest first."""

    runs: list[RunLine]


@contextmanager
def _told() -> Iterator[None]:
    """Give a client the one line that a person would read."""
    try:
        yield
    except SocratuneError as error:
        raise ToolError(one_line(str(error))) from error


def _shown(state: State) -> RunState:
    following = {
        "running": "status, or cancel",
        "improved": "result",
        "promising": "result",
        "no_improvement": "result",
    }.get(state.status, f"start with run={state.run!r} goes on with it")
    return RunState(**asdict(state), next=following)


def server_for(background: Background) -> MCPServer[None]:
    """Return a server for the runs of this process; at its end they are stopped, and can be resumed."""

    @asynccontextmanager
    async def closing(_: MCPServer[None]) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await asyncio.to_thread(background.close)

    server: MCPServer[None] = MCPServer(
        "socratune", instructions=INSTRUCTIONS, lifespan=closing, log_level="WARNING", debug=False
    )
    for name, tool in _tools(background).items():
        server.tool(name=name)(tool)
    return server


def _tools(background: Background) -> dict[str, Callable[..., Any]]:
    async def start(task_file: TaskPath = "", prompt: PromptJob | None = None, run: str = "") -> RunState:
        """Start a run and return at once: of a task file, of a prompt and rows, or `run`, one that stopped early."""
        with _told():
            return _shown(await asyncio.to_thread(_start, background, task_file, prompt, run))

    async def status(run: RunId, ctx: Context[None, Any], wait_seconds: Wait = 0) -> RunState:
        """Say how a run stands; with `wait_seconds`, wait for its end and report progress meanwhile."""
        with _told():
            return _shown(await _awaited(background, run, ctx, wait_seconds))

    async def result(run: RunId) -> RunResult:
        """Return the verdict and the prompt of a run that has ended."""
        with _told():
            return _result(background, run)

    async def cancel(run: RunId) -> RunState:
        """Stop a run that this server started; it can be resumed."""
        with _told():
            return _shown(await asyncio.to_thread(background.cancel, run))

    async def list_runs() -> Runs:
        """List the runs, newest first."""
        found = await asyncio.to_thread(entries, background.home)
        return Runs(
            runs=[RunLine(run=each.run, status=each.status, age_seconds=each.age, usd=each.usd) for each in found]
        )

    return {"start": start, "status": status, "result": result, "cancel": cancel, "list": list_runs}


def _start(background: Background, task_file: str, prompt: PromptJob | None, run: str) -> State:
    if bool(task_file) + bool(prompt) + bool(run) != 1:
        raise BadInput("nothing, or more than one thing, to start", cure="give task_file, prompt, or run")
    if run:
        return background.status(background.resume(run))
    if prompt is not None:
        return background.status(background.start(prompt.keys(), prompt.rows))
    return background.status(background.start(Path(task_file)))


async def _awaited(background: Background, run: str, ctx: Context[None, Any], seconds: float) -> State:
    ends, told = time.monotonic() + seconds, 0
    while True:
        state = await asyncio.to_thread(background.status, run)
        if state.target_calls > told:  # progress that is told must have grown; the last of it is told, too
            told = state.target_calls
            await ctx.report_progress(told, state.most_target_calls, state.stage)
        left = ends - time.monotonic()
        if state.status != "running" or left <= 0:
            return state
        await asyncio.sleep(min(PACE, left))


def _result(background: Background, run: str) -> RunResult:
    found = background.result(run)
    record = found.as_dict()
    caveats = [CAVEAT] if found.simulated else []
    kept = {name: record[name] for name in ("run", "status", "sentence", "prompt", "test", "calls", "usd", "changes")}
    return RunResult(**kept, warnings=[*caveats, *record["warnings"]])
