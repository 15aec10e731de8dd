from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sqlite3
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import stamina
from tests.fakes import Provider, caller_of, reply, request

from socratune.memory.errors import BadInput, BudgetExhausted, FinalFailure, Interrupted, Paused, TransientFailure
from socratune.memory.ledger import Ledger
from socratune.memory.records import Budget, Message
from socratune.memory.usage import Usage
from socratune.tools import caller as callers
from socratune.tools.caller import ATTEMPTS, LONGEST_WAIT, STRAIGHT_FAILURES, Line
from socratune.tools.models import Reply, Request
from socratune.tools.sections import MARK, section

SOON = 0.001


def said(*answers: str | Reply | Exception) -> Callable[[Request], Reply | str]:
    """Give these answers in turn, and the last one for ever."""
    left = list(answers)

    def answer(_: Request) -> Reply | str:
        now = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(now, Exception):
            raise now
        return now

    return answer


def busy(retry_after: float = SOON) -> TransientFailure:
    return TransientFailure("provider", "rate limit", retry_after=retry_after)


@pytest.fixture
def without_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=ATTEMPTS):
        yield


def states(ledger: Ledger) -> list[str]:
    """The states of all calls, in the order in which they were sent."""
    with sqlite3.connect(str(ledger._engine.url.database)) as other:
        return [state for (state,) in other.execute("SELECT state FROM calls ORDER BY id")]


# --- paid once


async def test_a_call_that_was_answered_before_is_free(ledger: Ledger) -> None:
    provider = Provider(answer=said("first", "second"))
    caller = caller_of(ledger, provider, budget=Budget(calls=1))
    answers = [(await caller.call("target", request(), phase="search")).text for _ in range(3)]
    assert answers == ["first"] * 3
    assert len(provider.requests) == 1
    assert (caller.cached, caller.purse.spent.calls) == (2, 1)


async def test_every_byte_that_reaches_the_provider_makes_another_call(ledger: Ledger) -> None:
    base = request()
    system = replace(base, messages=(Message(role="system", content="Why?"),))
    two = replace(base, messages=(*base.messages, *base.messages))
    requests = [base, request("Why"), request(max_tokens=51), request(repeat=1), system, two]
    assert len({each.key("a") for each in requests} | {base.key("b")}) == 7
    provider = Provider()
    caller = caller_of(ledger, provider)
    for each in requests:
        await caller.call("target", each, phase="search")
    assert provider.requests == requests


async def test_two_identical_calls_in_flight_are_one(ledger: Ledger) -> None:
    provider = Provider(latency=0.02)
    caller = caller_of(ledger, provider)
    answers = await asyncio.gather(*(caller.call("target", request(), phase="search") for _ in range(5)))
    assert len(set(answers)) == 1
    assert (len(provider.requests), caller.cached, caller.purse.spent.calls) == (1, 4, 1)


async def test_whoever_gives_up_waiting_does_not_lose_what_is_paid_for(ledger: Ledger) -> None:
    caller = caller_of(ledger, Provider(latency=0.02))
    waiting = asyncio.create_task(caller.call("target", request(), phase="search"))
    await asyncio.sleep(0.01)
    waiting.cancel()
    await caller.drain()
    assert ledger.paid(request().key("provider")) is not None
    assert caller.purse.spent.calls == 1


async def test_draining_waits_for_all_that_was_sent_whatever_comes_of_it(ledger: Ledger) -> None:
    provider = Provider(latency=0.02, answer=lambda r: reply("cut", "length") if r.repeat == 3 else "yes")
    caller = caller_of(ledger, provider)
    calls = [asyncio.create_task(caller.call("target", request(repeat=n), phase="search")) for n in range(6)]
    await asyncio.sleep(0.01)
    await caller.drain()
    assert sorted(states(ledger)) == ["completed"] * 5 + ["cut"]
    await asyncio.gather(*calls, return_exceptions=True)


async def test_after_a_stop_nothing_more_is_sent(ledger: Ledger) -> None:
    provider = Provider()
    caller = caller_of(ledger, provider)
    caller.purse.stop()
    with pytest.raises(Interrupted):
        await caller.call("target", request(), phase="search")
    assert provider.requests == []


