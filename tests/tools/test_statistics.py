from __future__ import annotations

import math
import os
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socratune.memory.records import Verdict
from socratune.tools.statistics import (
    advantage,
    alpha_for_look,
    compare,
    counts,
    detectable,
    interval,
    paired_gain,
    rows_for,
    sentence,
)

PROOF_TRIALS = int(os.environ.get("PROOF_TRIALS", "400"))
"""Simulated experiments per setting."""
ALPHAS = st.sampled_from([0.05, 0.025, 0.0125, 0.01, 0.1])
GRADED = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=40)
COARSE = st.lists(st.tuples(*[st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0])] * 2), min_size=1, max_size=40)


@cache
def binary(wins: int, losses: int, n: int, alpha: float = 0.05) -> Verdict:
    same = n - wins - losses
    baseline = [0.0] * wins + [1.0] * losses + [1.0] * same
    candidate = [1.0] * wins + [0.0] * losses + [1.0] * same
    return compare(baseline, candidate, alpha=alpha)


@st.composite
def tables(draw: st.DrawFn) -> tuple[int, int, int]:
    """Wins, losses and rows."""
    wins, losses, same = (draw(st.integers(0, most)) for most in (120, 120, 400))
    return wins, losses, wins + losses + same


def test_seventeen_fixed_and_five_broken_of_a_hundred_is_an_improvement_of_4_to_20_points() -> None:
    assert sentence(binary(17, 5, 100)) == "Improved by 12 points (90 % interval 4 to 20): 17 fixed, 5 broken of 100."


def test_rows_that_are_graded_are_better_or_worse_and_not_fixed_or_broken() -> None:
    graded = compare([0.2, 0.5, 0.7, 0.5] * 10, [0.6, 0.9, 0.6, 0.5] * 10)
    assert counts(graded) == "20 better, 10 worse of 40"


def test_nine_fixed_and_four_broken_of_forty_is_promising() -> None:
    verdict = binary(9, 4, 40)
    assert verdict.chance == 1093 / 2**13
    assert sentence(verdict, run="r-7") == (
        "Promising, not proven: 9 fixed, 4 broken of 40 (p = .09). A useless edit looks this good about 1 time in 8. "
        "About 120 fresh labelled rows would prove a 10-point gain: `socratune test r-7 --data new.csv`."
    )


def test_pairs_are_better_or_worse_and_need_half_as_much_for_a_gain() -> None:
    verdict = compare([0.5] * 40, [1.0] * 9 + [0.0] * 4 + [0.5] * 27)
    said = sentence(verdict, run="r-7", pairs=True)
    assert said.startswith("Promising, not proven: 9 better, 4 worse of 40 (p = .13).")
    assert "About 50 fresh rows would prove a 10-point gain" in said


def test_no_difference_at_all_rules_out_only_what_the_rule_of_three_does() -> None:
    verdict = binary(0, 0, 40)
    assert (verdict.status, verdict.p, verdict.chance) == ("no_improvement", 0.5, 1.0)
    assert (verdict.low, verdict.high) == pytest.approx((-0.0722, 0.0722), abs=1e-4)
    assert sentence(verdict) == "No reliable improvement; a gain above 8 points is ruled out."
    assert compare([0.3] * 40, [0.3] * 40).high == verdict.high


def test_a_limit_that_is_ruled_out_is_rounded_up_and_never_negative() -> None:
    assert sentence(binary(2, 9, 50)) == "No reliable improvement; a gain above 0 points is ruled out."


def test_no_rows_prove_nothing_and_rule_nothing_out() -> None:
    verdict = compare([], [])
    assert (verdict.status, verdict.low, verdict.high, verdict.detectable) == ("no_improvement", -1, 1, 1)


def test_a_later_look_names_its_wider_interval() -> None:
    assert "(95 % interval" in sentence(binary(30, 5, 100, alpha=0.025))
    assert "(97.5 % interval" in sentence(binary(30, 5, 100, alpha=0.0125))
    assert [alpha_for_look(look) for look in (1, 2, 3)] == [0.05, 0.025, 0.0125]


