from __future__ import annotations

import math
from functools import cache
from random import Random
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socratune.memory.records import CandidateId, ExampleId
from socratune.tools.search.allocation import Allocation, Arm, Everyone
from socratune.tools.search.bandits import Halving, Phase, Phases, Rejects, Ucb, halving_phases, reject_phases, ucb
from socratune.tools.search.races import Paired


@pytest.mark.parametrize("phases", [reject_phases, halving_phases])
@given(arms=st.integers(1, 40), keep=st.integers(1, 6), each=st.integers(0, 60))
def test_all_phases_together_spend_no_more_than_the_budget(phases: Phases, arms: int, keep: int, each: int) -> None:
    made = phases(arms, keep=keep, budget=arms * each)
    spent, left, before = 0, arms, 0
    for phase in made:
        assert phase.rows >= before
        assert phase.left < left
        spent, left, before = spent + left * (phase.rows - before), phase.left, phase.rows
    assert spent <= arms * each
    assert left == (keep if made else arms)


@given(arms=st.integers(2, 40), keep=st.integers(1, 6), each=st.integers(2, 60))
def test_successive_rejects_leave_no_more_than_a_row_an_arm_unspent(arms: int, keep: int, each: int) -> None:
    made = reject_phases(arms, keep=keep, budget=arms * each)
    if made:
        assert sum(phase.rows for phase in made) + keep * made[-1].rows >= arms * each - arms - 1e-6


def test_phases_are_those_of_the_paper() -> None:
    """Audibert et al., 2010: n_k = ceil((n - K) / (norm (K + 1 - k))), norm = 1/2 + sum of 1/i for i = 2..K."""
    norm = 1 / 2 + 1 / 2 + 1 / 3 + 1 / 4
    sizes = [math.ceil((100 - 4) / (norm * (5 - phase))) for phase in (1, 2, 3)]
    assert [phase.rows for phase in reject_phases(4, keep=1, budget=100)] == sizes


def test_halving_gives_each_rung_the_same_share() -> None:
    phases = halving_phases(8, keep=1, budget=240)
    assert phases == [Phase(rows=10, left=4), Phase(rows=30, left=2), Phase(rows=70, left=1)]


@given(value=st.floats(-1, 1), pulls=st.integers(1, 500), total=st.integers(500, 5000))
def test_a_pull_at_the_same_mean_never_raises_the_bound(value: float, pulls: int, total: int) -> None:
    bounds = [ucb(value, pulls=count, total=total, exploration=0.5) for count in (pulls, pulls + 1)]
    assert bounds[1] <= bounds[0] + 1e-9
    assert bounds[0] >= value
    assert ucb(-1.0, pulls=0, total=total, exploration=0.5) == math.inf


def test_ucb_spends_most_on_those_who_are_best() -> None:
    asked = _spent(Ucb(keep=1, rows=30), [0.3, 0.3, 0.9, 0.8, 0.2], rows=60, seed=1)
    assert min(asked[2], asked[3]) > max(asked[0], asked[1], asked[4])


POOLS = 100
UNIFORM = 48
FEWER = 33
"""31 % fewer rows an arm."""
CHANCE = 0.005
"""About the standard error of the mean over so many pools: half a point."""


def test_s019_bandits_pick_as_well_as_uniform_allocation_with_30_percent_fewer_rows() -> None:
    """ProTeGi (S019 b): eight candidates, true means of .6 +- .12, rows of different difficulty."""
    plain, plain_rows = _tried(Everyone(rows=UNIFORM))
    bandits: list[Allocation] = [each(keep=1, rows=FEWER) for each in (Ucb, Rejects, Halving)]
    for bandit in (*bandits, Paired()):
        quality, rows = _tried(bandit)
        assert rows <= 0.7 * plain_rows
        assert quality >= plain - CHANCE


def _tried(allocation: Allocation) -> tuple[float, float]:
    """Return the mean true quality of the pick, and the mean number of rows, over pools."""
    picked = [_picked(allocation, _pool(seed), rows=200, seed=seed) for seed in range(POOLS)]
    return mean(quality for quality, _ in picked), mean(rows for _, rows in picked)


def _pool(seed: int) -> list[float]:
    chance = Random(f"{seed} pool")  # noqa: S311  # a toy, not a secret
    return [min(0.95, max(0.05, chance.gauss(0.6, 0.12))) for _ in range(8)]


@cache
def _row(quality: float, seed: int, arm: int, row: int) -> float:
    """Return a reward: rows differ in difficulty, alike for all arms."""
    hard = Random(f"{seed} row {row}").uniform(-0.25, 0.25)  # noqa: S311  # a toy, not a secret
    return float(Random(f"{seed} {arm} {row}").random() < quality + hard)  # noqa: S311  # as above


def _arms(qualities: list[float], asked: list[int], seed: int) -> dict[CandidateId, Arm]:
    return {
        CandidateId(f"c{arm}"): Arm(
            asked=asked[arm],
            scores={ExampleId(f"r{row}"): _row(quality, seed, arm, row) for row in range(asked[arm])},
            is_new=True,
        )
        for arm, quality in enumerate(qualities)
    }


def _spent(allocation: Allocation, qualities: list[float], *, rows: int, seed: int) -> list[int]:
    asked = [0] * len(qualities)
    while pulls := allocation.pulls(_arms(qualities, asked, seed), rows=rows):
        asked = [pulls.get(CandidateId(f"c{arm}"), count) for arm, count in enumerate(asked)]
    return asked


def _picked(allocation: Allocation, qualities: list[float], *, rows: int, seed: int) -> tuple[float, int]:
    """Return the true quality of who is kept first, and the rows that it took."""
    asked = _spent(allocation, qualities, rows=rows, seed=seed)
    best = allocation.kept(_arms(qualities, asked, seed))[0]
    return qualities[int(best[1:])], sum(asked)
