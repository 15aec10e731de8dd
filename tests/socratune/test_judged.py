"""Judges from the command line: rows without labels, pairs of prompts, and people's own grades."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path

import pytest
from tests.graphs.scene import Overheard
from tests.socratune.conftest import Command
from tests.socratune.test_api import TASK as TASK_OF_VALUES
from tests.socratune.test_cancelling import CALM

from socratune import BadInput, BudgetReached, Interrupted, PreflightDone, Task, aoptimize, aresume, build_graph
from socratune.before import outlook_of
from socratune.events import RunEvent
from socratune.memory.records import Role
from socratune.memory.runs import Home
from socratune.orders import order_of
from socratune.tools.models import connect_role
from socratune.tools.simulator.builtin import BUILTIN
from socratune.tools.task_files import load_task

TASK = """\
name: desk
goal: Route a support ticket to the right queue.
user: |
  Which queue should handle this ticket: account, billing, complaints, retention, returns, sales, security,
  shipping or technical?

  {{ticket}}
data: tickets.csv
metric: METRIC
target: sim:ticket-routing
budget: {rollouts: 300}
"""
RUBRIC = '{rubric: "Names the right queue; says nothing else"}'
GRADED = '{rubric: "Names the right queue", label: human, output: reply}'


def known_rows(count: int) -> list[dict[str, str]]:
    with (BUILTIN / "ticket-routing.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))[:count]


def write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """Tickets that nobody has labelled, and a rubric."""
    write(tmp_path / "tickets.csv", [{"ticket": row["ticket"]} for row in known_rows(60)])
    return task(tmp_path, RUBRIC)


def task(folder: Path, metric: str, *, name: str = "task.yaml") -> Path:
    file = folder / name
    file.write_text(TASK.replace("METRIC", metric), encoding="utf-8")
    return file


def graded(folder: Path, *, wrong_grades: int = 0) -> Path:
    """Sixty replies, every third of them wrong, and people's grades of them, of which some are the other way round."""
    rows = known_rows(60)
    marked = []
    for number, row in enumerate(rows):
        right = number % 3 > 0
        reply = row["queue"] if right else next(r["queue"] for r in rows if r["queue"] != row["queue"])
        grade = right != (number < wrong_grades)
        marked.append({"ticket": row["ticket"], "reply": reply, "human": "1" if grade else "0"})
    write(folder / "tickets.csv", marked)
    return task(folder, GRADED)


# --- before and after a run


def test_a_person_is_told_who_judges_and_the_written_task_keeps_the_judge(
    desk: Path, command: Command, tmp_path: Path
) -> None:
    judge = "sim:ticket-routing:weak"
    ran = command("optimize", desk, "--judge", judge, "--budget", "rollouts=80", "--no-memory")
    said = " ".join(ran.err.split())
    assert f"{judge} grades the answers" in said
    assert re.search(r"judge +\d", said)
    assert "judge" in ran.out
    (best,) = (tmp_path / ".socratune" / "runs").glob("*/best.yaml")
    again = load_task(best).task
    assert (again.judge, again.metric_options) == (judge, load_task(desk).task.metric_options)


# --- from Python and in graphs

JUDGED = replace(TASK_OF_VALUES, metric="rubric", metric_options={"rubric": "Names the right queue"})
UNLABELLED = [{"ticket": row["ticket"]} for row in known_rows(60)]


def roles_of(*roles: Role, task: Task = JUDGED) -> dict[Role, Overheard]:
    """Models of a program's own, by role."""
    named = replace(task, judge=task.judge or task.optimizer)
    found = order_of(task, UNLABELLED, CALM).examples
    return {role: Overheard(model=connect_role(named, role, examples=found, seed=0)) for role in roles}


def stop_after_preflight(event: RunEvent) -> None:
    if isinstance(event, PreflightDone | BudgetReached):
        raise Interrupted


async def test_a_judge_of_ones_own_grades_and_is_needed_to_go_on(tmp_path: Path) -> None:
    models = roles_of("judge")
    with pytest.raises(Interrupted) as stopped:
        await aoptimize(JUDGED, UNLABELLED, home=tmp_path, settings=CALM, models=models, on_event=stop_after_preflight)
    (run,) = (folder.name for folder in (tmp_path / "runs").iterdir())
    assert f"socratune.resume('{run}', models={{'judge': ...}})" in " ".join(stopped.value.__notes__)
    with pytest.raises(BadInput, match="models of your own"):
        await aresume(run, home=tmp_path)
    result = await aresume(run, home=tmp_path, models=models)
    asked = models["judge"].requests
    assert result.as_dict()["calls"]["judge"] == len({request.key("judge") for request in asked}) == len(asked) > 0


@pytest.mark.parametrize(("judge", "graded"), [(None, True), ("sim:ticket-routing:weak", False)])
async def test_an_optimizer_of_ones_own_judges_when_the_task_names_no_other(
    tmp_path: Path, judge: str | None, *, graded: bool
) -> None:
    models = roles_of("optimizer")
    task = replace(JUDGED, judge=judge)
    with pytest.raises(Interrupted):
        await aoptimize(task, UNLABELLED, home=tmp_path, settings=CALM, models=models, on_event=stop_after_preflight)
    assert bool(models["optimizer"].requests) is graded


