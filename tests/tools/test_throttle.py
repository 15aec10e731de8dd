from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socratune.tools.throttle import WINDOW, Throttle

MORE_THAN_HALF = WINDOW // 2 + 1


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def refuse(throttle: Throttle, times: int, *, retry_after: float = 5.0) -> None:
    for _ in range(times):
        throttle.refused(retry_after)


def answer(throttle: Throttle, times: int) -> None:
    for _ in range(times):
        throttle.answered()


@pytest.mark.parametrize(("refused", "limit"), [(WINDOW // 2, 8), (MORE_THAN_HALF, 4)])
def test_the_limit_halves_when_more_than_half_of_the_last_window_was_refused(
    clock: Clock, refused: int, limit: int
) -> None:
    throttle = Throttle(8, clock=clock)
    answer(throttle, 3 * WINDOW)
    refuse(throttle, refused)
    assert throttle.limit == limit


def test_one_unlucky_burst_does_not_slow_a_healthy_run(clock: Clock) -> None:
    throttle = Throttle(8, clock=clock)
    for _ in range(20):
        refuse(throttle, 1)
        answer(throttle, WINDOW)
        clock.now += 60
    assert throttle.limit == 8


def test_the_limit_halves_once_in_the_time_the_provider_asked_to_wait(clock: Clock) -> None:
    throttle = Throttle(16, clock=clock)
    refuse(throttle, 100, retry_after=30)
    clock.now += 29
    refuse(throttle, 100, retry_after=30)
    assert throttle.limit == 8
    clock.now += 1
    refuse(throttle, 100, retry_after=0)
    assert throttle.limit == 4
    refuse(throttle, 100, retry_after=0)
    assert throttle.limit == 4  # a second at least, when the provider did not say
    clock.now += 1
    refuse(throttle, 1)
    assert throttle.limit == 2


def test_each_full_window_of_answers_lets_one_more_in_until_the_start_is_reached(clock: Clock) -> None:
    throttle = Throttle(8, clock=clock)
    refuse(throttle, MORE_THAN_HALF)
    limits = []
    for _ in range(6):
        answer(throttle, WINDOW - 1)
        before = throttle.limit
        answer(throttle, 1)
        limits.append((before, throttle.limit))
    assert limits == [(4, 5), (5, 6), (6, 7), (7, 8), (8, 8), (8, 8)]


def test_a_refusal_among_the_answers_starts_the_count_anew(clock: Clock) -> None:
    throttle = Throttle(8, clock=clock)
    refuse(throttle, MORE_THAN_HALF)
    answer(throttle, WINDOW - 1)
    refuse(throttle, 1)
    answer(throttle, WINDOW - 1)
    assert throttle.limit == 4


@given(limit=st.integers(1, 9), events=st.lists(st.tuples(st.integers(-30, 30), st.integers(0, 20)), max_size=12))
def test_the_limit_stays_between_one_and_where_it_started(limit: int, events: list[tuple[int, int]]) -> None:
    clock = Clock()
    throttle = Throttle(limit, clock=clock)
    for outcomes, seconds in events:
        (refuse if outcomes < 0 else answer)(throttle, abs(outcomes))
        clock.now += seconds
        assert 1 <= throttle.limit <= limit


async def test_no_more_calls_hold_a_place_than_the_limit_says() -> None:
    throttle = Throttle(3)
    busy: list[int] = []
    most = 0

    async def call(number: int) -> None:
        nonlocal most
        async with throttle.slot():
            busy.append(number)
            most = max(most, len(busy))
            await asyncio.sleep(0.001)
            busy.remove(number)

    await asyncio.gather(*(call(number) for number in range(20)))
    assert most == 3
    assert not busy


async def test_a_call_that_fails_gives_its_place_back() -> None:
    throttle = Throttle(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with throttle.slot():
                raise ZeroDivisionError
    async with asyncio.timeout(1), throttle.slot():
        pass
