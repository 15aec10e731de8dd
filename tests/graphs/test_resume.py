"""Killed anywhere, a run goes on to the same end, and no completed call is paid for twice."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.graphs.scene import (
    carry_out,
    folder_in,
    home_at,
    keys,
    ledger_of,
    models,
    order,
    record,
    split_of,
    stopped_at,
)

from socratune.memory.records import Budget
from socratune.memory.runs import Home
from socratune.memory.tables import calls, events
from socratune.tools.simulator.chance import chance

ROOT = Path(__file__).parents[2]
CONCURRENCY = 8
SMALL = Budget(rollouts=200)
STATES = ["preflight", "baseline", "rows", "plan", "moves", "question", "dialogue", "proposal", "race", "told"]
STATES += ["judged", "leader", "settled", "finalist", "test_opened", "verdict", "ended"]


@dataclass(slots=True)
class Victim:
    """A run in processes of its own, one after the other, and the provider's records of all of them."""

    home: Home
    log: Path
    repeats: int = 0
    """Calls in flight at a kill that were sent again."""

    @classmethod
    def at(cls, folder: Path) -> Victim:
        """A run that has not begun."""
        return cls(home_at(folder / "home"), folder / "provider.jsonl")

    def start(self, last_event: str = "none") -> subprocess.Popen[str]:
        """Start or resume the run; returns when it is about to begin."""
        words = [sys.executable, "-m", "tests.graphs.drive", str(self.home.path), str(self.log), last_event]
        process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    def killed_after(self, answers: int) -> None:
        """Let the run go on until the provider has given so many answers, and kill it."""
        with self.start() as process:
            while len(keys(self.log)) < answers and process.poll() is None:
                time.sleep(0.001)
            process.kill()

    def killed_by(self, event: str) -> None:
        """Let the run go on until an event of this kind is recorded, and kill it."""
        with self.start(event) as process:
            assert process.wait(timeout=60) == -9

    def resumed(self) -> dict[str, Any]:
        """Go on to the end in this process, and check what was asked again."""
        before, state = keys(self.log), self.calls()
        made = order(memory=True)
        result = carry_out(replace(made, models=models(made, log=self.log)), self.home)
        again = Counter(keys(self.log)[len(before) :])
        assert set(before) <= set(state), "what the provider saw was written before it was sent"
        assert not [key for key in again if state.get(key) == "completed"], "no completed call is paid for twice"
        self.repeats = sum((Counter(before) + again).values()) - len(set(before) | set(again))
        assert all(count == 1 for count in again.values())
        return plain(record(result))

    def calls(self) -> dict[str, str]:
        """The state of each call in the ledger, by key; a completed attempt counts before one that was lost."""
        with ledger_of(self.home) as ledger:
            rows = ledger._read(sa.select(calls.c.key, calls.c.state))
        return dict(sorted(map(tuple, rows), key=lambda row: row[1] == "completed"))


def plain(found: dict[str, Any]) -> dict[str, Any]:
    """The record as JSON gives it back."""
    again: dict[str, Any] = json.loads(json.dumps(found))
    return again


@dataclass(frozen=True, slots=True)
class Whole:
    """A run that nobody disturbed."""

    record: dict[str, Any]
    answers: int


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """The run that all others are held against, in a process of its own."""
    victim = Victim.at(tmp_path_factory.mktemp("whole"))
    with victim.start() as process:
        said, _ = process.communicate(timeout=60)
    return Whole(json.loads(said), len(keys(victim.log)))


def moments(count: int) -> list[float]:
    """Random shares of a run, one in each of `count` equal stretches."""
    return [(index + chance("kill", count, index)) / count for index in range(count)]


def check_kill(tmp_path: Path, whole: Whole, share: float) -> None:
    victim = Victim.at(tmp_path)
    victim.killed_after(round(share * whole.answers))
    assert victim.resumed() == whole.record
    assert victim.repeats <= CONCURRENCY


@pytest.mark.parametrize("share", moments(4))
def test_a_run_killed_at_any_time_ends_as_if_it_had_not_been(tmp_path: Path, whole: Whole, share: float) -> None:
    check_kill(tmp_path, whole, share)


@pytest.mark.proof
@pytest.mark.parametrize("share", moments(20))
def test_a_run_killed_at_any_of_twenty_times_ends_as_if_it_had_not_been(
    tmp_path: Path, whole: Whole, share: float
) -> None:
    check_kill(tmp_path, whole, share)