async def test_after_a_stop_what_was_admitted_but_not_sent_stays_unsent(ledger: Ledger) -> None:
    provider = Provider(latency=0.02)
    caller = caller_of(ledger, provider, concurrency=1)
    calls = [asyncio.create_task(caller.call("target", request(repeat=n), phase="search")) for n in range(3)]
    await asyncio.sleep(0.01)
    caller.purse.stop()
    first, *others = await asyncio.gather(*calls, return_exceptions=True)
    assert not isinstance(first, BaseException)
    assert [type(each) for each in others] == [Interrupted, Interrupted]
    assert len(provider.requests) == 1


# --- failures


async def test_trouble_that_passes_is_waited_for_and_costs_one_call(ledger: Ledger) -> None:
    caller = caller_of(ledger, Provider(answer=said(busy(), busy(), "at last")))
    paid = await caller.call("target", request(), phase="search")
    assert paid.text == "at last"
    assert states(ledger) == ["failed", "failed", "completed"]
    assert caller.purse.spent.calls == 1


async def test_the_wait_is_as_long_as_the_provider_asked_for(ledger: Ledger) -> None:
    caller = caller_of(ledger, Provider(answer=said(busy(0.05), busy(0.05), "at last")))
    began = time.monotonic()
    await caller.call("target", request(), phase="search")
    assert time.monotonic() - began >= 0.1
    assert callers._pause_before_retry(busy(0.0)) == 0.0


def test_nobody_is_waited_for_longer_than_two_minutes() -> None:
    assert callers._pause_before_retry(busy(86_400.0)) == LONGEST_WAIT == 120.0


async def test_trouble_that_stays_is_given_up_and_costs_nothing(ledger: Ledger) -> None:
    caller = caller_of(ledger, Provider(answer=said(busy())), budget=Budget(usd=1.0))
    with pytest.raises(TransientFailure, match="rate limit"):
        await caller.call("target", request(), phase="search")
    assert states(ledger) == ["failed"] * ATTEMPTS
    assert caller.purse.room("usd", "search") == 1.0


@pytest.mark.usefixtures("without_waiting")
async def test_a_provider_that_does_not_say_how_long_is_asked_again_all_the_same(ledger: Ledger) -> None:
    unsaid = TransientFailure("provider", "overloaded")
    caller = caller_of(ledger, Provider(answer=said(unsaid, TimeoutError(), "at last")))
    assert (await caller.call("target", request(), phase="search")).text == "at last"
    assert states(ledger) == ["failed", "broke", "completed"]  # what timed out may have been billed


async def test_what_would_fail_again_is_not_tried_again(ledger: Ledger) -> None:
    provider = Provider(answer=said(FinalFailure("provider", "wrong key")))
    with pytest.raises(FinalFailure, match="wrong key"):
        await caller_of(ledger, provider).call("target", request(), phase="search")
    assert len(provider.requests) == 1
    assert ledger.failed() == {"target": 1}


async def test_a_call_that_failed_may_be_made_again(ledger: Ledger) -> None:
    caller = caller_of(ledger, Provider(answer=said(FinalFailure("provider", "refused"), "yes")))
    with pytest.raises(FinalFailure):
        await caller.call("target", request(), phase="search")
    assert (await caller.call("target", request(), phase="search")).text == "yes"


@pytest.mark.parametrize("stop_reason", ["length", "content_filter", "refusal", "STOP", "", None])
async def test_only_a_natural_end_counts_as_an_answer(ledger: Ledger, stop_reason: str | None) -> None:
    provider = Provider(answer=said(reply("half an ans", stop_reason)))
    caller = caller_of(ledger, provider)
    with pytest.raises(FinalFailure, match=re.escape(f"stop reason {stop_reason!r}")):
        await caller.call("target", request(), phase="search")
    assert ledger.paid(request().key("provider")) is None
    assert len(provider.requests) == 1


async def test_an_answer_that_was_cut_is_paid_for(ledger: Ledger) -> None:
    caller = caller_of(ledger, Provider(answer=said(reply("half an ans", "length"))), budget=Budget(rollouts=1))
    with pytest.raises(FinalFailure):
        await caller.call("target", request(), phase="search")
    assert caller.purse.spent == ledger.spent()["target"]
    assert caller.purse.spent.rollouts == 1
    assert caller.purse.spent.usd == pytest.approx(110e-6)


