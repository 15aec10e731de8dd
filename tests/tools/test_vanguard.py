"""Of calls that begin alike one goes first."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

import pytest
from tests.fakes import Provider, caller_of, reply, request

from socratune.memory.errors import BudgetExhausted, FinalFailure
from socratune.memory.ledger import Ledger
from socratune.memory.records import Budget
from socratune.tools.models import Reply, Request
from socratune.tools.price import Price
from socratune.tools.vanguard import KEPT_FOR, Vanguard

ALIKE = "x" * 5_000


@dataclass(slots=True, kw_only=True)
class Keeper(Provider):
    """A provider that keeps what requests begin with, and notes how many were on their way at once."""

    kept_from: int | None = 1_024
    under_way: int = 0
    seen: list[int] = field(default_factory=list)

    async def complete(self, request: Request) -> Reply:
        self.under_way += 1
        self.seen.append(self.under_way)
        try:
            return await super(Keeper, self).complete(request)
        finally:
            self.under_way -= 1


@dataclass(slots=True, kw_only=True)
class LadenKeeper(Keeper):
    """One that is sent more than the messages."""

    overhead: int = 0


def alike(number: int, *, shared: int = 5_000) -> Request:
    made = request(f"{ALIKE} {number}")
    return Request(messages=made.messages, max_tokens=50, prefix=shared)


async def ask_all(ledger: Ledger, provider: Provider, requests: list[Request], concurrency: int = 8) -> list[object]:
    caller = caller_of(ledger, provider, concurrency=concurrency)
    calls = (caller.call("target", each, phase="search") for each in requests)
    return list(await asyncio.gather(*calls, return_exceptions=True))


async def test_the_first_call_goes_ahead_and_the_others_follow_together(ledger: Ledger) -> None:
    provider = Keeper(latency=0.01)
    await ask_all(ledger, provider, [alike(number) for number in range(6)])
    assert provider.seen[0] == provider.seen[1] == 1
    assert max(provider.seen) == 5


async def test_when_the_first_call_fails_the_others_go_all_the_same(ledger: Ledger) -> None:
    def answer(asked: Request) -> str:
        if asked == alike(0):
            raise FinalFailure("provider", "refused")
        return "yes"

    ended = await ask_all(ledger, Keeper(latency=0.01, answer=answer), [alike(number) for number in range(4)])
    assert [isinstance(each, FinalFailure) for each in ended] == [True, False, False, False]


@pytest.mark.parametrize("shared", [0, 4_000])
async def test_what_begins_alike_for_less_than_is_kept_is_not_held_back(ledger: Ledger, shared: int) -> None:
    provider = Keeper(latency=0.01)
    await ask_all(ledger, provider, [alike(number, shared=shared) for number in range(4)])
    assert max(provider.seen) == 4


@pytest.mark.parametrize("provider", [Provider(latency=0.02), Keeper(latency=0.02, kept_from=None)])
async def test_a_model_that_keeps_nothing_is_not_waited_for(ledger: Ledger, provider: Provider) -> None:
    asking = asyncio.create_task(ask_all(ledger, provider, [alike(number) for number in range(4)]))
    while len(provider.requests) < 4:  # none is answered before all are sent
        assert not asking.done()
        await asyncio.sleep(0.001)
    await asking


async def test_another_beginning_does_not_wait(ledger: Ledger) -> None:
    provider = Keeper(latency=0.01)
    other = Request(messages=request("y" * 5_000).messages, max_tokens=50, prefix=5_000)
    await ask_all(ledger, provider, [alike(0), other])
    assert max(provider.seen) == 2


async def test_what_may_be_forgotten_is_sent_ahead_again() -> None:
    now = [0.0]
    vanguard = Vanguard(clock=lambda: now[0])
    order: list[str] = []

    async def call(name: str) -> None:
        async with vanguard.turn("beginning"):
            order.append(f"{name} goes")
            await asyncio.sleep(0)
            order.append(f"{name} ends")

    await call("a")
    await asyncio.gather(call("b"), call("c"))
    assert order[2:4] == ["b goes", "c goes"]
    now[0] += KEPT_FOR
    await asyncio.gather(call("d"), call("e"))
    assert order[6:] == ["d goes", "d ends", "e goes", "e ends"]


async def test_one_place_is_enough_for_all(ledger: Ledger) -> None:
    ended = await ask_all(ledger, Keeper(), [alike(number) for number in range(5)], concurrency=1)
    assert not any(isinstance(each, BaseException) for each in ended)


async def test_a_cap_refuses_the_same_calls_whether_one_goes_ahead_or_not(ledger: Ledger) -> None:
    refused = []
    for keeps in (1_024, None):
        requests = [
            Request(messages=alike(number).messages, max_tokens=50, prefix=5_000, repeat=keeps or 0)
            for number in range(6)
        ]
        caller = caller_of(ledger, Keeper(kept_from=keeps, latency=0.01), budget=Budget(calls=4))
        calls = (caller.call("target", each, phase="search") for each in requests)
        ended = await asyncio.gather(*calls, return_exceptions=True)
        refused.append([isinstance(each, BaseException) for each in ended])
    assert refused == [[False] * 4 + [True] * 2] * 2


async def test_the_price_of_keeping_is_reserved_and_what_was_kept_is_paid_at_its_own(ledger: Ledger) -> None:
    reserved: list[float] = []

    def look(_: Request) -> Reply:
        reserved.append(1.0 - caller.purse.room("usd", "search"))
        written = Reply(text="yes", stop_reason="stop", tokens_in=2_000, tokens_out=0, tokens_written=1_500)
        read = Reply(text="yes", stop_reason="stop", tokens_in=2_000, tokens_out=0, tokens_cached=1_500)
        return read if len(reserved) > 1 else written

    price = Price(input=1.0, output=1.0, cache_read=0.1, cache_write=1.25)
    caller = caller_of(ledger, Keeper(answer=look, price=price), budget=Budget(usd=1.0))
    for number in range(2):
        await caller.call("target", alike(number), phase="search")
    assert reserved[0] >= 5_000 * 1.25e-6
    assert caller.purse.spent.usd == pytest.approx((500 + 1_500 * 1.25 + 500 + 1_500 * 0.1) / 1e6)
    assert caller.purse.spent.tokens_cached == 1_500
    assert caller.purse.spent == ledger.spent()["target"]


async def test_what_comes_with_the_messages_is_reserved_at_the_price_of_keeping_too(ledger: Ledger) -> None:
    price = Price(input=1.0, output=0.0, cache_read=0.1, cache_write=1.25)
    room = (5_000 + 700) * 1.25e-6
    for overhead, schema in ((700, None), (0, {"title": "T", "enum": ["x" * 700]})):
        caller = caller_of(ledger, LadenKeeper(price=price, overhead=overhead), budget=Budget(usd=room))
        with pytest.raises(BudgetExhausted):
            await caller.call("target", replace(alike(0), schema=schema), phase="search")


async def test_the_same_words_for_another_form_are_another_beginning(ledger: Ledger) -> None:
    provider = Keeper(latency=0.01)
    await ask_all(ledger, provider, [alike(0), replace(alike(1), schema={"title": "T"})])
    assert max(provider.seen) == 2


async def test_what_was_kept_is_still_known_when_an_answer_comes_from_the_ledger(ledger: Ledger) -> None:
    kept = Reply(text="yes", stop_reason="stop", tokens_in=2_000, tokens_out=1, tokens_cached=1_024)
    caller = caller_of(ledger, Keeper(answer=lambda _: kept))
    first = await caller.call("target", alike(0), phase="search")
    assert await caller.call("target", alike(0), phase="search") == first
    assert first.tokens_cached == 1_024
    assert reply("yes").tokens_cached == 0
