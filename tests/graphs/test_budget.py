"""The cap holds by the provider's own records, and a run under any cap ends with an answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.graphs.scene import carry_out, home_at, logged, models, order

from socratune.graphs.result import Result
from socratune.memory.ledger import Spent
from socratune.memory.records import Budget

CAPS = [
    Budget(rollouts=200),
    Budget(calls=250),
    Budget(usd=0.5),
    Budget(tokens=120_000),
    Budget(rollouts=300, calls=320, usd=0.4, tokens=120_000),
]
LITTLE = [Budget(rollouts=rollouts) for rollouts in (1, 2, 5, 13, 40)]
LITTLE += [Budget(calls=3), Budget(calls=70), Budget(usd=0.004), Budget(usd=0.08), Budget(tokens=30_000)]


def billed(tmp_path: Path, budget: Budget, **settings: Any) -> tuple[Result, Spent]:
    """A run under a budget, and what the provider has on record."""
    made = order(budget=budget, **settings)
    log = tmp_path / "provider.jsonl"
    players = models(made, log=log)
    result = carry_out(replace(made, models=players), home_at(tmp_path / "home"))
    prices = {model.name: model.price for model in players.values()}
    entries = logged(log)
    return result, Spent(
        calls=len(entries),
        rollouts=sum(entry["model"] == players["target"].name for entry in entries),
        tokens_in=sum(entry["tokens_in"] for entry in entries),
        tokens_out=sum(entry["tokens_out"] for entry in entries),
        usd=sum(
            price.cost(tokens_in=entry["tokens_in"], tokens_out=entry["tokens_out"])
            for entry in entries
            if (price := prices[entry["model"]])
        ),
    )


def within(bill: Spent, budget: Budget) -> bool:
    """Whether no cap was exceeded."""
    caps = ((getattr(budget, cap), getattr(bill, cap)) for cap in ("rollouts", "calls", "usd", "tokens"))
    return all(limit is None or used <= limit for limit, used in caps)


@pytest.mark.parametrize("budget", [Budget(rollouts=0), Budget(calls=0), Budget(usd=0.0), Budget(tokens=0)])
def test_a_budget_of_nothing_calls_nothing_and_claims_nothing(tmp_path: Path, budget: Budget) -> None:
    result, bill = billed(tmp_path, budget)
    assert bill == Spent()
    assert result.status == "no_improvement"
    assert result.prompt == result.seed.prompt


@pytest.mark.parametrize("budget", CAPS, ids=str)
def test_no_cap_is_ever_exceeded_and_the_run_still_ends_with_a_verdict(tmp_path: Path, budget: Budget) -> None:
    result, bill = billed(tmp_path, budget, concurrency=64)
    assert within(bill, budget)
    assert result.verdict is not None
    assert result.verdict.n > 0


def test_the_record_says_what_the_provider_billed(tmp_path: Path) -> None:
    result, bill = billed(tmp_path, Budget(usd=0.5))
    total = Spent.total(result.spent.values())
    assert replace(total, usd=0.0) == replace(bill, usd=0.0)
    assert total.usd == pytest.approx(bill.usd)


@pytest.mark.parametrize("budget", LITTLE, ids=str)
def test_an_odd_little_budget_ends_without_an_error(tmp_path: Path, budget: Budget) -> None:
    result, bill = billed(tmp_path, budget)
    assert within(bill, budget)
    assert result.status in ("improved", "promising", "no_improvement")
    assert (result.prompt == result.seed.prompt) == (result.status != "improved")
