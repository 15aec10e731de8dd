from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from socratune.evals.ablation import AUTO, PARTS, STUDY, WITHOUT
from socratune.evals.arms import Outcome, Trial
from socratune.graphs.recipes import RECIPES


@pytest.mark.parametrize("part", PARTS)
def test_each_ablation_leaves_one_part_out_and_keeps_the_rest(part: str) -> None:
    fields = [name for name in AUTO.__slots__ if getattr(AUTO, name) != getattr(PARTS[part], name)]
    assert fields
    assert "name" not in fields


def test_no_ablation_can_be_ordered_by_name() -> None:
    assert not set(WITHOUT) & set(RECIPES)


def test_the_table_says_what_is_lost_without_each_part_and_what_that_means() -> None:
    def outcome(recipe: str, seed: int, best: float) -> Outcome:
        trial = Trial(
            recipe=recipe, recipe_hash="", world="moderation", world_hash="", strength="weak", seed=seed, calls=600
        )
        return Outcome(trial=trial, status="improved", stop="", best=best, ideal=1.0, reached=100)

    [*_, without, full, said] = STUDY.table(
        [outcome(name, seed, best) for name, best in (("auto", 0.9), ("auto without gate", 0.6)) for seed in range(9)]
    )
    assert without.startswith("| gate | 0.600 | nan | 0.600 | +30.0 (")
    assert full.startswith("| nothing | 0.900 |")
    assert "measures the simulated optimizer" in said


def test_the_command_runs_an_ablation_by_name(tmp_path: Path) -> None:
    program = (
        "from socratune.evals.ablation import STUDY; from socratune.evals.arms import Trial; STUDY.register(); "
        "t = Trial.of('auto without restart', 'moderation', strength='weak', seed=0, calls=60); "
        "print(STUDY.run(t).status)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert ended.stdout.strip() in ("improved", "promising", "no_improvement")
