"""Every recipe runs by name, under the same cap, to the same record; adding one is one value."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.graphs.scene import carry_out, home_at, keys, ledger_of, models, order, record, stopped_at

from socratune.graphs.engine import Order
from socratune.graphs.operators import OPERATORS, fitted, sees_errors
from socratune.graphs.recipe import Evidence, Recipe
from socratune.graphs.recipes import METHODS, RECIPES, recipe_named
from socratune.memory.errors import BadInput
from socratune.memory.records import Budget
from socratune.tools.model_spec import CODE
from socratune.tools.search.allocation import Everyone
from socratune.tools.search.beam import Beam

CAP = 150
CONTROLS = {"auto", "rewrite-best-of-n", "few-shot", "seed"}
PUBLISHED = sorted(set(RECIPES) - CONTROLS)


def order_for(recipe: str, *, world: str = "ticket-routing", concurrency: int = 8, seed: int = 0) -> Order:
    """A small run of a recipe."""
    made = order(world, seed=seed, budget=Budget(rollouts=CAP), concurrency=concurrency)
    return replace(made, task=replace(made.task, recipe=recipe))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The record of a run that searches nothing."""
    return record(carry_out(order_for("seed"), home_at(tmp_path_factory.mktemp("seed"))))


@pytest.mark.parametrize("recipe", [each for each in PUBLISHED if not each.startswith("plum-")])
def test_a_recipe_runs_by_name_under_the_cap_to_the_same_record(
    tmp_path: Path, recipe: str, plain: dict[str, Any]
) -> None:
    made, home, log = order_for(recipe), home_at(tmp_path / "home"), tmp_path / "log"
    found = record(carry_out(replace(made, models=models(made, log=log)), home))
    assert found["recipe"] == recipe
    assert found["calls"]["rollouts"] <= CAP
    assert found.keys() == plain.keys()
    assert found["splits"] == plain["splits"]
    assert len(keys(log)) == len(set(keys(log))), "no call is asked twice"
    with ledger_of(home) as ledger:
        operators = {each.operator for each in ledger.candidates().values()} - {"seed"}
    assert operators <= set(RECIPES[recipe].proposers)


@pytest.mark.parametrize("recipe", ["opro", "protegi", "plum-annealing", "miprov2", "promptagent"])
def test_concurrency_changes_nothing_in_what_a_recipe_finds(tmp_path: Path, recipe: str) -> None:
    one, eight = (
        record(carry_out(order_for(recipe, concurrency=wide), home_at(tmp_path / str(wide)))) for wide in (1, 8)
    )
    assert one == eight


@pytest.mark.parametrize("recipe", ["opro", "protegi", "plum-ga", "gepa"])
def test_a_recipe_that_is_stopped_and_resumed_ends_the_same_and_asks_nothing_twice(tmp_path: Path, recipe: str) -> None:
    made, home, log = order_for(recipe), home_at(tmp_path / "home"), tmp_path / "log"
    whole = record(carry_out(made, home_at(tmp_path / "whole")))
    stopped_at(90, made, home, log)
    assert record(carry_out(replace(made, models=models(made, log=log)), home)) == whole
    assert len(keys(log)) == len(set(keys(log)))


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_recipe_says_where_it_comes_from_and_names_operators_that_there_are(recipe: Recipe) -> None:
    assert recipe.after
    assert set(recipe.proposers) <= set(OPERATORS)
    assert recipe.name not in METHODS
    if recipe.after.startswith("arXiv"):
        assert recipe.differs.endswith(".")


@pytest.mark.parametrize("recipe", ["ape", "evoprompt", "miprov2", "promptwizard", "capo"])
def test_what_learns_from_labels_is_refused_without_them(tmp_path: Path, recipe: str) -> None:
    made = order_for(recipe)
    bare = tuple(replace(row, expected="") for row in made.examples)
    with pytest.raises(BadInput, match=f"recipe '{recipe}' learns from labelled rows"):
        carry_out(replace(made, examples=bare), home_at(tmp_path))


@pytest.mark.parametrize("recipe", ["miprov2", "promptwizard", "capo"])
def test_what_tries_worked_examples_is_refused_for_an_application(recipe: str) -> None:
    made = order_for(recipe)
    refused = RECIPES[recipe].refusal(replace(made.task, target=f"{CODE}answer.py:answer"), made.examples)
    assert "worked examples" in refused


def test_no_turn_is_given_to_an_operator_that_cannot_work_on_a_task() -> None:
    task, rows = (made := order()).task, made.examples
    unlabelled = [replace(row, expected="") for row in rows]
    application = replace(task, target="python:app.py:answer")
    auto = RECIPES["auto"]
    assert fitted(auto, task, rows) == auto
    assert fitted(auto, task, unlabelled).proposers == ("socratic",)
    assert fitted(auto, application, rows).proposers == ("socratic", "restart")


def test_errors_are_shuffled_only_where_agents_are_shown_any() -> None:
    seeing = {name for name, recipe in RECIPES.items() if sees_errors(recipe)}
    published = {"mars", "promptagent", "promptwizard", "protegi", "pe2", "gepa", "textgrad"}
    assert seeing == published | {"auto", "rewrite-best-of-n", "random"}


@pytest.mark.parametrize("recipe", ["opro", "plum"])
def test_shuffled_errors_change_nothing_for_a_recipe_that_sees_none(tmp_path: Path, recipe: str) -> None:
    made = order_for(recipe)
    shuffled = replace(made, settings=replace(made.settings, shuffle_errors=True))
    one, other = (record(carry_out(each, home_at(tmp_path / str(n)))) for n, each in enumerate((made, shuffled)))
    assert one == other


@pytest.mark.parametrize("name", ["protegy", "apo"])
def test_a_name_nobody_knows_is_answered_with_the_nearest_or_the_method_it_means(name: str) -> None:
    with pytest.raises(BadInput) as problem:
        recipe_named(name)
    assert problem.value.cure == "did you mean 'protegi'?"


def test_adding_a_recipe_is_one_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bold = Recipe(
        name="bold-beam",
        after="our own: a beam that looks at many failures at once",
        proposers=("reflect", "compress"),
        search=Beam,
        evidence=Evidence(rows=20, failures=20),
        allocation=Everyone(rows=16),
        moves=2,
    )
    monkeypatch.setitem(RECIPES, bold.name, bold)
    result = carry_out(order_for("bold-beam"), home_at(tmp_path))
    assert result.as_dict()["recipe"] == "bold-beam"
    assert result.status == "improved"
