from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socratune.memory.records import ExampleId
from socratune.tools.contest import Scores, averaged, contest, gains, holm

P_VALUES = st.lists(st.floats(0, 1), max_size=12)


def scores(*rewards: float) -> Scores:
    """Rewards of the rows r0, r1, ..."""
    return {ExampleId(f"r{number}"): reward for number, reward in enumerate(rewards)}


def coins(name: str, rows: int, chance: float = 0.5) -> Scores:
    """Rows that are right with a chance."""
    draw = random.Random(name)  # noqa: S311  # not a secret
    return scores(*[float(draw.random() < chance) for _ in range(rows)])


def test_holm_is_as_published() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))


@given(P_VALUES)
def test_an_adjusted_p_is_never_smaller_and_never_above_one(values: list[float]) -> None:
    adjusted = holm(values)
    assert all(value <= each <= 1 for value, each in zip(values, adjusted, strict=True))


@given(P_VALUES)
def test_the_adjustment_keeps_the_order_and_is_within_bonferroni(values: list[float]) -> None:
    pairs = sorted(zip(values, holm(values), strict=True))
    assert [each for _, each in pairs] == sorted(each for _, each in pairs)
    assert all(each <= min(1.0, value * len(values)) + 1e-12 for value, each in pairs)


@given(P_VALUES, st.randoms())
def test_the_adjustment_does_not_depend_on_the_order(values: list[float], draw: random.Random) -> None:
    shuffled = draw.sample(values, len(values))
    assert sorted(holm(values)) == sorted(holm(shuffled))


def test_a_row_counts_when_every_seed_has_scored_it() -> None:
    assert averaged([scores(1, 0, 1), scores(0, 0)]) == scores(0.5, 0)
    assert averaged([]) == {}


def test_the_best_wins_only_when_it_beats_every_other() -> None:
    low, middle, top = coins("low", 100, 0.1), coins("middle", 100, 0.5), scores(*[1.0] * 100)
    assert contest({"low": low, "middle": middle, "top": top}).winner == "top"
    twin = {**top, ExampleId("r0"): 0.0}
    beside = contest({"low": low, "top": top, "twin": twin})
    assert (beside.best, beside.winner) == ("top", None)
    assert {duel.other for duel in beside.duels if duel.adjusted <= 0.05} == {"low"}


def test_nobody_wins_alone() -> None:
    assert contest({"only": scores(1, 1)}).winner is None


def test_the_interval_leaves_out_zero_just_when_the_unadjusted_p_holds() -> None:
    for number in range(40):
        found = contest({"one": coins(f"{number} one", 60), "other": coins(f"{number} other", 60, 0.35)})
        [duel] = found.duels
        assert (duel.verdict.low > 0) == (duel.p <= found.alpha)


@pytest.mark.parametrize("arms", [2, 5])
def test_equal_arms_rarely_have_a_winner(arms: int) -> None:
    won = [
        contest({str(arm): coins(f"{trial} {arm}", 80) for arm in range(arms)}).winner is not None
        for trial in range(300)
    ]
    assert sum(won) <= 0.08 * len(won)


def test_several_equal_arms_rarely_beat_the_baseline() -> None:
    claims = 0
    for trial in range(300):
        arms = {str(arm): coins(f"{trial} {arm}", 80) for arm in range(4)}
        found = gains(arms, coins(f"{trial} seed", 80), name="seed")
        claims += any(duel.adjusted <= 0.05 for duel in found)
    assert claims <= 0.08 * 300


@given(st.permutations(["a", "b", "c"]))
def test_the_order_of_the_arms_decides_nothing(order: list[str]) -> None:
    every = {"a": coins("a", 40, 0.3), "b": coins("b", 40, 0.5), "c": coins("c", 40, 0.9)}
    found = contest({name: every[name] for name in order})
    assert (found.best, found.winner) == ("c", "c")
