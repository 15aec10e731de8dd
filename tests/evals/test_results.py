from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from socratune.evals.arms import Outcome, Trial, run, with_test
from socratune.evals.nulls import false_claims
from socratune.evals.results import complete, read
from socratune.evals.suite import trials_of
from socratune.tools.splits import test_rows as rows_of_test


def trial(seed: int = 0, *, recipe: str = "auto", world: str = "ticket-routing", strength: str = "weak") -> Trial:
    return Trial(recipe=recipe, recipe_hash="r", world=world, world_hash="w", strength=strength, seed=seed, calls=600)


def outcome_of(trial: Trial) -> Outcome:
    """What a trial comes to without being run."""
    return Outcome(trial=trial, status="improved", stop="patience", seed=0.3, best=0.8, returned=0.8, search_calls=9)


def refused(_: Trial) -> Outcome:
    raise AssertionError("it was measured already")


def failing_once(trial: Trial) -> Outcome:
    """Fail with the seed 1."""
    if trial.seed == 1:
        raise ValueError("its own trouble")
    return outcome_of(trial)


def test_a_suite_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    file, trials = tmp_path / "results" / "outcomes.jsonl", [trial(seed) for seed in range(3)]
    assert len(list(complete(trials[:2], file, run=outcome_of, processes=1))) == 2
    with file.open("a") as lines:
        lines.write(json.dumps(asdict(outcome_of(trials[2])))[:50])  # killed in the middle of a line
    assert list(complete(trials, file, run=outcome_of, processes=1)) == [outcome_of(trials[2])]
    assert list(complete(trials, file, run=refused, processes=1)) == []
    assert read([file, tmp_path / "none.jsonl"]) == [outcome_of(each) for each in trials]


@pytest.mark.parametrize("other", [{"recipe_hash": "r2"}, {"world_hash": "w2"}, {"calls": 300}, {"strength": "strong"}])
def test_an_outcome_of_another_recipe_world_or_budget_does_not_count(tmp_path: Path, other: dict[str, str]) -> None:
    file = tmp_path / "outcomes.jsonl"
    list(complete([trial()], file, run=outcome_of, processes=1))
    changed = replace(trial(), **other)  # type: ignore[arg-type]  # each value suits its field
    assert [each.trial for each in complete([changed], file, run=outcome_of, processes=1)] == [changed]


def test_a_failing_trial_ends_no_other_and_is_told_with_its_name(tmp_path: Path) -> None:
    file, trials = tmp_path / "outcomes.jsonl", [trial(seed) for seed in range(4)]
    with pytest.RaisesGroup(ValueError) as raised:
        list(complete(trials, file, run=failing_once, processes=1))
    assert "seed=1" in "".join(raised.value.exceptions[0].__notes__)
    assert {each.trial.seed for each in read([file])} == {0, 2, 3}


def test_trials_differ_and_go_seed_by_seed() -> None:
    trials = trials_of(["ticket-routing", "moderation"], ["auto"], seeds=2, calls=60)
    assert len(set(trials)) == 8
    assert [each.seed for each in trials] == [0] * 4 + [1] * 4
    assert len({each.world_hash for each in trials}) == 2


@pytest.mark.parametrize("calls", [8, 60, 300, 600, 1200])
@pytest.mark.parametrize("available", [0, 6, 30, 75, 400])
def test_the_search_gets_all_its_calls_beside_the_test(calls: int, available: int) -> None:
    cap = with_test(calls, available)
    assert cap - 2 * rows_of_test(available, cap) >= calls
    assert cap == calls or cap - 1 - 2 * rows_of_test(available, cap - 1) < calls


def test_a_run_is_the_same_each_time_and_tells_when_it_came_near_the_ideal() -> None:
    asked = Trial.of("auto", "ticket-routing", strength="strong", seed=0, calls=300)
    found = run(asked)
    assert replace(run(asked), seconds=0.0) == replace(found, seconds=0.0)
    assert 0 < found.search_calls <= 300
    assert found.seed < found.best <= found.ideal
    assert found.reached is not None
    assert found.best < 0.9 * found.ideal or 0 < found.reached <= found.search_calls
    assert found.prompt_tokens > 0


def test_verdicts_on_equally_good_prompts_rarely_claim_an_improvement() -> None:
    assert false_claims(2_000) <= 0.055 * 2_000


def test_the_command_runs_a_suite_once(tmp_path: Path) -> None:
    file = tmp_path / "results" / "small.jsonl"
    words = ["--worlds", "ticket-routing,null-ideal", "--recipes", "auto", "--strengths", "weak", "--calls", "60"]
    command = [sys.executable, "-m", "socratune.evals.suite", "--out", str(file), *words, "--seeds", "1"]
    first, again = (subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2))
    assert len(first.splitlines()) == len(read([file])) == 2
    assert again == ""
