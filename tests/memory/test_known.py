from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from socratune.memory.known import Appended
from socratune.memory.ledger import Event, Ledger
from socratune.memory.records import Candidate, CandidateId, ExampleId, Prompt, Rollout

CANDIDATE = CandidateId("c")


@pytest.fixture
def owner(ledger: Ledger) -> Ledger:
    """The ledger of the process that owns the run."""
    ledger.take_over()
    return ledger


@pytest.fixture
def onlooker(ledger: Ledger, tmp_path: Path) -> Iterator[Ledger]:
    """Another process that reads the same run."""
    opened = Ledger.open(tmp_path / "ledger.db", ledger.run)
    yield opened
    opened.close()


def rollout(example: str, reward: float = 1.0) -> Rollout:
    return Rollout(candidate_id=CANDIDATE, example_id=ExampleId(example), reward=reward)


def event(key: str) -> Event:
    return Event(key=key, kind="told", body={"rows": [1, 2]})


async def test_owner_and_onlooker_both_see_each_rollout_that_is_added(owner: Ledger, onlooker: Ledger) -> None:
    for count in range(3):
        assert len(owner.rollouts(CANDIDATE)) == len(onlooker.rollouts(CANDIDATE)) == count
        await owner.add_rollouts([rollout(f"r{count}", count / 2)])
    assert owner.rollouts(CANDIDATE) == onlooker.rollouts(CANDIDATE)


async def test_owner_finds_what_was_there_before_it_took_over(ledger: Ledger) -> None:
    assert not ledger.rollouts(CANDIDATE)
    await ledger.add_rollouts([rollout("r1")])
    ledger.take_over()
    await ledger.add_rollouts([rollout("r2")])
    assert list(ledger.rollouts(CANDIDATE)) == ["r1", "r2"]


async def test_of_two_rollouts_of_one_row_the_first_stands_for_the_owner_too(owner: Ledger) -> None:
    await owner.add_rollouts([rollout("r1", 0.0)])
    assert len(owner.rollouts(CANDIDATE)) == 1
    await owner.add_rollouts([rollout("r1", 1.0), rollout("r2", 1.0)])
    assert {row: each.reward for row, each in owner.rollouts(CANDIDATE).items()} == {"r1": 0.0, "r2": 1.0}


async def test_who_changes_what_was_read_changes_nothing_that_is_known(owner: Ledger) -> None:
    await owner.add_rollouts([rollout("r1")])
    owner.rollouts(CANDIDATE).clear()
    owner.events().append(event("never recorded"))
    assert len(owner.rollouts(CANDIDATE)) == 1
    assert owner.events("told") == []


async def test_rows_of_a_write_that_nobody_waited_for_are_known_as_they_were_written(
    owner: Ledger, onlooker: Ledger
) -> None:
    for count in range(20):
        owner.rollouts(CANDIDATE)
        waiting = asyncio.create_task(owner.add_rollouts([rollout(f"r{count}")]))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    owner.begin_run({})  # returns when all that was waiting is settled
    assert owner.rollouts(CANDIDATE) == onlooker.rollouts(CANDIDATE)


async def test_onlooker_sees_events_and_candidates_that_came_after_it_looked(owner: Ledger, onlooker: Ledger) -> None:
    assert onlooker.event("told:1") is None
    candidate = Candidate(prompt=Prompt(user="{{x}}"))
    with pytest.raises(KeyError):
        onlooker.candidate(candidate.id)
    await owner.record(event("told:1"))
    await owner.add_candidate(candidate)
    assert onlooker.event("told:1") == owner.event("told:1") == event("told:1")
    assert onlooker.candidates() == {candidate.id: candidate}
    await owner.record(event("told:2"))
    assert onlooker.events("told") == owner.events("told") == [event("told:1"), event("told:2")]


def test_a_row_is_read_once_however_often_it_is_asked_for() -> None:
    rows = {"a": "first", "b": "second"}
    read: list[str] = []

    def after(number: int) -> Iterator[tuple[int, str, str]]:
        for place, (key, row) in list(enumerate(rows.items(), start=1))[number:]:
            read.append(key)
            yield place, key, row

    log = Appended(after)
    assert log.all() == log.all() == ["first", "second"]
    rows["c"] = "third"
    assert (log.get("c"), log.get("a"), log.get("never")) == ("third", "first", None)
    assert read == ["a", "b", "c"]
