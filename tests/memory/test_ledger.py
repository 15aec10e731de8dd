from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes import Provider, caller_of, reply, request

from socratune.memory.calls import CallStart, PaidReply
from socratune.memory.errors import RunOwned
from socratune.memory.ledger import Event, Ledger, Spent
from socratune.memory.records import Candidate, CandidateId, ExampleId, Prompt, Role, Rollout
from socratune.memory.tables import connect, metadata
from socratune.memory.writer import GroupWriter
from socratune.tools.models import Reply, Request

PAID = PaidReply(text="yes", tokens_in=100, tokens_out=10, usd=0.5)


def start(key: str = "k", role: Role = "target") -> CallStart:
    return CallStart(key=key, role=role, phase="search", model="m", reserved_usd=2.0)


def rollout(example: str, reward: float | None, repeat: int = 0) -> Rollout:
    return Rollout(candidate_id=CandidateId("c"), example_id=ExampleId(example), repeat=repeat, reward=reward)


async def pay(ledger: Ledger, key: str, role: Role = "target", paid: PaidReply = PAID) -> None:
    await ledger.complete_call(await ledger.begin_call(start(key, role)), paid)


# --- written before sent, paid once


async def test_a_model_sees_a_request_only_after_its_row_is_on_disk(ledger: Ledger, tmp_path: Path) -> None:
    def states() -> list[str]:
        with sqlite3.connect(tmp_path / "ledger.db") as other:
            return [state for (state,) in other.execute("SELECT state FROM calls ORDER BY id")]

    seen: list[list[str]] = []

    def answer(_: Request) -> Reply:
        seen.append(states())
        return reply("yes")

    caller = caller_of(ledger, Provider(answer=answer))
    for text in ("first", "second"):
        await caller.call("target", request(text), phase="search")
        assert states()[-1] == "completed"
    assert seen == [["sent"], ["completed", "sent"]]


