"""What a call costs that gave no answer: what the provider said, else an estimate; and nothing that it turned away."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import pytest
import stamina
from tests.fakes import caller_of
from tests.tools.providers.conftest import Serve
from tests.tools.providers.scene import Speaker, asked, wire

from socratune.memory.errors import BudgetExhausted, CallFailed, FinalFailure, TransientFailure
from socratune.memory.ledger import Ledger
from socratune.memory.records import Budget
from socratune.tools.caller import ATTEMPTS
from socratune.tools.models import LanguageModel, Reply, Request
from socratune.tools.price import Price
from socratune.tools.providers.stream import Limits
from socratune.tools.simulator.faults import Faults
from socratune.tools.simulator.server import served
from socratune.tools.simulator.wire import Manners

SOON = Limits(connect=1.0, first=0.6, gap=0.4)
PRICE = Price(input=1.0, output=10.0)


@pytest.fixture(autouse=True, scope="module")
def warm() -> None:
    """The first call imports an SDK, which no time limit of a test should be spent on."""
    with served(wire(Manners())) as url:
        for provider, base in (("openai", f"{url}/v1"), ("anthropic", url)):
            speaker = Speaker(provider=provider)  # type: ignore[arg-type]  # both are providers
            asyncio.run(speaker.model(f"{provider}:ticket-routing@{base}").complete(asked()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """A model at an address that has no price, with one."""

    model: LanguageModel
    price: Price = PRICE

    @property
    def name(self) -> str:
        return self.model.name

    async def complete(self, request: Request) -> Reply:
        return await self.model.complete(request)


async def failed_with(speaker: Speaker, serve: Serve, fault: str) -> CallFailed:
    model = speaker.model(speaker.spec(serve(Manners(faults=Faults(**{fault: 1.0})))), SOON)
    with pytest.raises(CallFailed) as failed:
        await model.complete(asked())
    return failed.value


@pytest.mark.parametrize("fault", ["rate_limit", "overloaded", "error", "reset", "html"])
async def test_what_was_turned_away_costs_nothing(serve: Serve, speaker: Speaker, fault: str) -> None:
    assert (await failed_with(speaker, serve, fault)).used is None


async def test_nobody_listening_costs_nothing(speaker: Speaker) -> None:
    with pytest.raises(TransientFailure) as failed:
        await speaker.model(f"{speaker.provider}:anything@http://127.0.0.1:9").complete(asked())
    assert failed.value.used is None


@pytest.mark.parametrize("fault", ["hang", "pings", "stall", "cut", "stream_error", "malformed", "empty"])
async def test_what_was_taken_on_costs_the_request_and_what_came(serve: Serve, speaker: Speaker, fault: str) -> None:
    used = (await failed_with(speaker, serve, fault)).used
    assert used is not None
    assert used.tokens_in == asked().tokens  # the simulator counts by the same estimate
    assert (used.tokens_out > 0) == (fault in ("stall", "cut", "stream_error", "malformed"))


async def test_an_empty_answer_is_paid_for_once(serve: Serve, speaker: Speaker, ledger: Ledger, tmp_path: Path) -> None:
    log = tmp_path / "provider.jsonl"
    model = Priced(model=speaker.model(speaker.spec(serve(Manners(log=log, faults=Faults(empty=1.0))))))
    caller = caller_of(ledger, model, budget=Budget(usd=1.0))
    for _ in range(2):
        with pytest.raises(FinalFailure, match="empty answer"):
            await caller.call("target", asked(), phase="search")
    assert log.read_text().count("received") == 1
    assert caller.purse.spent == ledger.spent()["target"]
    assert caller.purse.spent.usd == pytest.approx(asked().tokens * 1e-6)
    await caller.drain()


async def test_every_attempt_that_broke_off_is_booked_and_only_the_one_that_answered_is_a_call(
    serve: Serve, speaker: Speaker, ledger: Ledger, tmp_path: Path
) -> None:
    # Of the first requests at this seed some are cut and one is answered.
    model = Priced(model=speaker.model(speaker.spec(serve(Manners(faults=Faults(cut=0.5), seed=3)))))
    caller = caller_of(ledger, model, budget=Budget(usd=1.0, rollouts=4))
    with stamina.set_testing(True, attempts=ATTEMPTS):
        for number in range(4):
            await caller.call(
                "target", Request(messages=asked().messages, max_tokens=50, repeat=number), phase="search"
            )
    states = states_of(tmp_path / "ledger.db")
    assert states.count("completed") == 4
    assert states.count("broke") == len(states) - 4 > 0
    assert caller.purse.spent.rollouts == caller.purse.spent.calls == 4
    assert caller.purse.spent.tokens_in == asked().tokens * len(states)
    booked, found = caller.purse.spent, ledger.spent()["target"]
    assert (booked.tokens_in, booked.tokens_out, booked.calls) == (found.tokens_in, found.tokens_out, found.calls)
    assert booked.usd == pytest.approx(found.usd)
    await caller.drain()


async def test_attempts_that_break_off_never_exceed_a_cap(serve: Serve, speaker: Speaker, ledger: Ledger) -> None:
    model = Priced(model=speaker.model(speaker.spec(serve(Manners(faults=Faults(cut=1.0))))))
    worst = 2 * (asked().tokens * 4 + 16) * 1e-6 + 2 * 50 * 1e-5
    caller = caller_of(ledger, model, budget=Budget(usd=worst))
    calls = (caller.call("target", each, phase="search") for each in repeats(4))
    with stamina.set_testing(True, attempts=30):
        ended = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(each) for each in ended} == {BudgetExhausted}
    await caller.drain()
    assert 0 < ledger.spent()["target"].usd <= worst
    assert caller.purse.spent.usd == pytest.approx(ledger.spent()["target"].usd)
    assert caller.purse.room("usd", "search") == pytest.approx(worst - caller.purse.spent.usd)


def repeats(count: int) -> list[Request]:
    return [Request(messages=asked().messages, max_tokens=50, repeat=number) for number in range(count)]


def states_of(path: Path) -> list[str]:
    with sqlite3.connect(path) as ledger:
        return [state for (state,) in ledger.execute("SELECT state FROM calls ORDER BY id")]
