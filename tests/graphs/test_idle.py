"""Searches whose rounds cost nothing end by themselves, and no others do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.graphs.scene import carry_out, ledger_of, order

from socratune.graphs.checkpoints import STEPS
from socratune.graphs.planning import IDLE_ROUNDS
from socratune.graphs.recipe import UNTIL_SPENT
from socratune.graphs.recipes import RECIPES
from socratune.memory.ledger import Ledger
from socratune.memory.records import Budget
from socratune.memory.runs import Home


def run(recipe: str, world: str, folder: Path) -> tuple[str, Home]:
    """Why the search of a run ended, and where it lies."""
    made = order(world, budget=Budget(rollouts=600))
    home = Home(path=folder, durable=False)
    home.prepare()
    (folder / "salt").write_text("evals 0\n")
    return carry_out(replace(made, task=replace(made.task, recipe=recipe)), home).stop_reason, home


def last_round(ledger: Ledger) -> int:
    return max(int(event.body["round"]) for event in ledger.events("proposal"))


@pytest.mark.parametrize(
    ("recipe", "world"), [("rewrite-best-of-n", "null-ideal"), ("gepa", "null-ideal"), ("plum", "invoices")]
)
def test_a_search_ends_when_its_rounds_ask_the_target_nothing_new(tmp_path: Path, recipe: str, world: str) -> None:
    stop, home = run(recipe, world, tmp_path)
    assert stop == "nothing new to try"
    with ledger_of(home) as ledger:
        idle_from = last_round(ledger) - IDLE_ROUNDS + 1
        assert not ledger.answered_since(f"moves:{idle_from}")
        assert ledger.answered_since(f"moves:{idle_from - 1}")


def test_rounds_without_a_failure_do_not_end_a_search_that_has_train_rows_to_run(tmp_path: Path) -> None:
    _, home = run("rewrite-best-of-n", "null-ideal", tmp_path)
    with ledger_of(home) as ledger:
        began = ledger.settings()
        train = began["rows"]["train"]
        assert len(ledger.rollouts(began["root"]).keys() & set(train)) > 0.9 * len(train)


def test_a_graph_has_steps_for_all_rounds_of_a_recipe() -> None:
    nodes_of_a_round = 7
    assert max(recipe.rounds for recipe in RECIPES.values()) == UNTIL_SPENT
    assert nodes_of_a_round * UNTIL_SPENT < STEPS
