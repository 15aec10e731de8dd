"""Runs in which nobody has labelled a row, and a judge is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.graphs.scene import Overheard, canonical, carry_out, home_at, ledger_of, order, record, text_of

from socratune.graphs.engine import Order, Watch
from socratune.memory.errors import BadInput, Interrupted
from socratune.memory.records import Budget, Role
from socratune.tools.caller import Caller
from socratune.tools.models import Request, connect_role
from socratune.tools.sections import sections


def judged(metric: str, *, rows: int = 240, budget: Budget | None = None) -> Order:
    """A run of the help desk without labels."""
    made = order(budget=budget or Budget(rollouts=500))
    options = {"rubric": "Names the right queue; says nothing else"} if metric == "rubric" else {}
    task = replace(made.task, metric=metric, metric_options=options, judge=made.task.optimizer)
    return replace(made, task=task, examples=tuple(replace(row, expected="") for row in made.examples[:rows]))


def heard(made: Order) -> dict[Role, Overheard]:
    models = {
        role: connect_role(made.task, role, examples=made.examples, seed=made.settings.seed)
        for role in made.task.models
    }
    return {role: Overheard(model=model) for role, model in models.items()}


@pytest.mark.parametrize("metric", ["rubric", "pairwise"])
def test_a_prompt_is_improved_without_a_single_label_and_the_judge_is_accounted_for(
    metric: str, tmp_path: Path
) -> None:
    made = judged(metric)
    models = heard(made)
    result = carry_out(replace(made, models=models), home_at(tmp_path))
    assert result.status == "improved"
    assert result.judge == made.task.judge
    with ledger_of(home_at(tmp_path)) as ledger:
        assert {role: used.calls for role, used in ledger.spent().items()} == {
            role: len(model.requests) for role, model in models.items()
        }
    assert result.as_dict()["calls"]["judge"] == len(models["judge"].requests) > 100
    assert result.usd == pytest.approx(sum(used.usd for used in result.spent.values()))
    if metric == "rubric":
        told = [sections(text_of(request))["goal"] for request in models["optimizer"].requests]
        assert all(str(made.task.metric_options["rubric"]) in each for each in told)
    assert not any('"expected"' in text_of(request) for request in models["optimizer"].requests)
    assert not any("reference" in sections(text_of(request)) for request in models["judge"].requests)


def test_the_original_scores_half_on_every_row_and_the_judges_contradictions_are_told(tmp_path: Path) -> None:
    made = judged("pairwise")
    result = carry_out(made, home_at(tmp_path))
    assert (result.seed.dev, result.seed.test) == (0.5, 0.5)
    assert " better, " in result.sentence
    assert "fixed" not in result.sentence
    with ledger_of(home_at(tmp_path)) as ledger:
        agreed, contradicted = ledger.agreement()
    # Each order is right 9 times in 10.
    assert contradicted / (agreed + contradicted) == pytest.approx(0.2, abs=0.1)
    share = round(100 * contradicted / (agreed + contradicted))
    (told,) = [note for note in result.as_dict()["warnings"] if "contradicted" in note]
    assert told.startswith(f"the judge contradicted itself on {share} % of pairs ({contradicted} of ")


def test_a_judge_counts_against_every_cap(tmp_path: Path) -> None:
    budget = Budget(rollouts=300, calls=420, usd=0.9)
    result = carry_out(judged("rubric", budget=budget), home_at(tmp_path))
    assert sum(used.calls for used in result.spent.values()) <= 420
    assert result.usd <= 0.9
    assert result.verdict is None or result.verdict.n > 0


def test_a_cap_in_usd_needs_the_judges_price(tmp_path: Path) -> None:
    made = judged("rubric", budget=Budget(usd=1.0))
    models = heard(made)
    models["judge"] = Unpriced(model=models["judge"].model)
    with pytest.raises(BadInput, match=r"the price of .* is not known"):
        carry_out(replace(made, models=models), home_at(tmp_path))
    assert not models["target"].requests


class Unpriced(Overheard):
    """A judge whose price nobody knows."""

    price = None


def test_a_judged_run_that_is_stopped_and_resumed_asks_nothing_twice_and_ends_the_same(tmp_path: Path) -> None:
    made = judged("pairwise", budget=Budget(rollouts=250))
    undisturbed = carry_out(made, home_at(tmp_path / "one"))
    callers: list[Caller] = []
    asked: list[str] = []

    def count(request: Request) -> None:
        asked.append(canonical(request).key("any"))
        if len(asked) == 220:
            callers[0].purse.stop()

    connected = {
        role: connect_role(made.task, role, examples=made.examples, seed=made.settings.seed)
        for role in made.task.models
    }
    models = {role: Overheard(model=model, before=count) for role, model in connected.items()}
    stopping = replace(made, models=models)
    with pytest.raises(Interrupted):
        carry_out(stopping, home_at(tmp_path / "two"), Watch(started=callers.append))
    resumed = carry_out(stopping, home_at(tmp_path / "two"))
    assert record(resumed) == record(undisturbed)
    assert len(asked) == len(set(asked))
