from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import socratune
from socratune import (
    BadInput,
    Budget,
    Interrupted,
    LeaderChanged,
    Paused,
    PreflightDone,
    Prompt,
    RoundPlanned,
    RunEnded,
    RunStarted,
    Settings,
    Task,
    aoptimize,
    optimize,
)
from socratune.events import RunEvent
from socratune.given_orders import Models
from socratune.orders import order_of, resolve_model
from socratune.tools.models import Request, ScriptedModel

from .conftest import lay_out, tickets

WITHOUT_MEMORY = Settings(memory=False)
TASK = Task(
    name="desk",
    goal="Route a ticket.",
    prompt=Prompt(user="Which queue should handle this ticket? {{ticket}}"),
    variables=("ticket",),
    metric="exact",
    target="sim:ticket-routing",
    optimizer="sim:ticket-routing:strong",
    budget=Budget(rollouts=200),
)


def rows(count: int) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(tickets(0, count))))


def test_task_file_is_optimized_and_the_result_kept(tmp_path: Path) -> None:
    heard: list[RunEvent] = []
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "salt").write_text("tests\n")
    result = optimize(lay_out(tmp_path), home=tmp_path / "home", settings=WITHOUT_MEMORY, on_event=heard.append)
    assert result.status == "improved"
    assert result.prompt == result.best.prompt
    left = {path.name for path in (tmp_path / "home" / "runs" / result.run).iterdir()}
    assert {"best.yaml", "leading.yaml"} <= left
    assert heard[0] == RunStarted(run=result.run)
    assert {PreflightDone, RoundPlanned, LeaderChanged, RunEnded} <= set(map(type, heard))


async def test_plain_call_works_inside_a_running_loop(tmp_path: Path) -> None:
    assert optimize(TASK, rows(60), home=tmp_path, settings=WITHOUT_MEMORY).splits["test"] == 30


async def test_task_takes_its_rows_from_a_file_too(tmp_path: Path) -> None:
    lay_out(tmp_path, rows=60)
    result = await aoptimize(TASK, tmp_path / "tickets.csv", home=tmp_path / "home", settings=WITHOUT_MEMORY)
    assert result.splits["test"] == 30


def test_rows_given_as_values_take_the_place_of_the_file(tmp_path: Path) -> None:
    result = optimize(lay_out(tmp_path), rows(60), home=tmp_path / "home", settings=WITHOUT_MEMORY)
    assert result.splits["test"] == 30


def test_task_without_rows_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="comes with its rows"):
        optimize(TASK, home=tmp_path)


def test_row_without_an_answer_is_bad_input_and_leaves_no_run(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="row 1"):
        optimize(TASK, [{"ticket": "a", "queue": ""}] * 20, home=tmp_path)
    with pytest.raises(BadInput, match="expected"):
        optimize(TASK, [{"ticket": "a", "queue": "b", "day": "c"}] * 20, home=tmp_path)
    assert not list(tmp_path.glob("runs/*"))


def test_too_few_rows_leave_no_run(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="12"):
        optimize(TASK, rows(5), home=tmp_path)
    assert not list(tmp_path.glob("runs/*"))


def test_own_models_are_used_and_an_unreadable_one_pauses_the_run(tmp_path: Path) -> None:
    def wrong(_: Request) -> str:
        return "no queue at all"

    models: Models = {"target": ScriptedModel(answer=wrong), "optimizer": ScriptedModel(answer=wrong)}
    with pytest.raises(Paused):
        optimize(TASK, rows(60), home=tmp_path, settings=WITHOUT_MEMORY, models=models)


def test_a_run_that_stops_says_what_goes_on_with_it(tmp_path: Path) -> None:
    def stop(_: RunEvent) -> None:
        raise Interrupted

    file, notes = lay_out(tmp_path, rows=60), []
    for data in (None, rows(60)):
        with pytest.raises(Interrupted) as stopped:
            optimize(file, data, home=tmp_path, settings=WITHOUT_MEMORY, on_event=stop)
        notes.append(" ".join(stopped.value.__notes__))
    assert "go on with: socratune resume desk-" in notes[0]
    assert "go on with: socratune.resume('desk-" in notes[1]


def test_world_files_are_found_beside_the_task() -> None:
    folder = Path("/desk")
    assert resolve_model("sim:mine.yaml:weak", folder) == "sim:/desk/mine.yaml:weak"
    assert resolve_model("sim:/else/mine.yaml", folder) == "sim:/else/mine.yaml"
    assert resolve_model("sim:ticket-routing", folder) == "sim:ticket-routing"


def test_every_public_name_is_there() -> None:
    assert all(getattr(socratune, name) for name in socratune.__all__)
    assert set(socratune.__all__) <= set(dir(socratune))


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="optimise"):
        _ = socratune.optimise


@pytest.mark.parametrize("folder", ["agents", "evals", "graphs", "memory", "tools"])
def test_checkout_without_links_says_what_to_do(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).write_text(f"../../{folder}")
    with pytest.raises(ImportError, match=r"core\.symlinks"):
        socratune._check_links(tmp_path)


def test_a_nested_answer_is_the_same_from_python_as_from_a_file(tmp_path: Path) -> None:
    nested: list[dict[str, object]] = [
        {"ticket": f"What about parcel {n}?", "expected": {"queue": "sales", "open": True}, "notes": [n], "left": None}
        for n in range(20)
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in nested))
    asked = replace(TASK, metric="json")
    given = order_of(asked, nested, Settings())
    assert given.examples == order_of(asked, file, Settings()).examples
    assert given.examples[0].expected == '{"queue":"sales","open":true}'


def test_a_function_in_the_place_of_a_metric_is_refused_with_its_cure(tmp_path: Path) -> None:
    mine: Any = lambda output, row: 1.0  # noqa: E731  # what people write
    with pytest.raises(BadInput, match=r"metric='python:metric\.py:score'"):
        optimize(replace(TASK, metric=mine), rows(60), home=tmp_path)


def test_bad_input_comes_without_the_loop_that_was_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as refused:
        optimize(TASK, home=tmp_path)
    assert refused.value.__context__ is None
