"""Where there is nothing to gain, a gain is claimed no more often than the stated one time in twenty."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.graphs.scene import carry_out, home_at, order

from socratune.tools.simulator.builtin import SHUFFLED

WORLDS = ("null-ideal", "null-churn")


def claims(folder: Path, seeds: int, worlds: Sequence[str] = WORLDS) -> int:
    """How many runs of the null worlds say `improved`, with splits of their own for each seed."""
    results = [
        carry_out(order(world, seed=seed), home_at(folder / f"{world}-{seed}", salt=f"salt {seed}"))
        for world in worlds
        for seed in range(seeds)
    ]
    assert all(result.prompt == result.seed.prompt for result in results if result.status != "improved")
    return sum(result.status == "improved" for result in results)


def test_nothing_is_claimed_where_there_is_nothing_to_gain(tmp_path: Path) -> None:
    assert claims(tmp_path, 3) == 0


@pytest.mark.proof
def test_at_most_six_of_eighty_null_runs_claim_a_gain(tmp_path: Path) -> None:
    assert claims(tmp_path, 40) <= 6


def test_nothing_is_claimed_where_labels_were_dealt_at_random(tmp_path: Path) -> None:
    assert claims(tmp_path, 2, SHUFFLED) == 0


@pytest.mark.proof
def test_at_most_two_of_forty_runs_on_shuffled_labels_claim_a_gain(tmp_path: Path) -> None:
    assert claims(tmp_path, 20, SHUFFLED) <= 2
