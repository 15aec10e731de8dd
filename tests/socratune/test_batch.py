from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from socratune.graphs.recipes import RECIPES
from socratune.memory.runs import Home

from .conftest import TASK, Command, tickets

PROGRAM = [sys.executable, "-c", "from socratune.cli import main; main()"]
CONCURRENCY = 4
JOBS = 2


def desks(folder: Path, count: int) -> list[Path]:
    """Make some desks, each with rows of its own."""
    folder.mkdir(exist_ok=True)
    files = []
    for number in range(count):
        (folder / f"rows{number}.csv").write_text(tickets(number * 60, number * 60 + 90), encoding="utf-8")
        files.append(folder / f"desk{number}.yaml")
        files[-1].write_text(
            TASK.replace("name: desk", f"name: desk{number}").replace("tickets.csv", f"rows{number}.csv")
        )
    return files


def line(folder: Path, number: int, **other: object) -> str:
    """Return a task as a line of JSON."""
    prompt = "Which queue: billing, sales or returns? {{ticket}}"
    task = {"prompt": prompt, "data": f"rows{number}.csv", "expected": "queue", "target": "sim:ticket-routing"}
    return json.dumps(task | other) + "\n"


def calls(home: Path, state: str) -> list[str]:
    """Return the keys of all calls of all runs that are in a state."""
    found = []
    for run in Home(path=home).runs():
        if run.ledger.exists():
            with sqlite3.connect(run.ledger) as ledger:
                found += [
                    f"{run.id} {key}" for (key,) in ledger.execute("select key from calls where state = ?", [state])
                ]
    return found


def test_batch_that_was_killed_once_ends_with_a_verdict_for_each_task_and_pays_nothing_twice(
    command: Command, tmp_path: Path
) -> None:
    desks(tmp_path / "desks", 6)
    home = tmp_path / ".socratune"
    pace = ["--jobs", str(JOBS), "--concurrency", str(CONCURRENCY)]
    with subprocess.Popen(
        [*PROGRAM, "batch", tmp_path / "desks", *pace, "--home", home], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for told in process.stderr:
            if told.startswith("desk1-"):
                process.send_signal(signal.SIGKILL)
    [batch] = [each.name for each in (home / "batches").iterdir()]
    paid = len(calls(home, "completed"))
    assert 0 < sum(run.result.exists() for run in Home(path=home).runs()) < 6

    ended = command("resume", batch, "--json")
    assert [each["status"] for each in ended.json["tasks"]] == [
        each["result"]["status"] for each in ended.json["tasks"]
    ]
    assert len(ended.json["tasks"]) == 6
    assert ended.code in (0, 3)
    completed = calls(home, "completed")
    assert len(completed) > paid
    assert len(set(completed)) == len(completed)
    assert len(calls(home, "sent")) <= JOBS * CONCURRENCY


def test_budget_of_a_batch_is_shared_and_a_task_file_may_ask_for_less(command: Command, tmp_path: Path) -> None:
    first, second = desks(tmp_path, 2)
    second.write_text(second.read_text().replace("rollouts: 400", "rollouts: 60"))
    ran = command("batch", first, second, "--budget", "rollouts=240,calls=300", "--json", "--quiet").json
    orders = [json.loads((run.path / "order.json").read_text()) for run in Home(path=tmp_path / ".socratune").runs()]
    caps = sorted((order["overrides"]["budget"]["rollouts"], order["overrides"]["budget"]["calls"]) for order in orders)
    assert caps == [(60, 150), (120, 150)]
    assert sum(task["result"]["calls"]["rollouts"] for task in ran["tasks"]) <= 180


def test_line_of_a_jsonl_file_is_a_task_whose_prompt_is_written_out(command: Command, tmp_path: Path) -> None:
    desks(tmp_path, 2)
    (tmp_path / "tasks.jsonl").write_text(line(tmp_path, 0, name="one/two") + "\n" + line(tmp_path, 1))
    ran = command("batch", "tasks.jsonl", "--budget", "rollouts=160", "--out", "out", "--json")
    assert [task["task"] for task in ran.json["tasks"]] == ["tasks.jsonl:1", "tasks.jsonl:3"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "one-two.yaml",
        "results.jsonl",
        "tasks-3.yaml",
    ]
    again = command("eval", tmp_path / "out" / "tasks-3.yaml", "--data", "rows1.csv", "--json", "--quiet")
    assert again.json["status"] == "scored"
    refused = command("apply", ran.json["tasks"][0]["run"], "--yes")
    assert refused.code in (2, 3)


def test_every_task_that_cannot_be_read_is_named_and_nothing_is_begun(command: Command, tmp_path: Path) -> None:
    desks(tmp_path, 2)
    (tmp_path / "tasks.jsonl").write_text(line(tmp_path, 0) + line(tmp_path, 7) + line(tmp_path, 1, metrik="exact"))
    ran = command("batch", "tasks.jsonl")
    assert ran.code == 2
    assert "rows7.csv: there is no such file" in ran.err
    assert "tasks.jsonl:3: unknown key 'metrik'; did you mean 'metric'?" in ran.err
    assert not (tmp_path / ".socratune" / "batches").exists()
    assert Home(path=tmp_path / ".socratune").runs() == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["empty"], "holds no task file"),
        (["nothing.jsonl"], "holds no task; write one task a line"),
        (["desk0.yaml", "--budget", "minutes=5"], "a batch has no cap on minutes"),
        (["missing.yaml"], "there is no such file"),
    ],
)
def test_batch_that_cannot_be_begun_is_refused_in_one_line(
    command: Command, tmp_path: Path, words: list[str], said: str
) -> None:
    desks(tmp_path, 1)
    (tmp_path / "empty").mkdir()
    (tmp_path / "nothing.jsonl").write_text("\n")
    ran = command("batch", *words)
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert said in ran.err


