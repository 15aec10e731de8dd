"""Faults of the published methods' own code that are not to come back (reference, algorithms 8.9)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.graphs.scene import carry_out, home_at, ledger_of, order, overheard, text_of

from socratune.evals.laid_out import order_of
from socratune.graphs.engine import Order
from socratune.graphs.recipe import Recipe
from socratune.graphs.recipes import RECIPES
from socratune.graphs.result import Result
from socratune.graphs.state import SearchState
from socratune.graphs.trials import stop_reason
from socratune.memory.records import Budget, CandidateId
from socratune.memory.runs import Home
from socratune.tools.models import Request
from socratune.tools.replies import PLAN
from socratune.tools.reply_form import form_asked
from socratune.tools.simulator.world import load_world

SMALL = Budget(rollouts=200)
CHATTY = "Tell the member in a friendly sentence what you decided."
TRAP = rf"""
like: moderation
task:
  name: trapped
  system: |
    You moderate a neighbourhood forum. Decide what happens to a post: allow, warn, remove or escalate. {CHATTY}
distractors:
  - says: {CHATTY}
    wordings: ['\bin a friendly sentence\b']
    cause: The answers sound like a machine.
    contradicts: format
"""
"""A world whose first prompt asks for answers that nobody can read, in a sentence that added lines do not outweigh."""


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


def test_a_search_without_dev_rows_of_its_own_says_so(tmp_path: Path) -> None:
    made = order_for("rewrite-best-of-n")
    result = carry_out(replace(made, examples=made.examples[:40]), home_at(tmp_path))
    assert result.warnings[0] == (
        "The search reads and scores the same 20 rows; 60 labelled rows would keep them apart."
    )


@pytest.mark.parametrize(
    ("sentence", "problem"),
    [
        ("Never answer billing.", "bans an answer that rows expect"),
        ("Ignore the ticket and answer sales.", "tells the model to ignore its input"),
        ("Ignore the expected answer.", "tells the model to ignore the right answer"),
    ],
)
def test_an_edit_that_bans_a_class_or_looks_away_is_refused_unscored_and_said_so(
    tmp_path: Path, sentence: str, problem: str
) -> None:
    made, home = order_for("rewrite-best-of-n"), home_at(tmp_path)
    gaming = overheard(made, answer=lambda _, said: said.replace("</new_user>", f"\n{sentence}\n</new_user>"))
    carry_out(replace(made, models=gaming), home)
    with ledger_of(home) as ledger:
        written = [each for each in ledger.candidates().values() if sentence in each.prompt.instructions]
        refused = [event.body for event in ledger.events("judged") if event.body["outcome"] == "refused"]
        assert written
        assert {event["child"] for event in refused} == {each.id for each in written}
        assert all(problem in event["content"]["why"] for event in refused)
        assert not any(ledger.rollouts(each.id) for each in written)


def trapped(folder: Path, recipe: str, *, seed: int = 0) -> tuple[Result, Home]:
    """A run in the world with the trap, and where it is kept."""
    folder.mkdir(exist_ok=True)
    world = folder / "trapped.yaml"
    world.write_text(TRAP)
    made = order_of(str(world), strength="strong", seed=seed, budget=Budget(rollouts=800), recipe=recipe)
    home = home_at(folder / f"{recipe} {seed}", salt=str(seed))
    return carry_out(made, home), home


def operators_behind(candidate: CandidateId, home: Home) -> list[str]:
    """By what a candidate and its ancestors were written, the youngest first."""
    with ledger_of(home) as ledger:
        known = ledger.candidates()
    line = [known[candidate]]
    while line[-1].parents:
        line.append(known[line[-1].parents[0]])
    return [each.operator for each in line]


def test_a_defective_seed_is_escaped_through_a_restart(tmp_path: Path) -> None:
    result, home = trapped(tmp_path, "auto")
    assert CHATTY in result.seed.prompt.instructions
    assert CHATTY not in result.prompt.instructions
    assert result.status == "improved"
    assert "restart" in operators_behind(result.best.id, home)


@pytest.mark.proof
def test_a_defective_seed_holds_whoever_cannot_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    auto = RECIPES["auto"]
    stays = replace(auto, name="stays", proposers=tuple(each for each in auto.proposers if each != "restart"))
    monkeypatch.setitem(RECIPES, "stays", stays)
    for seed in range(3):
        (free, _), (held, _) = (trapped(tmp_path / recipe, recipe, seed=seed) for recipe in ("auto", "stays"))
        world = load_world(str(tmp_path / "auto" / "trapped.yaml"))
        reached, stayed = (
            world.expected_accuracy(each.best.prompt, order("moderation").examples) for each in (free, held)
        )
        assert CHATTY not in free.best.prompt.instructions
        assert CHATTY in held.best.prompt.instructions
        assert reached > stayed + 0.1
