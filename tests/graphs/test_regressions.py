"""Faults of the published methods' own code that are not to come back (reference, algorithms 8.9)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.graphs.scene import carry_out, home_at, ledger_of, order, overheard, text_of

from socratune.graphs.engine import Order
from socratune.graphs.recipe import Recipe
from socratune.graphs.recipes import RECIPES
from socratune.graphs.state import SearchState
from socratune.graphs.trials import stop_reason
from socratune.memory.records import Budget
from socratune.tools.models import Request
from socratune.tools.replies import PLAN
from socratune.tools.reply_form import form_asked

SMALL = Budget(rollouts=200)


def order_for(recipe: str) -> Order:
    """A small run of a recipe."""
    made = order(budget=SMALL)
    return replace(made, task=replace(made.task, recipe=recipe))


def spoilt(form: str) -> Callable[[Request, str], str]:
    """Answers that fit no form, where one form is asked for."""
    return lambda request, said: "I would rather not say." if form_asked(text_of(request)) == form else said


def test_every_accepted_edit_of_every_method_has_a_stored_gate_record(tmp_path: Path) -> None:
    for recipe in ("promptwizard", "evoprompt", "textgrad"):
        home = home_at(tmp_path / recipe)
        carry_out(order_for(recipe), home)
        with ledger_of(home) as ledger:
            judged = {event.body["child"]: event.body["accepted"] for event in ledger.events("judged")}
            accepted = {event.body["child"] for event in ledger.events("told") if event.body["accepted"]}
        assert accepted
        assert all(judged[child] for child in accepted)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_round_without_gain_is_not_convergence_and_the_log_says_which_rule_fired(recipe: Recipe) -> None:
    state = SearchState(round=1, leader="x", children=[], stale=1, stop="")
    assert stop_reason(state, replace(recipe, patience=3, rounds=9)) == ""
    assert stop_reason(state | {"stale": 3}, replace(recipe, patience=3, rounds=9)) == "patience"
    assert stop_reason(state | {"round": 9}, replace(recipe, patience=3, rounds=9)) == "rounds"
    assert recipe.patience > 1


def test_malformed_planner_output_is_not_fatal(tmp_path: Path) -> None:
    made, home = order_for("mars"), home_at(tmp_path)
    result = carry_out(replace(made, models=overheard(made, answer=spoilt(PLAN.name))), home)
    assert result.changes
    with ledger_of(home) as ledger:
        assert ledger.events("planner_failed")


def test_what_cannot_be_read_is_asked_once_more_and_not_again(tmp_path: Path) -> None:
    made = order_for("mars")
    heard = overheard(made, answer=spoilt(PLAN.name))
    carry_out(replace(made, models=heard), home_at(tmp_path))
    plans = [request for request in heard["optimizer"].requests if form_asked(text_of(request)) == PLAN.name]
    first = [request for request in plans if len(request.messages) == 2]
    assert len(plans) == 2 * len(first)


def test_prompt_growth_is_capped_for_every_writer(tmp_path: Path) -> None:
    made, home = order_for("random"), home_at(tmp_path)
    endless = overheard(
        made, answer=lambda _, said: said.replace("</new_user>", "\n" + "And think twice. " * 300 + "</new_user>")
    )
    carry_out(replace(made, models=endless), home)
    with ledger_of(home) as ledger:
        refused = [event.body["content"]["why"] for event in ledger.events("judged") if not event.body["accepted"]]
    assert any("tokens long" in why for why in refused)
