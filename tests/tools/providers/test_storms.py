"""Whole runs at a provider in trouble, over both wires."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import pytest
import stamina
from tests.tools.providers.conftest import Serve
from tests.tools.providers.scene import WORLD, Served, Speaker
from tests.tools.providers.test_faults import FINAL, RETURNED, TRANSIENT

from socratune.evals.laid_out import order_of
from socratune.graphs.engine import Order, optimize
from socratune.graphs.result import Result
from socratune.memory.errors import Paused
from socratune.memory.records import Budget, digest
from socratune.memory.runs import Home, RunFolder
from socratune.tools.caller import ATTEMPTS
from socratune.tools.providers.stream import Limits
from socratune.tools.simulator.faults import NAMES, Faults
from socratune.tools.simulator.wire import Manners

BUDGET = Budget(rollouts=160)
PLENTY = Budget(rollouts=400)
"""Enough to try again what was lost: most dialogues lose an answer when one in ten does not count."""
PATIENT = Limits(connect=2.0, first=1.5, gap=1.0)
"""Long enough for a busy machine: eight answers in a row must not be late."""
SHARE = 0.1
"""Of requests, of one fault by itself."""
PASSING = {name: SHARE if name == "rate_limit" else 0.02 for name in (*TRANSIENT, "no_usage")}
ALL = {name: SHARE if name == "rate_limit" else 0.02 for name in NAMES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Weathered:
    """A run at a provider in trouble, and what that provider says."""

    folder: RunFolder
    log: Path
    result: Result | None
    cause: str = ""

    @property
    def outcome(self) -> dict[str, Any]:
        """What must not depend on the weather."""
        assert self.result is not None, self.cause
        record = self.result.as_dict()
        return {name: record[name] for name in ("status", "seed", "best", "test", "prompt", "changes", "stop_reason")}


class Storm(Protocol):
    """Carries out a run while these shares of requests go wrong."""

    def __call__(self, shares: dict[str, float], budget: Budget = BUDGET) -> Awaitable[Weathered]: ...


async def weathered(order: Order, home: Path, log: Path) -> Weathered:
    """Carry out the run; the rows are divided as in any other."""
    place = Home(path=home / ".socratune")
    place.prepare()
    (place.path / "salt").write_text("tests\n")
    folder = place.new_run(WORLD)
    try:
        result = await optimize(order, folder, place)
    except Paused as error:
        return Weathered(folder=folder, log=log, result=None, cause=error.cause)
    return Weathered(folder=folder, log=log, result=result)


def _order(speaker: Speaker, provider: Served, budget: Budget) -> Order:
    order = order_of(WORLD, strength="strong", seed=0, budget=budget)
    target, optimizer = speaker.spec(provider), speaker.spec(provider, f"{WORLD}:strong")
    return replace(
        order,
        task=replace(order.task, target=target, optimizer=optimizer),
        models={"target": speaker.model(target, PATIENT), "optimizer": speaker.model(optimizer, PATIENT)},
        settings=replace(order.settings, concurrency=16),
    )


@pytest.fixture
async def storm(speaker: Speaker, serve: Serve, tmp_path: Path) -> Storm:
    """Carry out the run while these shares of requests go wrong."""

    async def run(shares: dict[str, float], budget: Budget = BUDGET) -> Weathered:
        home = Path(tempfile.mkdtemp(dir=tmp_path))
        log = home / "provider.jsonl"
        provider = serve(Manners(faults=Faults(**shares), log=log))
        return await weathered(_order(speaker, provider, budget), home, log)

    return run


@pytest.fixture
def without_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=ATTEMPTS):
        yield


@pytest.mark.usefixtures("without_waiting")
async def test_trouble_that_passes_changes_nothing_but_the_time(storm: Storm) -> None:
    clean, stormy = await storm({}), await storm(PASSING)
    assert stormy.outcome == clean.outcome
    assert stormy.result is not None
    assert sum(stormy.result.failed.values()) > 20
    check_scores(stormy)


@pytest.mark.proof
@pytest.mark.usefixtures("without_waiting")
async def test_all_trouble_at_once_makes_no_score(storm: Storm) -> None:
    stormy = await storm(ALL)
    assert stormy.result is None or sum(stormy.result.failed.values()) > 20
    check_scores(stormy)


@pytest.mark.proof
@pytest.mark.parametrize("fault", [*TRANSIENT, "no_usage"])
async def test_one_trouble_that_passes_changes_nothing_but_the_time(storm: Storm, fault: str) -> None:
    clean, stormy = await storm({}), await storm({fault: SHARE})
    assert stormy.outcome == clean.outcome
    check_scores(stormy)


@pytest.mark.proof
@pytest.mark.parametrize("fault", [*FINAL, *RETURNED])
async def test_an_answer_that_may_not_count_is_a_missing_row(storm: Storm, fault: str) -> None:
    stormy = await storm({fault: SHARE}, PLENTY)
    # Too many rows without an answer are no proof: then the better prompt is shown and not returned.
    assert stormy.cause or stormy.outcome["status"] in ("improved", "promising")
    assert stormy.result is None or sum(stormy.result.failed.values()) > 5
    check_scores(stormy)


@pytest.mark.proof
@pytest.mark.parametrize("fault", [name for name in NAMES if name != "no_usage"])
async def test_trouble_that_does_not_pass_pauses_the_run_with_its_cause(storm: Storm, fault: str) -> None:
    stuck = await storm({fault: 1.0})
    assert stuck.result is None
    assert stuck.cause
    assert all(each["reward"] is None for each in rollouts(stuck.folder))


def check_scores(run: Weathered) -> None:
    """Every score belongs to an answer that the provider gave whole, and every row without one says why."""
    lines = map(json.loads, run.log.read_text().splitlines())
    whole = {line["text"] for line in lines if line["event"] == "completed"}
    for each in rollouts(run.folder):
        assert (each["reward"] is None) == (each["error"] is not None)
        assert each["reward"] is None or digest(each["output"]) in whole


def rollouts(folder: RunFolder) -> list[dict[str, Any]]:
    with sqlite3.connect(folder.ledger) as ledger:
        return [json.loads(body) for (body,) in ledger.execute("select body from rollouts")]
