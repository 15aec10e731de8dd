import json
from pathlib import Path

from socratune.evals.arms import Outcome, Trial
from socratune.evals.nulls import false_claims
from socratune.evals.results import code, complete, read
from socratune.evals.worlds import comparison

TRIALS = [Trial(arm="socratune", world="w", strength="weak", seed=seed, rollouts=10) for seed in range(3)]


def outcome_of(trial: Trial) -> Outcome:
    """What a trial comes to without being run."""
    best = 0.8 + trial.seed / 100 if trial.arm == "socratune" else 0.5
    return Outcome(
        trial=trial,
        seed=0.3,
        best=best,
        returned=best,
        ideal=1.0,
        status="improved",
        search_calls=9,
        optimizer_calls=1,
        usd=0.0,
    )


def refused(_: Trial) -> Outcome:
    raise AssertionError("it was measured already")


def test_a_suite_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    file = tmp_path / "outcomes.jsonl"
    complete(TRIALS[:2], file, run=outcome_of, processes=1)
    assert complete(TRIALS, file, run=outcome_of, processes=1) == [outcome_of(trial) for trial in TRIALS]
    assert len(file.read_text("utf-8").splitlines()) == 3
    assert complete(TRIALS, file, run=refused, processes=1) == [outcome_of(trial) for trial in TRIALS]


def test_an_outcome_of_other_code_does_not_count(tmp_path: Path) -> None:
    file = tmp_path / "outcomes.jsonl"
    complete(TRIALS, file, run=outcome_of, processes=1)
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    file.write_text("".join(json.dumps({**line, "code": f"not {code()}"}) + "\n" for line in lines), "utf-8")
    assert read(file) == []


def test_the_comparison_pairs_worlds_and_seeds() -> None:
    arms = [outcome_of(trial) for trial in TRIALS]
    arms += [outcome_of(Trial(arm="control", world="w", strength="weak", seed=s, rollouts=10)) for s in range(3)]
    assert "paired difference +0.310" in comparison(arms, "weak")


def test_verdicts_on_equally_good_prompts_rarely_claim_an_improvement() -> None:
    assert false_claims(2_000) <= 0.055 * 2_000
