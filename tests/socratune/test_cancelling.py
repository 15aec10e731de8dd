"""A run that is cancelled sends nothing more, keeps what it paid for, leaves nothing running, and can be resumed."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from socratune import (
    BadInput,
    LeaderChanged,
    RoundPlanned,
    RunEvent,
    RunStarted,
    Settings,
    aoptimize,
    aresume,
)
from socratune.given_orders import Models
from socratune.orders import order_of
from socratune.tools.models import LanguageModel, Reply, Request, connect
from socratune.tools.price import Price

from .conftest import Command, lay_out
from .test_api import TASK, rows

CALM = Settings(memory=False, concurrency=4)
NESTED = """
import asyncio, sys
import socratune
from pathlib import Path

def hear(event):
    if isinstance(event, socratune.RoundPlanned):
        print("planned", flush=True)

async def cell():
    try:
        socratune.optimize(sys.argv[1], home=sys.argv[2], on_event=hear)
    except KeyboardInterrupt:
        print("stopped", flush=True)

asyncio.new_event_loop().run_until_complete(cell())  # as a notebook runs a cell: no handler for Ctrl-C
"""


@dataclass(slots=True)
class Counted:
    """A model that counts what reached it and what it answered."""

    model: LanguageModel
    latency: float = 0.0
    asked: Counter[str] = field(default_factory=Counter)
    answered: int = 0
    eighth: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the eighth call arrives."""

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def price(self) -> Price | None:
        return self.model.price

    async def complete(self, request: Request) -> Reply:
        self.asked[request.key(self.name)] += 1
        if self.asked.total() == 8:
            self.eighth.set()
        await asyncio.sleep(self.latency)
        reply = await self.model.complete(request)
        self.answered += 1
        return reply


def counted(latency: float = 0.0) -> tuple[Counted, Counted]:
    """The models that the task names, counting."""
    found = order_of(TASK, rows(60), CALM).examples
    one, other = (Counted(connect(spec, examples=found, seed=0), latency) for spec in (TASK.target, TASK.optimizer))
    return one, other


class Cancelling:
    """Starts a run, and cancels it at an event."""

    def __init__(self, kind: type[RunEvent]) -> None:
        self.kind = kind
        self.heard: list[RunEvent] = []
        self.task: asyncio.Task[object] | None = None

    def hear(self, event: RunEvent) -> None:
        self.heard.append(event)
        if isinstance(event, self.kind) and self.task is not None:
            self.task.cancel()

    @property
    def run(self) -> str:
        assert isinstance(self.heard[0], RunStarted)
        return self.heard[0].run


async def cancelled(home: Path, models: Models | None, kind: type[RunEvent]) -> str:
    """Cancel a run of sixty rows at an event; return its id."""
    watch = Cancelling(kind)
    watch.task = asyncio.create_task(
        aoptimize(TASK, rows(60), home=home, settings=CALM, on_event=watch.hear, models=models)
    )
    with pytest.raises(asyncio.CancelledError):
        await watch.task
    return watch.run


async def whole(home: Path) -> dict[str, object]:
    """The record of a run that nobody disturbed."""
    salted(home)
    return comparable((await aoptimize(TASK, rows(60), home=home, settings=CALM)).as_dict())


def salted(home: Path) -> None:
    home.mkdir()
    (home / "salt").write_text("tests\n")


def comparable(record: dict[str, object]) -> dict[str, object]:
    calls = record["calls"]
    assert isinstance(calls, dict)
    return {
        **record,
        "run": "",
        "sentence": str(record["sentence"]).split("`")[0],
        "calls": {**calls, "cached": 0},
    }


@pytest.mark.parametrize("kind", [RunStarted, RoundPlanned, LeaderChanged])
async def test_a_cancelled_run_goes_on_to_the_same_end_and_pays_nothing_twice(
    tmp_path: Path, kind: type[RunEvent]
) -> None:
    undisturbed = await whole(tmp_path / "whole")
    salted(tmp_path / "cut")
    target, optimizer = counted()
    models: Models = {"target": target, "optimizer": optimizer}
    run = await cancelled(tmp_path / "cut", models, kind)
    resumed = await aresume(run, home=tmp_path / "cut", models=models)
    assert comparable(resumed.as_dict()) == undisturbed
    assert max(target.asked.values()) == max(optimizer.asked.values()) == 1