async def test_a_completed_call_is_answered_from_the_ledger_for_ever(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.db", "run")
    await pay(ledger, "k")
    ledger.close()
    reopened = Ledger.open(tmp_path / "ledger.db", "run")
    assert reopened.paid("k") == PAID
    reopened.close()


async def test_a_call_that_was_not_completed_in_this_run_is_not_answered(ledger: Ledger, tmp_path: Path) -> None:
    await pay(ledger, "k")
    call = await ledger.begin_call(start("cut"))
    await ledger.fail_call(call, "cut", billed=PAID)
    await ledger.begin_call(start("sent"))
    assert [ledger.paid(key) for key in ("cut", "sent", "never")] == [None] * 3
    other = Ledger.open(tmp_path / "ledger.db", "another run")
    assert other.paid("k") is None
    other.close()


@settings(max_examples=40, deadline=None)
@given(text=st.text(st.characters(codec="utf-8")))
def test_every_text_is_kept_to_the_letter(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    ledger = Ledger.open(tmp_path_factory.getbasetemp() / "texts.db", text[:5])
    asyncio.run(pay(ledger, text, paid=replace(PAID, text=text)))
    assert ledger.paid(text) == replace(PAID, text=text)
    ledger.close()


# --- money


async def test_what_was_spent_is_summed_by_role(ledger: Ledger) -> None:
    assert ledger.spent() == {}
    for key in ("a", "b"):
        await pay(ledger, key)
    await pay(ledger, "c", "optimizer")
    assert ledger.spent() == {
        "target": Spent(calls=2, rollouts=2, tokens_in=200, tokens_out=20, usd=1.0),
        "optimizer": Spent(calls=1, tokens_in=100, tokens_out=10, usd=0.5),
    }
    assert Spent.total(ledger.spent().values()).tokens == 330


async def test_an_answer_that_was_cut_is_paid_for_and_a_refused_call_is_not(ledger: Ledger) -> None:
    await ledger.fail_call(await ledger.begin_call(start("cut")), "cut", billed=PAID)
    await ledger.fail_call(await ledger.begin_call(start("refused")), "rate limit")
    assert ledger.spent()["target"] == Spent(calls=1, rollouts=1, tokens_in=100, tokens_out=10, usd=0.5)
    assert ledger.failed() == {"target": 2}


async def test_a_call_that_was_sent_and_never_answered_is_lost_at_its_reserve(tmp_path: Path) -> None:
    crashed = Ledger.open(tmp_path / "ledger.db", "run")
    await crashed.begin_call(start("lost"))
    await pay(crashed, "answered")
    crashed.close()
    resumed = Ledger.open(tmp_path / "ledger.db", "run")
    assert resumed.spent(state="sent") == {"target": Spent(calls=1, rollouts=1, usd=2.0)}
    assert resumed.spent()["target"].usd == 0.5
    resumed.close()


# --- how writes reach the disk


async def test_writes_that_gather_share_a_commit(ledger: Ledger) -> None:
    commits: list[sa.Connection] = []
    sa.event.listen(ledger._engine, "commit", commits.append)
    ids = await asyncio.gather(*(ledger.begin_call(start(str(n))) for n in range(500)))
    assert len(set(ids)) == 500
    assert len(commits) < 250


def test_a_commit_survives_a_power_cut(ledger: Ledger) -> None:
    with ledger._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2


async def test_a_write_that_nobody_waits_for_any_more_does_not_stop_the_others(ledger: Ledger) -> None:
    for number in range(20):
        task = asyncio.create_task(ledger.record(Event(key=str(number), kind="x", body={})))
        await asyncio.sleep(0)
        task.cancel()
    assert await asyncio.wait_for(ledger.record(Event(key="next", kind="x", body={})), timeout=5)


async def test_a_write_that_cannot_be_done_spoils_no_other(ledger: Ledger) -> None:
    lone_surrogate = Candidate(prompt=Prompt(user="\ud800"))
    ended = await asyncio.wait_for(
        asyncio.gather(
            ledger.begin_call(start("a")),
            ledger.add_candidate(lone_surrogate),
            ledger.begin_call(start("b")),
            return_exceptions=True,
        ),
        timeout=5,
    )
    assert isinstance(ended[1], UnicodeEncodeError)
    assert ledger.spent(state="sent")["target"].calls == 2


async def test_closing_commits_what_waits_and_may_be_done_twice(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.db", "run")
    waiting = [asyncio.create_task(ledger.begin_call(start(str(n)))) for n in range(50)]
    await asyncio.sleep(0)
    ledger.close()
    ledger.close()
    assert len({await each for each in waiting}) == 50


def test_a_closed_ledger_refuses_to_write(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.db", "run")
    ledger.close()
    with pytest.raises(RuntimeError, match="closed"):
        ledger.begin_run({})


# --- one owner


async def test_an_owner_that_was_replaced_cannot_commit(ledger: Ledger, tmp_path: Path) -> None:
    ledger.take_over()
    await pay(ledger, "mine")
    heir = Ledger.open(tmp_path / "ledger.db", "run")
    heir.take_over()
    with pytest.raises(RunOwned, match="took it over"):
        await ledger.begin_call(start("late"))
    with pytest.raises(RunOwned):
        await ledger.record(Event(key="late", kind="x", body={}))
    await pay(heir, "theirs")
    assert heir.spent()["target"].calls == 2
    heir.close()


def test_nobody_can_take_a_run_over_between_the_check_and_the_commit(tmp_path: Path) -> None:
    engine = connect(tmp_path / "ledger.db", metadata)

    def check(_: sa.Connection) -> None:
        with sqlite3.connect(tmp_path / "ledger.db", timeout=0) as heir:
            heir.execute("UPDATE runs SET fence = fence + 1")

    writer = GroupWriter(engine, check)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        writer.write(lambda c: c.execute(sa.text("SELECT 1")).scalar_one())
    writer.close()
    engine.dispose()


async def test_the_time_between_two_processes_is_not_worked(tmp_path: Path) -> None:
    worked = []
    for pause in (0.0, 0.5):
        await asyncio.sleep(pause)
        ledger = Ledger.open(tmp_path / "ledger.db", "run")
        ledger.begin_run({})
        ledger.take_over()
        await asyncio.sleep(0.2)
        await pay(ledger, f"call after {pause}")
        worked.append(ledger.minutes_worked() * 60)
        ledger.close()
    first, both = worked
    assert first >= 0.2
    assert first + 0.2 <= both < first + 0.5


def test_settings_are_written_once(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.db", "run")
    assert ledger.settings() == {}
    ledger.begin_run({"seed": 1})
    ledger.begin_run({"seed": 2})
    assert ledger.settings() == {"seed": 1}
    ledger.close()


# --- candidates, rollouts, events


async def test_the_same_prompt_is_kept_once_with_its_first_reason(ledger: Ledger) -> None:
    first = Candidate(prompt=Prompt(user="{{x}}"), reason="first")
    other = Candidate(prompt=Prompt(user="Now {{x}}"), parents=(first.id,), evidence=(ExampleId("r1"),), round=2)
    for each in (first, replace(first, reason="second"), other):
        await ledger.add_candidate(each)
    assert ledger.candidate(first.id) == first
    assert ledger.candidates() == {first.id: first, other.id: other}
    with pytest.raises(KeyError):
        ledger.candidate(CandidateId("never added"))


async def test_a_failed_rollout_is_not_kept_so_that_it_may_be_tried_again(ledger: Ledger) -> None:
    await ledger.add_rollouts([rollout("r1", None)])
    await ledger.add_rollouts([rollout("r1", 0.0), rollout("r2", None), rollout("r3", 1.0, repeat=1)])
    await ledger.add_rollouts([rollout("r1", 1.0)])
    assert {row: each.reward for row, each in ledger.rollouts(CandidateId("c")).items()} == {"r1": 0.0}
    assert list(ledger.rollouts(CandidateId("c"), repeat=1)) == ["r3"]


async def test_an_event_is_recorded_once_and_events_keep_their_order(ledger: Ledger) -> None:
    events = [Event(key=f"{kind}:{n}", kind=kind, body={"n": n}) for n in (2, 1) for kind in ("plan", "told")]
    assert [await ledger.record(each) for each in events] == [True] * 4
    assert not await ledger.record(Event(key="plan:2", kind="plan", body={"n": "changed"}))
    assert ledger.events() == events
    assert ledger.events("told") == [events[1], events[3]]
    assert ledger.event("plan:2") == events[0]
    assert ledger.event("plan:3") is None


def test_a_price_that_is_not_known_is_not_taken_for_zero() -> None:
    assert Spent().priced
    assert Spent(calls=1, tokens_in=5, usd=0.1).priced
    assert not Spent(calls=1, tokens_in=5).priced


async def test_a_ledger_of_an_earlier_version_is_read_and_written_on(tmp_path: Path) -> None:
    earlier = Ledger.open(tmp_path / "ledger.db", "run")
    await pay(earlier, "k")
    earlier.close()
    with sqlite3.connect(tmp_path / "ledger.db") as other:
        other.execute("ALTER TABLE calls DROP COLUMN tokens_cached")
    reopened = Ledger.open(tmp_path / "ledger.db", "run")
    assert reopened.paid("k") == PAID
    await pay(reopened, "kept", paid=replace(PAID, tokens_cached=64))
    assert reopened.spent()["target"].tokens_cached == 64
    reopened.close()


async def test_what_broke_off_is_paid_for_and_may_be_asked_again(ledger: Ledger) -> None:
    await ledger.fail_call(await ledger.begin_call(start("k")), "the stream was cut", billed=PAID, final=False)
    assert ledger.cut("k") is None
    assert ledger.spent()["target"] == Spent(tokens_in=100, tokens_out=10, usd=0.5)
    assert ledger.failed() == {"target": 1}


@pytest.mark.parametrize("attempt", range(5))
def test_a_new_ledger_can_be_opened_by_many_at_once(tmp_path: Path, attempt: int) -> None:
    with ThreadPoolExecutor(max_workers=8) as pool:
        opened = list(pool.map(lambda _: Ledger.open(tmp_path / f"{attempt}.db", "run"), range(8)))
    for ledger in opened:
        ledger.close()


# --- where the search stood


async def test_an_event_knows_the_target_calls_that_the_search_had_made(ledger: Ledger) -> None:
    await ledger.record(Event(key="leader:a", kind="leader", body={"leader": "a"}))
    await pay(ledger, "first")
    await pay(ledger, "asked", "optimizer")
    await ledger.fail_call(await ledger.begin_call(start("failed")), "busy")
    await ledger.complete_call(await ledger.begin_call(replace(start("tested"), phase="test")), PAID)
    await ledger.copy_call(start("copied"), PAID)
    await ledger.record(Event(key="leader:b", kind="leader", body={"leader": "b"}))
    await pay(ledger, "later")
    found = ledger.searched_before("leader")
    assert [(event.body["leader"], made) for event, made in found] == [("a", 0), ("b", 2)]
    assert await ledger.record(Event(key="leader:b", kind="leader", body={"leader": "b"})) is False
    assert ledger.searched_before("leader") == found


async def test_only_an_answer_of_the_target_counts_as_one_since_an_event(ledger: Ledger) -> None:
    await pay(ledger, "before")
    await ledger.record(Event(key="moves:1", kind="moves", body={}))
    await pay(ledger, "asked", "optimizer")
    await ledger.fail_call(await ledger.begin_call(start("failed")), "busy")
    assert not ledger.answered_since("moves:1")
    await pay(ledger, "after")
    assert ledger.answered_since("moves:1")
    assert not ledger.answered_since("moves:2")


async def test_a_ledger_that_need_not_last_keeps_the_same_facts(tmp_path: Path) -> None:
    for durable in (False, True):
        ledger = Ledger.open(tmp_path / "ledger.db", "run", durable=durable)
        ledger.begin_run({})
        await pay(ledger, f"{durable}")
        assert ledger.spent()["target"].calls == 1 + durable
        ledger.close()
