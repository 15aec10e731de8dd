from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socratune.memory.errors import BudgetExhausted, Interrupted
from socratune.memory.ledger import Spent
from socratune.memory.records import Budget
from socratune.tools.purse import CAPS, Phase, Purse

CALL = Spent(calls=1, rollouts=1, tokens_in=100, tokens_out=50, usd=0.01)
PHASES: tuple[Phase, ...] = ("preflight", "search", "finalist", "test")


def purse(budget: Budget, *, held: dict[Phase, Budget] | None = None, lost_usd: float = 0.0) -> Purse:
    return Purse(budget, held=held or {}, spent=Spent(), lost_usd=lost_usd)


async def refusal(waiting: asyncio.Task[None]) -> str:
    with pytest.raises(BudgetExhausted) as refused:
        await waiting
    return refused.value.cap


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A call of a simulated block: what it may cost, what it costs, and how long it takes."""

    phase: Phase
    worst: Spent
    actual: Spent
    ticks: int


@st.composite
def planned(draw: st.DrawFn) -> Planned:
    tokens_in, tokens_out = draw(st.integers(0, 60)), draw(st.integers(1, 60))
    rollouts = draw(st.integers(0, 1))
    share = draw(st.floats(0, 1))
    worst = Spent(calls=1, rollouts=rollouts, tokens_in=tokens_in, tokens_out=tokens_out, usd=tokens_out / 7)
    used = replace(worst, tokens_out=int(tokens_out * share), usd=worst.usd * share)
    failed = draw(st.booleans())
    phase = draw(st.sampled_from(PHASES))
    return Planned(phase=phase, worst=worst, actual=Spent() if failed else used, ticks=draw(st.integers(0, 6)))


def caps(most: int) -> st.SearchStrategy[Budget]:
    count = st.none() | st.integers(0, most)
    return st.builds(Budget, usd=st.none() | st.floats(0, most), rollouts=count, calls=count, tokens=count)


BLOCKS = st.lists(planned(), min_size=1, max_size=15)
HELD = st.dictionaries(st.sampled_from(PHASES[:-1]), caps(5))


def over(purse: Purse) -> list[str]:
    """The caps that are exceeded by what was spent and what is reserved; the phase `test` holds nothing back."""
    return [cap for cap in CAPS if purse.room(cap, "test") < -1e-9]


async def carry_out(block: list[Planned], purse: Purse, in_flight: int, *, shuffle: int = 0) -> list[int]:
    """Submit a block in order, at most `in_flight` at once, and return the numbers of the calls that were refused."""
    free = asyncio.Semaphore(in_flight)
    refused: list[int] = []

    async def call(number: int, each: Planned) -> None:
        try:
            await purse.admit(each.phase, each.worst)
        except BudgetExhausted:
            refused.append(number)
            return
        assert over(purse) == []
        async with free:
            for _ in range((each.ticks * (number + shuffle)) % 7):
                await asyncio.sleep(0)
        purse.settle(each.worst, each.actual)
        assert over(purse) == []

    await asyncio.gather(*(call(number, each) for number, each in enumerate(block)))
    return sorted(refused)


@settings(max_examples=100)
@given(block=BLOCKS, budget=caps(400), in_flight=st.integers(1, 8), shuffle=st.integers(0, 3))
def test_spent_and_reserved_never_exceed_a_cap_whatever_the_order(
    block: list[Planned], budget: Budget, in_flight: int, shuffle: int
) -> None:
    asyncio.run(carry_out(block, purse(budget), in_flight, shuffle=shuffle))


@settings(max_examples=100)
@given(block=BLOCKS, budget=caps(300), held=HELD, in_flight=st.integers(2, 16), shuffle=st.integers(0, 3))
def test_what_is_refused_does_not_depend_on_concurrency_or_on_who_is_fast(
    block: list[Planned], budget: Budget, held: dict[Phase, Budget], in_flight: int, shuffle: int
) -> None:
    one_by_one, at_once = purse(budget, held=held), purse(budget, held=held)
    refused = asyncio.run(carry_out(block, one_by_one, 1))
    assert asyncio.run(carry_out(block, at_once, in_flight, shuffle=shuffle)) == refused
    assert replace(at_once.spent, usd=0) == replace(one_by_one.spent, usd=0)
    assert at_once.spent.usd == pytest.approx(one_by_one.spent.usd)


async def test_of_256_callers_at_once_no_more_are_admitted_than_fit() -> None:
    made = purse(Budget(calls=100, usd=1000.0))
    block = [Planned(phase="search", worst=CALL, actual=CALL, ticks=number % 5) for number in range(256)]
    assert await carry_out(block, made, 256) == list(range(100, 256))
    assert made.spent.calls == 100


@pytest.mark.parametrize("budget", [Budget(usd=0.0), Budget(rollouts=0), Budget(calls=0), Budget(tokens=0)])
async def test_a_cap_of_zero_admits_nothing(budget: Budget) -> None:
    made = purse(budget)
    for phase in PHASES:
        with pytest.raises(BudgetExhausted):
            await made.admit(phase, CALL)


async def test_without_a_cap_everything_is_admitted() -> None:
    made = purse(Budget())
    for _ in range(1_000):
        await made.admit("search", CALL)
    assert made.room("usd", "search") == float("inf")


@pytest.mark.parametrize(
    ("budget", "cap"),
    [
        (Budget(usd=0.015), "usd"),
        (Budget(rollouts=1), "rollouts"),
        (Budget(calls=1), "calls"),
        (Budget(tokens=200), "tokens"),
    ],
)
async def test_a_refusal_names_the_cap(budget: Budget, cap: str) -> None:
    made = purse(budget)
    await made.admit("search", CALL)
    made.settle(CALL, CALL)
    with pytest.raises(BudgetExhausted, match=f"the {cap} budget is used up"):
        await made.admit("search", CALL)


async def test_sums_of_cents_that_fit_exactly_fit() -> None:
    made = purse(Budget(usd=1.0))
    for _ in range(100):
        await made.admit("search", CALL)
        made.settle(CALL, CALL)
    with pytest.raises(BudgetExhausted):
        await made.admit("search", CALL)


async def test_a_call_that_does_not_fit_waits_for_those_in_flight_and_takes_what_they_leave() -> None:
    made = purse(Budget(tokens=200))
    await made.admit("search", CALL)
    waiting = asyncio.create_task(made.admit("search", CALL))
    behind = asyncio.create_task(made.admit("search", CALL))
    await asyncio.sleep(0)
    assert not waiting.done()
    made.settle(CALL, Spent(calls=1, tokens_out=20))
    await waiting
    made.settle(CALL, CALL)
    assert await refusal(behind) == "tokens"


async def test_a_small_call_does_not_overtake_a_large_one() -> None:
    made = purse(Budget(calls=2))
    await made.admit("search", CALL)
    large = asyncio.create_task(made.admit("search", Spent(calls=2)))
    small = asyncio.create_task(made.admit("search", Spent(calls=1)))
    await asyncio.sleep(0)
    assert not small.done()
    made.settle(CALL, CALL)
    assert await refusal(large) == "calls"
    await small


async def test_what_is_held_back_for_later_phases_is_there_for_them() -> None:
    made = purse(Budget(rollouts=10), held={"search": Budget(rollouts=6), "finalist": Budget(rollouts=4)})
    rollout = Spent(rollouts=1)
    fitted = {}
    for phase in ("search", "finalist", "test"):
        fitted[phase] = 0
        while made.room("rollouts", phase) >= 1:
            await made.admit(phase, rollout)
            made.settle(rollout, rollout)
            fitted[phase] += 1
    assert fitted == {"search": 4, "finalist": 2, "test": 4}


async def test_what_a_crash_may_have_cost_is_never_spent_again() -> None:
    made = purse(Budget(usd=0.02), lost_usd=0.01)
    await made.admit("search", CALL)
    made.settle(CALL, CALL)
    with pytest.raises(BudgetExhausted):
        await made.admit("search", CALL)


async def test_what_a_resumed_run_has_spent_counts() -> None:
    made = Purse(Budget(calls=3), held={}, spent=Spent(calls=3))
    with pytest.raises(BudgetExhausted):
        await made.admit("search", CALL)


async def test_an_overdrawn_purse_admits_nothing_more() -> None:
    made = purse(Budget(usd=0.03))
    await made.admit("search", CALL)
    made.settle(CALL, replace(CALL, usd=0.04))
    with pytest.raises(BudgetExhausted):
        await made.admit("search", replace(CALL, usd=0.0))


async def test_stopping_interrupts_those_who_wait_and_all_who_come() -> None:
    made = purse(Budget(calls=1))
    await made.admit("search", CALL)
    waiting = [asyncio.create_task(made.admit("search", CALL)) for _ in range(3)]
    await asyncio.sleep(0)
    made.stop()
    for each in waiting:
        with pytest.raises(Interrupted):
            await each
    with pytest.raises(Interrupted):
        await made.admit("test", CALL)
    with pytest.raises(Interrupted):
        made.check_open()
    made.settle(CALL, CALL)
    assert made.spent == CALL


async def test_when_the_minutes_are_over_only_the_final_test_goes_on() -> None:
    made = purse(Budget(minutes=0.0))
    for phase in ("preflight", "search", "finalist"):
        with pytest.raises(BudgetExhausted, match="minutes"):
            await made.admit(phase, CALL)
    await made.admit("test", CALL)


async def test_minutes_that_an_earlier_process_used_are_not_given_again() -> None:
    made = Purse(Budget(minutes=10.0), held={}, spent=Spent(), minutes_worked=10.0)
    with pytest.raises(BudgetExhausted, match="minutes"):
        await made.admit("search", CALL)


async def test_before_the_minutes_are_over_they_change_nothing() -> None:
    made = purse(Budget(minutes=60.0))
    made.check_open()
    await made.admit("search", CALL)


@pytest.mark.parametrize("fits", [True, False])
async def test_whoever_leaves_the_queue_takes_no_money_along(fits: bool) -> None:  # noqa: FBT001  # a case of the test
    made = purse(Budget(calls=2 if fits else 1))
    first = Spent(calls=made.budget.calls or 0)
    await made.admit("search", first)
    leaver = asyncio.create_task(made.admit("search", CALL))
    stayer = asyncio.create_task(made.admit("search", CALL))
    await asyncio.sleep(0)
    leaver.cancel()
    await asyncio.sleep(0)
    made.settle(first, Spent(calls=1))
    if fits:
        await stayer
        made.settle(CALL, CALL)
    else:
        assert await refusal(stayer) == "calls"
    assert made.room("calls", "search") == 0
