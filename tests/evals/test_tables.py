from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from socratune.evals.arms import REFUSED, Outcome, Trial
from socratune.evals.results import complete
from socratune.evals.tables import Suite, report

BESTS = {"auto": 0.95, "gepa": 0.9, "rewrite-best-of-n": 0.7, "opro": 0.7}
WORLDS = ("ticket-routing", "moderation", "noisy")


def outcome(recipe: str, world: str, *, strength: str = "strong", seed: int = 0, best: float | None = None) -> Outcome:
    """A run that came to what its recipe always comes to, give or take a point."""
    trial = Trial(recipe=recipe, recipe_hash="", world=world, world_hash="", strength=strength, seed=seed, calls=600)
    spread = random.Random(f"{recipe} {world} {strength} {seed}").uniform(-0.01, 0.01)  # noqa: S311  # not a secret
    score = BESTS.get(recipe, 0.5) + spread if best is None else best
    reached = 100 * (list(BESTS).index(recipe) + 1) if recipe in BESTS else None
    return Outcome(trial=trial, status="improved", stop="", best=score, returned=score, reached=reached)


def outcomes(**bests: float) -> list[Outcome]:
    return [
        outcome(recipe, world, strength=strength, seed=seed, best=bests.get(f"{recipe}_{world}".replace("-", "_")))
        for recipe in BESTS
        for world in WORLDS
        for strength in ("strong", "weak")
        for seed in range(6)
    ]


def test_recipes_are_ranked_by_their_share_of_the_ideal() -> None:
    suite = Suite(outcomes())
    assert suite.ranked[:2] == ["auto", "gepa"]
    assert suite.runner_up == "gepa"
    pair = suite.paired("auto", "gepa")
    assert pair is not None
    assert pair.verdict.n == 36
    assert 0.03 < pair.verdict.low < 0.05 < pair.verdict.high < 0.07
    assert suite.calls_to_near("auto") == 100


def test_only_units_that_both_have_run_are_paired() -> None:
    suite = Suite(
        [outcome("auto", "noisy", seed=0), outcome("auto", "noisy", seed=1), outcome("gepa", "noisy", seed=1)]
    )
    pair = suite.paired("auto", "gepa")
    assert pair is not None
    assert pair.verdict.n == 1
    assert suite.paired("auto", "opro") is None


def test_tables_tell_open_and_frozen_worlds_apart_and_together() -> None:
    said = "\n".join(report(outcomes()))
    for line in (
        "## 600 search calls",
        "### Worlds: open\n",
        "### Worlds: frozen\n",
        "### Worlds: open and frozen together\n",
        "| 1 | auto | 0.9",
        "- auto - gepa: +5",
        "- auto - rewrite-best-of-n: +2",
        "- not proven to beat rewrite-best-of-n: opro",
        "| noisy | 0.9",
        "simulated",
    ):
        assert line in said


def test_a_world_is_lost_only_by_more_than_three_points_and_no_chance() -> None:
    def lost(best: float) -> str:
        said = list(report(outcomes(gepa_moderation=best)))
        return next(line for line in said if line.startswith("| moderation"))

    assert "| gepa | 1.000 | gepa (p = 0.00" in lost(1.0)
    assert lost(0.97).endswith("nobody |")


def test_nulls_count_claims_for_each_recipe_and_pooled() -> None:
    runs = [outcome("auto", "null-ideal", seed=seed) for seed in range(3)] + [outcome("gepa", "null-churn")]
    said = list(report(runs))
    assert "| auto | 3 | 3 |" in said
    assert "| all | 4 (100.0%) | 4 |\n" in said
    assert not any(line.startswith("### Worlds") for line in said)


def test_a_refused_recipe_is_named_with_its_reason_and_counts_nowhere() -> None:
    trial = outcome("few-shot", "label-free").trial
    said = "\n".join(report([*outcomes(), Outcome(trial=trial, status=REFUSED, stop="no labels")]))
    assert "- few-shot on label-free: no labels" in said
    assert "| few-shot |" not in said


def test_a_recipe_that_mostly_never_came_near_has_no_calls_to_tell() -> None:
    assert "never" in "\n".join(report([outcome("other", "noisy")]))


@pytest.mark.parametrize("words", [["--help"], None])
def test_the_command_prints_what_stored_rows_say(tmp_path: Path, words: list[str] | None) -> None:
    file = tmp_path / "rows.jsonl"
    bests = {each.trial: each for each in outcomes()}
    list(complete(list(bests), file, run=bests.__getitem__, processes=1))
    command = [sys.executable, "-m", "socratune.evals.tables", *(words or [str(file)])]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert ("| 1 | auto |" in said) is (words is None)