def test_run_that_cannot_reach_its_model_leaves_the_others_alone(command: Command, tmp_path: Path) -> None:
    lost, fine = desks(tmp_path, 2)
    lost.write_text(
        lost.read_text().replace("target: sim:ticket-routing", "target: openai:x@http://127.0.0.1:9/v1")
        + "optimizer: sim:ticket-routing:strong\n"
    )
    ran = command("batch", lost, fine, "--yes")
    assert ran.code == 4
    assert "1 without a verdict" in ran.out
    assert "Go on with what has no verdict: socratune resume batch-" in ran.out
    batch = next((tmp_path / ".socratune" / "batches").iterdir()).name
    refused = command("resume", batch, "--quiet")
    assert (refused.code, refused.out) == (2, "")
    for told in ("127.0.0.1:9 is sent", "1 run to go on with: ", "never more than 400 target calls", "pass --yes"):
        assert told in refused.err
    record = command("resume", batch, "--json", "--quiet", "--yes").json
    assert [task["result"] is None for task in record["tasks"]] == [True, False]
    assert record["tasks"][0]["status"] == "paused"


def test_fault_in_a_run_leaves_its_place_in_the_log_and_its_message_only_where_texts_are_let_into_it(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RECIPES, "broken", replace(RECIPES["auto"], name="broken", proposers=("nowhere",)))
    desks(tmp_path, 1)
    for words, told in ([], False), (["--log-content"], True):
        ran = command("batch", "desk0.yaml", "--recipe", "broken", "--home", f"home{told}", *words)
        assert ran.code == 1
        [batch] = (tmp_path / f"home{told}" / "batches").iterdir()
        assert f"Its log: home{told}/batches/{batch.name}/log.jsonl" in ran.out
        [logged] = [json.loads(each) for each in (batch / "log.jsonl").read_text().splitlines()]
        assert logged["error"] == ("KeyError: 'nowhere'" if told else "KeyError")
        assert ("'nowhere'" in logged["traceback"]) == told
        assert ".py" in logged["traceback"]


def test_one_interrupt_stops_all_runs_and_keeps_them(tmp_path: Path) -> None:
    desks(tmp_path, 3)
    with subprocess.Popen(
        [*PROGRAM, "batch", tmp_path, "--jobs", "2", "--home", tmp_path / ".socratune"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        # At the end of whichever comes first: two others are not done yet.
        ended = next(told for told in process.stderr if told.startswith("desk"))
        process.send_signal(signal.SIGINT)
        _, said = process.stderr.read(), process.stdout.read()
    assert process.returncode == 130, ended
    assert "interrupted" in said
    assert "socratune resume batch-" in said
