"""A recipe that compares answers, on a task whose metric asks nobody: who is told, who is billed, what is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.socratune.conftest import Command

from socratune.before import outlook_of, sendings_of
from socratune.evals.laid_out import order_of as world_order
from socratune.memory.records import Budget
from socratune.memory.runs import Home
from socratune.orders import PLAINLY, SavedOrder, order_of, read_task
from socratune.tools.task_files import Overrides

STRONG, WEAK = "sim:ticket-routing:strong", "sim:ticket-routing:weak"


@pytest.mark.parametrize(
    ("named", "chosen", "judge"), [("", None, STRONG), (WEAK, None, WEAK), (STRONG, WEAK, WEAK), ("", WEAK, WEAK)]
)
def test_the_judge_is_who_the_command_or_the_file_names_and_else_the_optimizer(
    named: str, chosen: str | None, judge: str, desk: Path
) -> None:
    if named:
        desk.write_text(f"{desk.read_text(encoding='utf-8')}judge: {named}\n", encoding="utf-8")
    task = read_task(desk, Overrides(recipe="spo", judge=chosen)).task
    assert task.judge == judge
    assert read_task(desk, Overrides(judge=chosen)).task.judge is None


def test_a_task_made_in_python_is_judged_by_its_optimizer() -> None:
    order = world_order("ticket-routing", strength="weak", seed=0, budget=Budget(rollouts=100))
    rows = [{**row.inputs, "expected": row.expected} for row in order.examples]
    made = order_of(replace(order.task, recipe="spo"), rows, order.settings).task
    assert (made.judge, order.task.judge) == (WEAK, None)


def test_people_are_told_before_a_run_that_somebody_is_sent_the_answers_and_what_that_may_cost(
    desk: Path, tmp_path: Path
) -> None:
    loaded = read_task(desk, Overrides(recipe="spo"), PLAINLY)
    assert [sending.role for sending in sendings_of(loaded)] == ["runs the prompt", "improves it", "grades the answers"]
    roles = outlook_of(loaded, Home(path=tmp_path / "home")).forecast.roles
    assert roles["judge"].high.usd
    assert roles["judge"].high.calls > roles["judge"].low.calls


def test_a_run_says_what_its_dev_scores_mean_and_goes_on_where_it_was(command: Command, desk: Path) -> None:
    ran = command("optimize", desk, "--recipe", "spo", "--no-memory")
    said = " ".join(ran.out.split())
    assert "On dev an answer scores 1 when it is better than your own prompt's, 0.5 for a tie." in said
    assert "pairs (" in said
    assert "from 3 answers" in said
    (run,) = (folder.name for folder in (desk.parent / ".socratune" / "runs").iterdir())
    again = command("resume", run, "--json").json
    assert again["recipe"] == "spo"
    assert again["calls"]["judge"] > 0
    assert SavedOrder.kept(Home(path=desk.parent / ".socratune").run(run)).overrides.recipe == "spo"


def test_a_recipe_that_compares_needs_a_goal(command: Command, desk: Path) -> None:
    text = desk.read_text(encoding="utf-8")
    desk.write_text(text.replace("goal: Route a support ticket to the right queue.\n", ""), encoding="utf-8")
    ran = command("optimize", desk, "--recipe", "spo")
    assert (ran.code, ran.out) == (2, "")
    assert "compares answers by the goal" in ran.err