async def test_cancelling_waits_for_calls_in_flight_sends_no_other_and_leaves_nothing_running(tmp_path: Path) -> None:
    target, optimizer = counted(latency=0.05)
    before = threading.active_count()
    models: Models = {"target": target, "optimizer": optimizer}
    run = asyncio.create_task(aoptimize(TASK, rows(60), home=tmp_path, settings=CALM, models=models))
    await target.eighth.wait()
    run.cancel()
    sent = target.asked.total()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert target.asked.total() == sent == target.answered
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert threading.active_count() <= before + 1  # asyncio's own pool may have one more


async def test_a_call_that_never_ends_is_given_up_when_whoever_waits_is_cancelled_again(tmp_path: Path) -> None:
    target, optimizer = counted(latency=3600)
    models: Models = {"target": target, "optimizer": optimizer}
    run = asyncio.create_task(aoptimize(TASK, rows(60), home=tmp_path, settings=Settings(memory=False), models=models))
    await target.eighth.wait()
    run.cancel()
    await asyncio.sleep(0.05)
    assert not run.done()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_time_limit_of_asyncio_stops_a_run_and_it_says_what_goes_on_with_it(tmp_path: Path) -> None:
    target, optimizer = counted(latency=0.05)
    with pytest.raises(TimeoutError) as stopped:
        async with asyncio.timeout(0.5):
            await aoptimize(
                TASK, rows(60), home=tmp_path, settings=CALM, models={"target": target, "optimizer": optimizer}
            )
    assert isinstance(stopped.value.__cause__, asyncio.CancelledError)
    assert "go on with: socratune.resume('desk-" in stopped.value.__cause__.__notes__[-1]


async def test_a_run_with_models_of_your_own_is_not_resumed_with_others(tmp_path: Path) -> None:
    target, optimizer = counted()
    run = await cancelled(tmp_path, {"target": target, "optimizer": optimizer}, RoundPlanned)
    with pytest.raises(BadInput, match="models of your own"):
        await aresume(run, home=tmp_path)


async def test_a_run_from_files_is_resumed_from_python_and_named_by_the_command(
    tmp_path: Path, command: Command
) -> None:
    watch = Cancelling(RoundPlanned)
    file = lay_out(tmp_path, rows=60)
    watch.task = asyncio.create_task(aoptimize(file, home=tmp_path / "home", settings=CALM, on_event=watch.hear))
    with pytest.raises(asyncio.CancelledError):
        await watch.task
    assert (await aresume(watch.run, home=tmp_path / "home")).run == watch.run
    assert (tmp_path / "home" / "runs" / watch.run / "best.yaml").exists()
    values = await cancelled(tmp_path / "home", None, RoundPlanned)
    told = await asyncio.to_thread(command, "resume", values, "--home", tmp_path / "home")
    assert told.code == 2
    assert f"socratune.resume('{values}')" in told.err
    again = await aresume(values, home=tmp_path / "home")
    assert replace(await aresume(values, home=tmp_path / "home"), cached=again.cached) == again


def interrupted(script: Path, *words: str | Path) -> str:
    """Run a script, press Ctrl-C when it says its first line, and return all it said."""
    with subprocess.Popen([sys.executable, script, *words], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        told += process.stdout.read()
    assert process.returncode == 0
    return told


def test_ctrl_c_in_a_cell_of_a_running_loop_stops_the_call(tmp_path: Path) -> None:
    script, file = tmp_path / "cell.py", lay_out(tmp_path, rows=400)
    script.write_text(NESTED)
    told = interrupted(script, file, tmp_path / "home")
    assert told == "planned\nstopped\n"
    (run,) = (tmp_path / "home" / "runs").iterdir()
    assert not (run / "result.json").exists()