async def test_twenty_failures_without_an_answer_between_them_pause_the_run(ledger: Ledger) -> None:
    provider = Provider(answer=said(FinalFailure("provider", "down")))
    caller = caller_of(ledger, provider)
    for number in range(STRAIGHT_FAILURES):
        with pytest.raises(FinalFailure):
            await caller.call("target", request(repeat=number), phase="search")
    with pytest.raises(Paused, match=r"20 calls in a row gave no answer; the last: .+"):
        await caller.call("target", request(repeat=99), phase="search")
    assert len(provider.requests) == STRAIGHT_FAILURES


async def test_answers_that_are_cut_pause_a_run_only_while_the_model_has_never_answered(ledger: Ledger) -> None:
    many = [reply("half an ans", "length")] * (STRAIGHT_FAILURES + 5)
    for answers, kind in ((many, Paused), (["yes", *many], FinalFailure)):
        caller = caller_of(ledger, Provider(answer=said(*answers), name=kind.__name__))
        for number in range(len(answers)):
            with contextlib.suppress(FinalFailure, Paused):
                await caller.call("target", request(repeat=number), phase="search")
        with pytest.raises(kind):
            await caller.call("target", request(repeat=99), phase="search")


async def test_what_broke_off_is_no_answer_either(ledger: Ledger) -> None:
    def broke(_: Request) -> str:
        failure = busy(0.0)
        failure.used = Usage(tokens_in=100, tokens_out=3)
        raise failure

    caller = caller_of(ledger, Provider(answer=broke))
    for number in range(3):
        with pytest.raises((TransientFailure, Paused)):
            await caller.call("target", request(repeat=number), phase="search")
    assert states(ledger) == ["broke"] * STRAIGHT_FAILURES
    assert caller.purse.spent == replace(ledger.spent()["target"], usd=caller.purse.spent.usd)
    assert caller.purse.spent.usd == pytest.approx(STRAIGHT_FAILURES * 103e-6)


async def test_an_answer_ends_a_row_of_failures(ledger: Ledger) -> None:
    down = FinalFailure("provider", "down")
    answers = ([down] * (STRAIGHT_FAILURES - 1) + ["yes"]) * 3
    caller = caller_of(ledger, Provider(answer=said(*answers)))
    for number in range(len(answers)):
        with contextlib.suppress(FinalFailure):  # `Paused` is not one
            await caller.call("target", request(repeat=number), phase="search")
    assert states(ledger).count("completed") == 3


async def test_refusals_lower_the_number_of_calls_in_flight(ledger: Ledger) -> None:
    first = [busy() for _ in range(15)]
    caller = caller_of(ledger, Provider(answer=said(*first, "yes")), concurrency=8)
    await asyncio.gather(*(caller.call("target", request(repeat=n), phase="search") for n in range(8)))
    assert caller._throttles["target"].limit == 4
    assert caller._throttles["optimizer"].limit == 8


# --- money


def test_a_model_without_a_price_does_not_start_under_a_cap_in_usd(ledger: Ledger) -> None:
    unpriced = Provider(price=None, name="sim:unknown")
    with pytest.raises(
        BadInput, match=r"the price of sim:unknown is not known; give it .* --price IN,OUT .*, or cap the run by"
    ):
        caller_of(ledger, unpriced, budget=Budget(usd=1.0))


async def test_a_model_without_a_price_may_run_under_another_cap(ledger: Ledger) -> None:
    caller = caller_of(ledger, Provider(price=None), budget=Budget(calls=1))
    assert (await caller.call("target", request(), phase="search")).usd == 0.0


async def test_the_worst_case_is_reserved_before_a_call_is_sent(ledger: Ledger) -> None:
    reserved: list[float] = []

    def look(asked: Request) -> str:
        reserved.append(1.0 - caller.purse.room("usd", "search"))
        return "yes"

    caller = caller_of(ledger, Provider(answer=look), budget=Budget(usd=1.0))
    await caller.call("target", request("x" * 400, max_tokens=500), phase="search")
    assert 900e-6 <= reserved[0] <= 1_000e-6  # 400 bytes at most 400 tokens, and 500 out, at 1 USD a million
    assert caller.purse.spent.usd == pytest.approx(110e-6)


