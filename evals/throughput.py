"""What Socratune adds to a call: rollouts through the whole path, against the bare SDK.

The server is the simulator in a process of its own, with a latency. Each client is a process of its own too: the whole
path (evaluator, caller, ledger on disk, SDK), and the SDK alone with a semaphore. Run
`python -m socratune.evals.throughput`. Server and client share the machine's cores, so the wall time is an upper bound.
"""

from __future__ import annotations

import asyncio
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import typer
from rich.table import Table

from socratune.agents.evaluator import Evaluator
from socratune.agents.scorers import Measured
from socratune.evals.program import served
from socratune.evals.results import CAVEAT, console
from socratune.memory.ledger import Ledger, Spent
from socratune.memory.records import Budget, Candidate, Example, ExampleId, Prompt
from socratune.tools.caller import Caller, Line
from socratune.tools.metrics import metric_named
from socratune.tools.models import connect
from socratune.tools.purse import Purse

WORLD = "ticket-routing"
SYSTEM = "You route the tickets of a shop. Answer with the name of one queue: billing, shipping, sales or technical."
MAX_TOKENS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is asked of a client."""

    url: str
    calls: int
    concurrency: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What a client needed."""

    answered: int
    wall: float
    """Seconds."""
    cpu: float
    """Seconds of this process, user and system, for all calls; imports and the first call are not counted."""
    peak: float
    """Megabytes of memory at the most, imports included."""


Client = Callable[[Load], Measure]


def main(calls: int = 1_000, concurrency: int = 32, latency: float = 0.2, repeats: int = 3) -> None:
    """Measure both clients in turn, and print the medians with their range."""
    with served(WORLD, "--latency", str(latency)) as url:
        load = Load(url=url, calls=calls, concurrency=concurrency)
        runs = [(alone(whole_path, load), alone(bare_sdk, load)) for _ in range(repeats)]
    screen = console()
    screen.print(table(runs, ideal=calls * latency / concurrency))
    screen.print(
        f"{calls:,} calls, {latency:g} s latency, concurrency {concurrency}, {os.cpu_count()} cores shared with "
        f"the server; medians of {repeats}, with their range."
    )
    screen.print(CAVEAT)


def table(runs: list[tuple[Measure, Measure]], *, ideal: float) -> Table:
    """Return what the runs showed; `ideal` is the wall time in seconds of calls that cost nothing but their latency."""
    drawn = Table(title="the whole path and the bare SDK")
    for column in ("", "whole path", "bare SDK", "ratio", "at most"):
        drawn.add_column(column, justify="left" if not column else "right")
    ours, bare = zip(*runs, strict=True)
    waits, theirs = [each.wall / ideal for each in ours], [each.wall / ideal for each in bare]
    drawn.add_row("wall / (calls x latency / concurrency)", _middle(waits), _middle(theirs), "", "1.25")
    spent = [[1_000 * each.cpu / each.answered for each in side] for side in (ours, bare)]
    ratios = [one / other for one, other in zip(*spent, strict=True)]
    drawn.add_row("client CPU, s per 1,000 calls", *map(_middle, spent), _middle(ratios), "1.30")
    peaks = [[each.peak for each in side] for side in (ours, bare)]
    drawn.add_row("peak memory, MB", *(_middle(each, digits=0) for each in peaks), "", "250")
    return drawn


def _middle(values: list[float], *, digits: int = 2) -> str:
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def alone(client: Client, load: Load) -> Measure:
    """Run a client in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(client, load).result()


def whole_path(load: Load) -> Measure:
    """Score rows as a run does."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger.open(Path(folder) / "ledger.db", "throughput")
        ledger.begin_run({})
        try:
            return asyncio.run(_score(load, ledger))
        finally:
            ledger.close()


async def _score(load: Load, ledger: Ledger) -> Measure:
    model = connect(f"openai:{WORLD}@{load.url}/v1", examples=(), seed=0)
    purse = Purse(Budget(rollouts=load.calls + 1), held={}, spent=Spent())
    caller = Caller({"target": model}, ledger=ledger, purse=purse, secret=b"s", concurrency=load.concurrency)
    line = Line(caller=caller, role="target", max_tokens=MAX_TOKENS)
    evaluator = Evaluator(line=line, scorer=Measured(metric=metric_named("exact", {})), ledger=ledger)
    candidate = Candidate(prompt=Prompt(system=SYSTEM, user="{{ticket}}"))

    async def score(rows: list[Example]) -> int:
        done = await evaluator.score(candidate, rows, phase="search")
        return sum(each.reward is not None for each in done)

    await score(_rows(1, "The first ticket."))
    measure = await measured(score(_rows(load.calls, "Where is my parcel?")))
    await caller.drain()
    return measure


def bare_sdk(load: Load) -> Measure:
    """Send the same requests by the SDK alone."""
    return asyncio.run(_send(load))


async def _send(load: Load) -> Measure:
    from openai import AsyncOpenAI  # noqa: PLC0415  # heavy

    places = asyncio.Semaphore(load.concurrency)
    async with AsyncOpenAI(api_key="none", base_url=f"{load.url}/v1", max_retries=0) as client:

        async def ask(text: str) -> str:
            async with (
                places,
                await client.chat.completions.create(
                    model=WORLD,
                    messages=[{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}],
                    max_tokens=MAX_TOKENS,
                    stream=True,
                    stream_options={"include_usage": True},
                ) as stream,
            ):
                return "".join([each.choices[0].delta.content or "" async for each in stream if each.choices])

        async def ask_all() -> int:
            rows = _rows(load.calls, "Where is my parcel?")
            return sum(map(bool, await asyncio.gather(*(ask(row.inputs["ticket"]) for row in rows))))

        await ask("The first ticket.")
        return await measured(ask_all())


async def measured(work: Coroutine[None, None, int]) -> Measure:
    """Do the work, which says how many calls were answered, and say what it took."""
    began, used = time.perf_counter(), time.process_time()
    answered = await work
    wall, cpu = time.perf_counter() - began, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024 * 1024)
    return Measure(answered=answered, wall=wall, cpu=cpu, peak=peak)


def _rows(count: int, text: str) -> list[Example]:
    return [
        Example(id=ExampleId(f"{text} {n}"), inputs={"ticket": f"{text} Order {n}."}, expected="shipping", group=str(n))
        for n in range(count)
    ]


if __name__ == "__main__":
    typer.run(main)