async def test_a_graph_asks_a_judge_of_ones_own(desk: Path, tmp_path: Path) -> None:
    models = roles_of("judge")
    graph = build_graph(home=tmp_path / "home", settings=CALM, models=models)
    ended = await graph.ainvoke({"task": str(desk)})
    assert ended["result"]["calls"]["judge"] == len(models["judge"].requests) > 0


def test_the_price_of_a_judge_of_ones_own_is_what_counts_before_a_run(desk: Path, tmp_path: Path) -> None:
    file = desk
    file.write_text(f"{desk.read_text(encoding='utf-8')}judge: openai:unheard-of@http://127.0.0.1:9/v1\n")
    loaded, home = load_task(file), Home(path=tmp_path / "home")
    assert outlook_of(loaded, home).forecast.roles["judge"].high.usd is None
    own = outlook_of(loaded, home, models=roles_of("judge"))
    assert own.forecast.roles["judge"].high.usd
    assert not own.missing


# --- prompts beside each other


def test_a_prompt_alone_cannot_be_scored_by_pairs(desk: Path, command: Command) -> None:
    ran = command("eval", task(desk.parent, "pairwise"))
    assert ran.code == 2
    assert "metric pairwise compares two prompts; pass --against" in ran.err


def test_pairs_hold_a_prompt_against_the_other_and_not_against_itself(desk: Path, command: Command) -> None:
    mine, other = (task(desk.parent, "pairwise", name=name) for name in ("mine.yaml", "other.yaml"))
    text = mine.read_text(encoding="utf-8")
    mine.write_text(text.replace("{{ticket}}", "A refund goes to billing.\n\n  {{ticket}}"), encoding="utf-8")
    ran = command("eval", mine, "--against", other, "--json")
    scores = ran.json["scores"]
    assert scores["other.yaml"]["mean"] == 0.5
    assert scores["mine.yaml"]["mean"] > 0.5
    assert "the judge contradicted itself on" in ran.json["warnings"][0]
    assert ran.json["comparison"]["fixed"] > ran.json["comparison"]["broken"]


# --- people's grades


def test_a_judge_that_agrees_with_people_is_trusted(command: Command, tmp_path: Path) -> None:
    ran = command("calibrate", graded(tmp_path), "--json")
    assert (ran.code, ran.json["trust"], ran.json["agreement"]["n"], ran.json["calls"]) == (0, "trusted", 60, 60)
    assert ran.json["usd"] > 0


def test_a_judge_that_does_not_is_not_trusted_and_says_so(command: Command, tmp_path: Path) -> None:
    ran = command("calibrate", graded(tmp_path, wrong_grades=30))
    assert ran.code == 3
    assert "Do not trust this judge" in ran.out
    assert "passes what people failed" in ran.out


def test_a_calibration_that_is_resumed_pays_for_nothing_twice(command: Command, tmp_path: Path) -> None:
    first = command("calibrate", graded(tmp_path), "--json").json
    assert command("resume", first["run"], "--json").json == first


def test_a_budget_may_cut_a_calibration_short(command: Command, tmp_path: Path) -> None:
    ran = command("calibrate", graded(tmp_path), "--budget", "calls=25", "--json")
    assert (ran.json["agreement"]["n"], ran.json["missing"], ran.json["cut_by"]) == (25, 35, "calls")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("label: human", "label: humans"), "has no column 'humans'"),
        ((", label: human, output: reply", ""), "nothing says which outputs people have graded"),
    ],
)
def test_a_calibration_without_grades_is_refused(
    command: Command, tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    file = graded(tmp_path)
    file.write_text(file.read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    ran = command("calibrate", file)
    assert ran.code == 2
    assert said in ran.err
    assert not (tmp_path / ".socratune" / "runs").exists()


def test_grades_that_stand_in_several_files_are_refused(command: Command, tmp_path: Path) -> None:
    file = graded(tmp_path)
    header, *lines = (tmp_path / "tickets.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    for name, rows in (("train", lines[:40]), ("test", lines[40:])):
        (tmp_path / f"{name}.csv").write_text("".join([header, *rows]), encoding="utf-8")
    split = file.read_text(encoding="utf-8").replace("tickets.csv", "{train: train.csv, test: test.csv}")
    file.write_text(split, encoding="utf-8")
    ran = command("calibrate", file)
    assert (ran.code, ran.err) == (2, f"{file.name}:8: people's grades stand in one file; name it with --data\n")
    one = command("calibrate", file, "--data", tmp_path / "test.csv", "--json")
    assert one.json["agreement"]["n"] == 20


def test_a_grade_is_a_number_or_a_word_and_a_row_without_one_is_left_out(command: Command, tmp_path: Path) -> None:
    file, rows = graded(tmp_path), tmp_path / "tickets.csv"
    lines = rows.read_text(encoding="utf-8").splitlines()
    lines[1], lines[2], lines[3] = lines[1][:-1] + "fail", lines[2][:-1] + "Pass", lines[3][:-1]
    rows.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert command("calibrate", file, "--json").json["agreement"]["n"] == 59
    rows.write_text("\n".join([*lines[:4], lines[4][:-1] + "4", *lines[5:]]) + "\n", encoding="utf-8")
    ran = command("calibrate", file)
    assert "the grade '4' is not from 0 to 1" in ran.err
