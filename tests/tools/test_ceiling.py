"""The bound on what is left: never too low more often than it says, and smaller with every row and every failure."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from socratune.tools.ceiling import ERROR, most_left


def test_nothing_seen_and_nothing_tried_leaves_everything() -> None:
    assert most_left(0, 0, in_vain=0) == 1.0


def test_no_failure_in_many_rows_leaves_three_in_as_many() -> None:
    assert abs(most_left(0, 300, in_vain=0) - 3 / 300) < 0.001


@given(rows=st.integers(1, 500), share=st.floats(0, 1), in_vain=st.integers(0, 40))
def test_it_never_grows_with_rows_that_pass_or_with_edits_in_vain(rows: int, share: float, in_vain: int) -> None:
    failures = int(share * rows)
    now = most_left(failures, rows, in_vain=in_vain)
    assert 0 < now <= 1
    assert most_left(failures, rows + 1, in_vain=in_vain) <= now
    assert most_left(failures, rows, in_vain=in_vain + 1) <= now


def test_it_holds_as_often_as_it_says() -> None:
    draw = random.Random(5)  # noqa: S311  # not a secret
    runs, true_share, chance, rows = 4_000, 0.05, 0.3, 120
    below = 0
    for _ in range(runs):
        failures = sum(draw.random() < true_share for _ in range(rows))
        in_vain = 0
        while draw.random() > chance:
            in_vain += 1
        below += most_left(failures, rows, in_vain=in_vain) < true_share * chance
    assert below / runs <= 2 * ERROR