def test_a_p_just_above_alpha_is_never_printed_as_alpha() -> None:
    close = [binary(wins, losses, 200) for wins in range(5, 25) for losses in range(wins // 2, wins)]
    close = [verdict for verdict in close if 0.05 < verdict.p < 0.055]
    assert close
    assert not any("(p = .05)" in sentence(verdict) for verdict in close)


def test_rows_that_differ_in_number_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        compare([0, 1], [1, 1, 1])


@given(tables(), ALPHAS)
@settings(deadline=None)
def test_binary_interval_lies_above_zero_exactly_when_the_verdict_is_improved(
    table: tuple[int, int, int], alpha: float
) -> None:
    verdict = binary(*table, alpha)
    assert (verdict.low > 0) == (verdict.p <= alpha) == (verdict.status == "improved")
    assert -1 <= verdict.low <= verdict.difference <= verdict.high <= 1


def test_binary_interval_agrees_with_the_verdict_in_every_small_table() -> None:
    for n in (4, 9, 20):
        verdicts = [binary(wins, losses, n) for wins in range(n + 1) for losses in range(n + 1 - wins)]
        assert all((each.low > 0) == (each.p <= 0.05) for each in verdicts)


@given(tables())
@settings(deadline=None)
def test_swapping_the_sides_of_a_binary_test_mirrors_the_interval(table: tuple[int, int, int]) -> None:
    wins, losses, n = table
    verdict, mirror = binary(wins, losses, n), binary(losses, wins, n)
    assert (verdict.low, verdict.high) == pytest.approx((-mirror.high, -mirror.low))
    assert verdict.p + mirror.p == pytest.approx(1)


@given(st.one_of(GRADED, COARSE), ALPHAS, st.integers(0, 3))
@settings(deadline=None)
def test_graded_interval_lies_above_zero_exactly_when_the_verdict_is_improved(
    pairs: list[tuple[float, float]], alpha: float, rng_seed: int
) -> None:
    verdict = compare([a for a, _ in pairs], [b for _, b in pairs], alpha=alpha, rng_seed=rng_seed)
    assert (verdict.low > 0) == (verdict.p <= alpha) == (verdict.status == "improved")
    assert -1 <= verdict.low <= verdict.high <= 1


def test_graded_test_repeats_itself_with_its_seed() -> None:
    baseline, candidate = np.random.default_rng(1).random((2, 50)).tolist()
    assert compare(baseline, candidate, rng_seed=3) == compare(baseline, candidate, rng_seed=3)
    assert compare(baseline, candidate, rng_seed=3).low != compare(baseline, candidate, rng_seed=4).low


def test_graded_test_is_exact_on_few_rows() -> None:
    verdict = compare([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
    assert verdict.p == pytest.approx(1 / 64, abs=0.004)
    assert (verdict.low, verdict.high) == pytest.approx((0.1, 0.1))
    assert (verdict.wins, verdict.losses, verdict.method) == (6, 0, "permutation")


def test_rounding_noise_in_rewards_is_no_difference() -> None:
    verdict = compare([0.3] * 20, [0.1 + 0.2] * 20)
    assert (verdict.wins, verdict.difference, verdict.status) == (0, 0, "no_improvement")


def test_four_rows_can_prove_nothing_when_graded() -> None:
    assert compare([0.1] * 4, [0.9] * 4).status != "improved"


@pytest.mark.parametrize(
    ("n", "likely", "even"), [(15, 0.44, 0.28), (40, 0.21, 0.13), (100, 0.12, 0.07), (250, 0.07, 0.04)]
)
def test_the_gain_that_rows_can_prove_is_the_one_we_tell(n: int, likely: float, even: float) -> None:
    assert (detectable(n), detectable(n, power=0.5)) == (likely, even)


def test_too_few_rows_can_prove_no_gain() -> None:
    assert [detectable(n) for n in (0, 1, 3)] == [1.0, 1.0, 1.0]


@given(st.integers(5, 300))
@settings(max_examples=25, deadline=None)
def test_a_later_look_proves_no_smaller_gain(n: int) -> None:
    assert detectable(n, alpha=0.025) >= detectable(n)


def test_about_120_rows_prove_ten_points() -> None:
    assert rows_for() == 120
    assert detectable(rows_for()) <= 0.11


@given(st.lists(st.floats(-1, 1, allow_subnormal=False), max_size=50))
@settings(deadline=None)
def test_the_gate_statistic_keeps_its_sign_and_its_bound(differences: list[float]) -> None:
    gain = paired_gain(differences)
    assert abs(gain) <= math.sqrt(len(differences)) + 1e-9
    assert gain == pytest.approx(-paired_gain([-value for value in differences]))


def test_the_gate_statistic_of_no_difference_is_zero() -> None:
    assert paired_gain([]) == paired_gain([0.0, 0.0]) == 0


def test_advantage_is_mean_and_standard_error() -> None:
    assert advantage([1, 0, 0, -1, 1]) == pytest.approx((0.2, np.std([1, 0, 0, -1, 1], ddof=1) / math.sqrt(5)))
    assert advantage([0.5]) == (0.5, math.inf)
    assert advantage([]) == (0.0, math.inf)


def test_the_live_interval_stays_within_what_rewards_can_do() -> None:
    assert interval([1.0]) == (-1, 1)
    assert interval([0.2, 0.2, 0.2]) == pytest.approx((0.2, 0.2))


def coverage(n: int, discordance: float, gain: float) -> tuple[float, float]:
    """Simulated share of binary intervals that hold the true gain, and of verdicts that say `improved`."""
    odds = [(discordance + gain) / 2, (discordance - gain) / 2, 1 - discordance]
    draws = np.random.default_rng(11).multinomial(n, odds, size=PROOF_TRIALS)
    verdicts = [binary(int(wins), int(losses), n) for wins, losses, _ in draws]
    held = np.mean([verdict.low <= gain <= verdict.high for verdict in verdicts])
    return float(held), float(np.mean([verdict.status == "improved" for verdict in verdicts]))


def slack(share: float) -> float:
    """Three standard errors of a simulated share."""
    return 3 * math.sqrt(share * (1 - share) / PROOF_TRIALS)


@pytest.mark.proof
@pytest.mark.parametrize("n", [30, 60, 100, 150, 250])
@pytest.mark.parametrize(
    ("discordance", "gain"), [(0.1, 0), (0.1, 0.05), (0.2, 0), (0.2, 0.12), (0.4, 0.2), (0.3, 0.3)]
)
def test_binary_interval_holds_the_truth_nine_times_in_ten(n: int, discordance: float, gain: float) -> None:
    held, improved = coverage(n, discordance, gain)
    assert held >= 0.90 - slack(0.90)
    assert gain or improved <= 0.05 + slack(0.05)


@pytest.mark.proof
@pytest.mark.parametrize("n", [30, 100])
@pytest.mark.parametrize("share", [0.2, 0.6])
def test_graded_interval_holds_the_truth_nine_times_in_ten(n: int, share: float) -> None:
    rng = np.random.default_rng(13)
    held = 0
    for _ in range(PROOF_TRIALS // 4):
        changed = (rng.random(n) < share) * rng.beta(2, 2, n)
        baseline = rng.random(n) / 2
        verdict = compare(baseline.tolist(), (baseline + changed / 2).tolist())
        held += verdict.low <= share / 4 <= verdict.high
    assert held / (PROOF_TRIALS // 4) >= 0.90 - 2 * slack(0.90)


def test_beside_a_baseline_of_one_half_a_gain_is_half_as_large() -> None:
    halves, rewards = [0.5] * 40, [1.0] * 15 + [0.5] * 20 + [0.0] * 5
    pairs, whole = compare(halves, rewards), compare([0.0] * 40, rewards)
    assert pairs.detectable == pytest.approx(whole.detectable / 2)
    assert pairs.difference == pytest.approx(0.125)


def test_graded_rows_are_better_or_worse_and_never_fixed() -> None:
    assert counts(compare([0.5, 0.2, 1.0], [0.75, 0.2, 0.5])) == "1 better, 1 worse of 3"
    assert counts(binary(3, 1, 9)) == "3 fixed, 1 broken of 9"