def check_death_by(tmp_path: Path, whole: Whole, event: str) -> None:
    victim = Victim.at(tmp_path)
    victim.killed_by(event)
    assert victim.resumed() == whole.record
    assert victim.repeats <= CONCURRENCY


@pytest.mark.parametrize("event", ["test_opened"])
def test_a_run_killed_right_after_an_event_ends_the_same(tmp_path: Path, whole: Whole, event: str) -> None:
    check_death_by(tmp_path, whole, event)


@pytest.mark.proof
@pytest.mark.parametrize("event", STATES)
def test_a_run_killed_right_after_any_event_ends_the_same(tmp_path: Path, whole: Whole, event: str) -> None:
    check_death_by(tmp_path, whole, event)


def check_kills_in_a_row(tmp_path: Path, whole: Whole, kills: int) -> None:
    victim = Victim.at(tmp_path)
    for kill in range(1, kills + 1):
        victim.killed_after(kill * whole.answers // (kills + 1))
    assert victim.resumed() == whole.record
    assert victim.repeats <= kills * CONCURRENCY


def test_a_resumed_run_may_be_killed_too(tmp_path: Path, whole: Whole) -> None:
    check_kills_in_a_row(tmp_path, whole, 2)


@pytest.mark.proof
@pytest.mark.parametrize("kills", [3, 4, 5])
def test_a_run_may_be_killed_again_and_again(tmp_path: Path, whole: Whole, kills: int) -> None:
    check_kills_in_a_row(tmp_path, whole, kills)


def test_a_finished_run_is_read_again_without_a_call(tmp_path: Path) -> None:
    log, home, made = tmp_path / "log", home_at(tmp_path / "home"), order(memory=True)
    mine = replace(made, models=models(made, log=log))
    first = record(carry_out(mine, home))
    answered = keys(log)
    assert record(carry_out(mine, home)) == first
    assert keys(log) == answered


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The record of the same run without memory."""
    return record(carry_out(order(), home_at(tmp_path_factory.mktemp("home"))))


def check_ledger_alone(tmp_path: Path, undisturbed: dict[str, Any], number: int) -> None:
    home, log, made = home_at(tmp_path / "home"), tmp_path / "log", order()
    stopped_at(number, made, home, log)
    folder_in(home).checkpoints.unlink()
    assert record(carry_out(replace(made, models=models(made, log=log)), home)) == undisturbed
    assert len(keys(log)) == len(set(keys(log))), "no call is asked twice"


@pytest.mark.parametrize("number", [20, 120, 375])
def test_the_ledger_alone_is_enough_to_go_on(tmp_path: Path, undisturbed: dict[str, Any], number: int) -> None:
    check_ledger_alone(tmp_path, undisturbed, number)


@pytest.mark.proof
@pytest.mark.parametrize("number", range(1, 400, 10))
def test_the_ledger_alone_is_enough_to_go_on_from_anywhere(
    tmp_path: Path, undisturbed: dict[str, Any], number: int
) -> None:
    check_ledger_alone(tmp_path, undisturbed, number)


def test_minutes_that_were_used_before_a_stop_are_not_given_again(tmp_path: Path) -> None:
    home, log, made = home_at(tmp_path / "home"), tmp_path / "log", order(budget=replace(SMALL, minutes=60.0))
    stopped_at(60, made, home, log)
    with ledger_of(home) as ledger, ledger._engine.begin() as connection:
        an_hour_earlier = sa.update(events).where(events.c.kind == "session").values(at=events.c.at - 3600)
        connection.execute(an_hour_earlier)
    resumed = carry_out(replace(made, models=models(made, log=log)), home)
    assert resumed.stop_reason == "budget: minutes"


@pytest.mark.parametrize("world", ["ticket-routing", "invoices"])
def test_concurrency_changes_nothing_in_the_record(tmp_path: Path, world: str) -> None:
    one, eight, many = (
        record(carry_out(order(world, budget=SMALL, concurrency=wide), home_at(tmp_path / str(wide))))
        for wide in (1, CONCURRENCY, 64)
    )
    assert one == eight == many


def test_the_same_seed_makes_the_same_run_and_another_moves_no_row(tmp_path: Path) -> None:
    homes = [home_at(tmp_path / name) for name in ("once", "again", "other")]
    once, again, other = (
        record(carry_out(order(budget=SMALL, seed=seed), home)) for seed, home in zip((3, 3, 4), homes, strict=True)
    )
    assert once == again != other
    one, two = split_of(homes[0]), split_of(homes[2])
    assert not [(a, b) for a in one for b in two if a != b and set(one[a]) & set(two[b])]
