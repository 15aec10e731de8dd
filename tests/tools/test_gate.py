from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socratune.tools.gate import GATE_STAGES, beaten, passes, stages

DIFFERENCES = st.lists(st.floats(-1, 1), max_size=60)


def passed(*, broken: float, fixed: float, trials: int = 2_000) -> float:
    """Share of simulated children that pass every stage."""
    rng = np.random.default_rng(7)
    draws = rng.choice([-1.0, 0.0, 1.0], p=[broken, 1 - broken - fixed, fixed], size=(trials, 56))
    return float(np.mean([all(passes(rows[:size], margin) for size, margin in stages(56)) for rows in draws.tolist()]))


def test_a_child_no_better_than_its_parent_passes_at_most_one_time_in_five() -> None:
    assert passed(broken=0.1, fixed=0.1) <= 0.20


def test_a_child_ten_points_better_passes_more_often_than_not() -> None:
    assert passed(broken=0.05, fixed=0.15) >= 0.55


def test_a_child_five_points_worse_hardly_ever_passes() -> None:
    assert passed(broken=0.125, fixed=0.075) <= 0.08


def test_a_copy_of_the_parent_fails_the_last_stage() -> None:
    assert [passes([0.0] * size, margin) for size, margin in GATE_STAGES] == [True, True, False]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (0, ()),
        (5, ((5, 0.9),)),
        (8, ((8, 0.9),)),
        (20, ((8, -0.6), (16, 0.0), (20, 0.9))),
        (16, ((8, -0.6), (16, 0.9))),
        (30, ((8, -0.6), (16, 0.0), (30, 0.9))),
        (500, GATE_STAGES),
    ],
)
def test_the_last_stage_keeps_its_margin_however_few_rows_there_are(
    rows: int, expected: tuple[tuple[int, float], ...]
) -> None:
    assert stages(rows) == expected


@given(DIFFERENCES, st.floats(0, 1))
@settings(deadline=None)
def test_one_more_fixed_row_never_fails_a_child_that_passed(differences: list[float], margin: float) -> None:
    if passes(differences, margin):
        assert passes([*differences, 1.0], margin)


@given(DIFFERENCES)
@settings(deadline=None)
def test_nobody_is_beaten_both_ways(differences: list[float]) -> None:
    assert not (beaten(differences) and beaten([-value for value in differences]))


def test_nobody_is_beaten_on_a_single_row() -> None:
    assert not beaten([])
    assert not beaten([1.0])


def test_a_leader_ahead_by_the_same_on_every_row_wins_the_race() -> None:
    assert beaten([0.1] * 8)
    assert not beaten([0.1] * 7)  # so few rows may all go one way by chance
    assert not beaten([0.0, 0.0])


def test_a_lead_within_the_noise_does_not_end_the_race() -> None:
    assert not beaten([1, 0, 0, 0, -1, 1, 0, 0])
    assert beaten([1, 0, 1, 0, 1, 1, 0, 0])