@dataclass(slots=True, kw_only=True)
class Burdened(Provider):
    """A model that is sent more than the messages."""

    overhead: int = 0


@pytest.mark.parametrize(("overhead", "schema"), [(700, None), (0, {"title": "T", "enum": ["x" * 700]})])
async def test_what_is_sent_besides_the_messages_is_reserved_too(
    ledger: Ledger, overhead: int, schema: dict[str, object] | None
) -> None:
    asked = replace(request("x" * 400, max_tokens=500), schema=schema)
    caller = caller_of(ledger, Burdened(overhead=overhead), budget=Budget(usd=1_500e-6))
    with pytest.raises(BudgetExhausted):
        await caller.call("target", asked, phase="search")
    assert caller.purse.spent.usd == 0


async def test_only_calls_of_the_target_are_rollouts(ledger: Ledger) -> None:
    caller = caller_of(ledger, Provider())
    await caller.call("optimizer", request(), phase="search")
    await caller.call("target", request(repeat=1), phase="search")
    assert (caller.purse.spent.rollouts, caller.purse.spent.calls) == (1, 2)


# --- what is sent, and what comes back


async def test_the_provider_sees_a_secret_mark_and_never_the_constant(ledger: Ledger, tmp_path: Path) -> None:
    asked = request(section("failures", f"a row with {MARK} in it"))
    other = Ledger.open(tmp_path / "other.db", "other run")
    sent: list[str] = []
    for each, secret in ((ledger, b"one"), (other, b"two")):
        provider = Provider()
        await caller_of(each, provider, secret=secret).call("optimizer", asked, phase="search")
        sent.append(provider.requests[0].messages[0].content)
        assert each.paid(asked.key("provider")) is not None  # the key is that of the canonical request
    other.close()
    marks = [re.findall(r"^<<<failures ([0-9a-f]{16})$", text, re.MULTILINE) for text in sent]
    assert all(len(found) == 1 for found in marks)
    assert marks[0] != marks[1]
    assert not any(MARK in text for text in sent)


async def test_a_row_reaches_the_target_to_the_letter(ledger: Ledger) -> None:
    provider = Provider()
    asked = request(f"An icon font's own {MARK} character")
    await caller_of(ledger, provider).call("target", asked, phase="search")
    assert provider.requests == [asked]


async def test_a_lone_surrogate_in_an_answer_is_replaced_and_kept(ledger: Ledger) -> None:
    caller = caller_of(ledger, Provider(answer=said("a\ud800b")))
    assert (await caller.call("target", request(), phase="search")).text == "a\ufffdb"
    assert (await caller.call("target", request(), phase="search")).text == "a\ufffdb"


async def test_a_line_asks_in_its_role_with_its_limit(ledger: Ledger) -> None:
    provider = Provider(answer=lambda r: json.dumps([r.max_tokens, r.repeat]))
    line = Line(caller=caller_of(ledger, provider), role="optimizer", max_tokens=77)
    assert await line.ask(request().messages, phase="search", repeat=2) == "[77, 2]"
    assert list(ledger.spent()) == ["optimizer"]


class Refusal(Exception):
    """What other people's code raises when a provider refuses."""

    def __init__(self, status: int) -> None:
        self.status_code = status
        super().__init__("incorrect key: sk-canary")


@pytest.mark.parametrize(("status", "kind"), [(401, FinalFailure), (429, TransientFailure), (503, TransientFailure)])
@pytest.mark.usefixtures("without_waiting")
async def test_a_refusal_out_of_other_peoples_code_is_judged_by_its_status(
    ledger: Ledger, status: int, kind: type[Exception]
) -> None:
    caller = caller_of(ledger, Provider(answer=said(Refusal(status))))
    with pytest.raises(kind, match=f"HTTP {status}") as failed:
        await caller.call("target", request(), phase="search")
    assert "canary" not in "".join(traceback.format_exception(failed.value))


async def test_a_defect_of_an_adapter_is_a_failed_call_and_no_answer(ledger: Ledger) -> None:
    caller = caller_of(ledger, Provider(answer=said(ZeroDivisionError())), budget=Budget(calls=1))
    with pytest.raises(FinalFailure, match="ZeroDivisionError"):
        await caller.call("target", request(), phase="search")
    assert states(ledger) == ["failed"]
