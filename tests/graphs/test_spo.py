"""Improvement without a label: SPO (S058) in simulated worlds, whose own rows are the hidden labels of the test."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from tests.graphs.scene import Overheard, carry_out, home_at, ledger_of, order, record, stopped_at, text_of
from tests.graphs.test_judged_runs import heard, judged

from socratune.graphs.engine import Order
from socratune.graphs.result import Result
from socratune.memory.records import Budget, Prompt, Role
from socratune.tools.sections import rows_of, sections
from socratune.tools.simulator.world import load_world

PROMPTAGENT = 5_730 + 72
"""Calls of PromptAgent at its published size (12 expansions of 3 children on 150 rows): target, and the two agents."""


def spo(world: str, seed: int) -> Order:
    """A run on labelled rows, whose labels nobody is shown."""
    made = order(world, seed=seed, budget=Budget(rollouts=800))
    return replace(made, task=replace(made.task, recipe="spo", judge=made.task.optimizer))


def search_calls(result: Result) -> int:
    """Calls of all roles but those of the final test."""
    tested = 2 * result.verdict.n if result.verdict else 0
    return sum(used.calls for used in result.spent.values()) - tested


def test_s058_three_unlabelled_questions_a_round_improve_a_hidden_label_test_at_a_share_of_the_calls(
    tmp_path: Path,
) -> None:
    gains: list[float] = []
    proven = 0
    for world, seed in product(("ticket-routing", "moderation"), range(2)):
        made, home = spo(world, seed), home_at(tmp_path / f"{world} {seed}")
        models = heard(made)
        result = carry_out(replace(made, models=models), home)
        assert search_calls(result) <= 0.06 * PROMPTAGENT
        with ledger_of(home) as ledger:
            assert len(ledger.events("moves")) < 10
            assert ledger.agreement() > (0, 0)
        no_more_was_shown(models)
        before, after = (load_world(world).expected_accuracy(p, made.examples) for p in prompts(result))
        gains.append(after - before)
        proven += result.status == "improved"
    assert sum(gains) / len(gains) >= 0.1
    assert proven >= 2


def prompts(result: Result) -> tuple[Prompt, Prompt]:
    """The user's own and the best found."""
    return result.seed.prompt, result.best.prompt


def no_more_was_shown(models: dict[Role, Overheard]) -> None:
    """Check that nobody was shown a label, and the writer at most three answers at a time."""
    for request in models["optimizer"].requests:
        assert "expected" not in text_of(request)
        assert 1 <= len(rows_of(sections(text_of(request))["answers"])) <= 3
    assert models["judge"].requests
    assert not any("reference" in sections(text_of(request)) for request in models["judge"].requests)


@pytest.mark.parametrize("metric", ["rubric", "pairwise"])
def test_a_prompt_is_improved_where_no_row_has_a_label(metric: str, tmp_path: Path) -> None:
    results = [carry_out(unlabelled(metric, seed), home_at(tmp_path / str(seed))) for seed in range(2)]
    assert any(result.status == "improved" for result in results)
    assert {result.pairs for result in results} == {metric == "pairwise"}
    assert {result.compared for result in results} == {metric == "rubric"}


def unlabelled(metric: str, seed: int) -> Order:
    """A run on rows that nobody has labelled."""
    made = judged(metric, budget=Budget(rollouts=600))
    return replace(made, task=replace(made.task, recipe="spo"), settings=replace(made.settings, seed=seed))


def test_the_leader_goes_on_to_the_test_without_another_call(tmp_path: Path) -> None:
    result = carry_out(spo("ticket-routing", 0), home_at(tmp_path))
    with ledger_of(home_at(tmp_path)) as ledger:
        assert ledger.events("leader")[-1].body["leader"] == result.best.id
        assert not ledger.events("settled")
    assert result.passed_over is None


def test_a_run_that_was_stopped_or_went_call_by_call_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    made = spo("moderation", 0)
    undisturbed = record(carry_out(made, home_at(tmp_path / "one")))
    stopped_at(120, made, home_at(tmp_path / "two"), tmp_path / "log")
    assert record(carry_out(made, home_at(tmp_path / "two"))) == undisturbed
    one_by_one = replace(made, settings=replace(made.settings, concurrency=1))
    assert record(carry_out(one_by_one, home_at(tmp_path / "three"))) == undisturbed
