from __future__ import annotations

import asyncio
import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import row

from socratune.memory.errors import BudgetExhausted
from socratune.memory.ledger import Spent
from socratune.memory.records import Budget
from socratune.tools.allotment import PREFLIGHT_SHARE, TEST_SHARE, Allotment, allot
from socratune.tools.purse import CAPS, Phase, Purse
from socratune.tools.splits import Splits

PHASES: tuple[Phase, ...] = ("preflight", "search", "finalist", "test")


def splits(dev: int, test: int) -> Splits:
    rows = tuple(row(number) for number in range(dev + test))
    return Splits(train=rows[:dev], dev=rows[:dev], test=rows[dev:], shared=True, notes=())


SPLITS = st.builds(splits, st.integers(6, 150), st.integers(6, 400))
COUNT = st.none() | st.integers(0, 3_000)
BUDGETS = st.builds(Budget, usd=st.none() | st.floats(0, 50), rollouts=COUNT, calls=COUNT, tokens=COUNT)


@given(budget=BUDGETS, rows=SPLITS)
def test_no_phase_must_leave_more_than_there_is(budget: Budget, rows: Splits) -> None:
    allotment = allot(budget, rows)
    for cap in CAPS:
        whole = getattr(budget, cap)
        kept = [getattr(allotment.held[phase], cap) for phase in ("preflight", "search", "finalist")]
        if whole is not None:
            assert all(0 <= each <= whole for each in kept)
            assert kept[0] >= whole * (1 - PREFLIGHT_SHARE) - 1
            assert kept[1] >= kept[2]


@given(budget=BUDGETS, rows=SPLITS)
def test_the_final_test_takes_at_most_half_of_a_cap_and_no_row_that_is_not_there(budget: Budget, rows: Splits) -> None:
    tested = allot(budget, rows).test_rows
    assert 0 <= tested <= min(150, len(rows.test))
    for cap in (budget.rollouts, budget.calls):
        if cap is not None:
            assert 2 * tested <= cap / 2


def test_an_ample_budget_tests_on_a_quarter_of_itself() -> None:
    assert allot(Budget(rollouts=800), splits(100, 400)).test_rows == TEST_SHARE * 800 / 2
    assert allot(Budget(), splits(100, 400)).test_rows == 150


async def spend(purse: Purse, phase: Phase, rollout: Spent) -> int:
    spent = 0
    while spent < 2_000:
        try:
            await purse.admit(phase, rollout)
        except BudgetExhausted:
            break
        purse.settle(rollout, rollout)
        spent += 1
    return spent


@given(
    rollouts=st.integers(0, 1_500), calls=st.none() | st.integers(0, 1_500), rows=SPLITS, greedy=st.sampled_from(PHASES)
)
def test_however_much_the_phases_before_it_want_the_test_has_all_its_rows(
    rollouts: int, calls: int | None, rows: Splits, greedy: Phase
) -> None:
    budget = Budget(rollouts=rollouts, calls=calls)
    allotment = allot(budget, rows)
    purse = Purse(budget, held=allotment.held, spent=Spent())
    for phase in PHASES[: PHASES.index(greedy)]:
        asyncio.run(spend(purse, phase, Spent(calls=1, rollouts=1)))
    assert asyncio.run(spend(purse, "test", Spent(calls=1, rollouts=1))) >= 2 * allotment.test_rows


@pytest.mark.parametrize("budget", [Budget(usd=4.0), Budget(tokens=4_000)])
async def test_of_what_cannot_be_counted_yet_a_quarter_is_kept_for_the_test(budget: Budget) -> None:
    purse = Purse(budget, held=allot(budget, splits(100, 400)).held, spent=Spent())
    call = Spent(calls=1, tokens_in=5, tokens_out=5, usd=0.01)
    shares = [await spend(purse, phase, call) / 400 for phase in PHASES]
    assert shares == pytest.approx([0.08, 0.62, 0.05, 0.25], abs=0.005)


def test_what_is_held_comes_back_from_a_runs_settings() -> None:
    allotment = allot(Budget(usd=2.0, rollouts=600), splits(60, 100))
    written = json.loads(json.dumps({phase: asdict(budget) for phase, budget in allotment.held.items()}))
    assert Allotment.read_held(written) == allotment.held


@given(calls=st.integers(0, 3_000), judged=st.integers(1, 3), rows=SPLITS)
def test_where_answers_are_judged_the_calls_for_judging_the_test_are_kept_too(
    calls: int, judged: int, rows: Splits
) -> None:
    allotment = allot(Budget(calls=calls), rows, judged=judged)
    assert allotment.held["finalist"].calls == 2 * (1 + judged) * allotment.test_rows <= calls / 2
