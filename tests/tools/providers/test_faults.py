"""Every fault of a provider, one at a time, through the real SDKs."""

from __future__ import annotations

import asyncio
import time

import pytest
from tests.tools.providers.conftest import Serve
from tests.tools.providers.scene import WIRES, Served, Speaker, asked, rows, wire

from socratune.memory.errors import FinalFailure, TransientFailure
from socratune.tools.models import ANSWER
from socratune.tools.providers.stream import Limits
from socratune.tools.simulator.faults import NAMES, Faults
from socratune.tools.simulator.server import served
from socratune.tools.simulator.wire import Manners

SOON = Limits(connect=1.0, first=0.6, gap=0.4)

TRANSIENT = {
    "rate_limit": r"HTTP 429 \(rate_limit_error\)",
    "overloaded": r"HTTP 529 \(overloaded_error\)",
    "error": r"HTTP 500 \(api_error\)",
    "reset": "the connection broke",
    "hang": "no content within 0.6 s",
    "pings": "no content within 0.6 s",
    "stall": "nothing new for 0.4 s",
    "cut": "the stream was cut",
    "stream_error": r"error inside the stream \(\w+_error\)",
    "malformed": "the answer is malformed",
    "html": "the server answered with text/html instead of a stream",
}
FINAL = {"empty": "empty answer"}
RETURNED = {"refusal": {"refusal"}, "too_long": {"length", "max_tokens"}, "odd_stop": {"paused_for_thought"}}


@pytest.fixture(autouse=True, scope="module")
def warm() -> None:
    """The first call imports an SDK, which no time limit of a test should be spent on."""
    with served(wire(Manners())) as url:
        for each in [Speaker(provider=provider) for provider in WIRES]:
            asyncio.run(each.model(each.spec(Served(url=url))).complete(asked()))


def spoilt(fault: str) -> Manners:
    return Manners(faults=Faults(**{fault: 1.0}))


def test_every_fault_has_a_test() -> None:
    assert {*TRANSIENT, *FINAL, *RETURNED, "no_usage"} == set(NAMES)


async def test_a_healthy_provider_answers_and_says_what_it_used(serve: Serve, speaker: Speaker) -> None:
    reply = await speaker.model(speaker.spec(serve())).complete(asked())
    assert reply.stop_reason == ANSWER
    assert reply.text in {row.expected for row in rows()}
    assert reply.tokens_in > 10
    assert reply.tokens_out > 0


@pytest.mark.parametrize(("fault", "reason"), TRANSIENT.items())
async def test_what_may_pass_is_worth_another_attempt(serve: Serve, speaker: Speaker, fault: str, reason: str) -> None:
    model = speaker.model(speaker.spec(serve(spoilt(fault))), SOON)
    began = time.monotonic()
    with pytest.raises(TransientFailure, match=reason) as failed:
        await model.complete(asked())
    assert time.monotonic() - began < 3  # silence ends by its limit
    assert failed.value.retry_after == (1.0 if fault == "rate_limit" else None)


@pytest.mark.parametrize(("fault", "reason"), FINAL.items())
async def test_what_would_fail_again_is_not_tried_again(
    serve: Serve, speaker: Speaker, fault: str, reason: str
) -> None:
    with pytest.raises(FinalFailure, match=reason):
        await speaker.model(speaker.spec(serve(spoilt(fault)))).complete(asked())


@pytest.mark.parametrize(("fault", "reasons"), RETURNED.items())
async def test_what_did_not_end_by_itself_comes_back_under_its_name(
    serve: Serve, speaker: Speaker, fault: str, reasons: set[str]
) -> None:
    reply = await speaker.model(speaker.spec(serve(spoilt(fault)))).complete(asked())
    assert reply.stop_reason in reasons


async def test_tokens_are_estimated_when_the_provider_does_not_count(serve: Serve, speaker: Speaker) -> None:
    counted, estimated = [
        await speaker.model(speaker.spec(serve(manners))).complete(asked())
        for manners in (Manners(), spoilt("no_usage"))
    ]
    assert estimated == counted  # the simulator counts by the same estimate


async def test_the_total_is_the_callers(serve: Serve, speaker: Speaker) -> None:
    model = speaker.model(speaker.spec(serve(spoilt("hang"))))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await model.complete(asked())


async def test_nobody_listening_is_a_broken_connection(speaker: Speaker) -> None:
    with pytest.raises(TransientFailure, match="the connection broke"):
        await speaker.model(f"{speaker.provider}:anything@http://127.0.0.1:9").complete(asked())


async def test_an_unknown_model_is_final(serve: Serve, speaker: Speaker) -> None:
    with pytest.raises(FinalFailure, match=r"HTTP 404 \(not_found_error\)"):
        await speaker.model(speaker.spec(serve(), "elsewhere")).complete(asked())


async def test_a_closed_model_opens_again(serve: Serve, speaker: Speaker) -> None:
    model = speaker.model(speaker.spec(serve()))
    await model.complete(asked())
    await model.aclose()
    await model.aclose()
    assert (await model.complete(asked())).stop_reason == ANSWER


def test_one_model_serves_several_event_loops(serve: Serve, speaker: Speaker) -> None:
    model = speaker.model(speaker.spec(serve()))
    for _ in range(3):
        assert asyncio.run(model.complete(asked())).stop_reason == ANSWER
