from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socratune.scoring import mean_interval

from .conftest import TASK, Command, Finished, tickets


@pytest.fixture
def copied(finished: Finished, tmp_path: Path) -> Finished:
    """A finished run of one's own, to change."""
    home = tmp_path / ".socratune"
    shutil.copytree(finished.home, home)
    return Finished(task=finished.task, home=home, id=finished.id, ran=finished.ran)


def test_fresh_rows_are_another_look_at_less_alpha(command: Command, copied: Finished, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text(tickets(150, 250))
    ran = command("test", copied.id, "--data", "new.csv", "--json")
    assert (ran.code, ran.json["status"]) == (0, "improved")
    assert (ran.json["look"], ran.json["test"]["alpha"]) == (2, 0.025)
    (tmp_path / "newer.csv").write_text(tickets(250, 300))
    third = command("test", copied.id, "--data", "newer.csv", "--json").json
    assert (third["look"], third["test"]["alpha"]) == (3, 0.0125)


def test_look_that_was_taken_is_told_again(command: Command, copied: Finished, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text(tickets(150, 200))
    first = command("test", copied.id, "--data", "new.csv", "--json")
    again = command("test", copied.id, "--data", "new.csv", "--json")
    assert again.json == first.json
    assert again.err == ""


def test_rows_seen_before_are_refused_with_their_number(command: Command, copied: Finished, tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text(tickets(0, 40))
    ran = command("test", copied.id, "--data", "old.csv")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "40 of 40 rows" in ran.err
    assert not (copied.folder / "looks.json").exists()


def test_rows_seen_before_are_left_out_and_counted(command: Command, copied: Finished, tmp_path: Path) -> None:
    (tmp_path / "mixed.csv").write_text(tickets(140, 190))
    ran = command("test", copied.id, "--data", "mixed.csv", "--json")
    assert ran.json["left_out"] >= 10
    assert ran.json["test"]["n"] == 50 - ran.json["left_out"]


def test_rows_of_an_earlier_look_are_seen(command: Command, copied: Finished, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text(tickets(150, 200))
    (tmp_path / "more.csv").write_text(tickets(150, 230))
    command("test", copied.id, "--data", "new.csv")
    assert command("test", copied.id, "--data", "more.csv", "--json").json["left_out"] >= 50


def test_run_without_a_new_prompt_has_nothing_to_test(command: Command, desk: Path) -> None:
    command("optimize", desk, "--budget", "0", "--quiet", "--no-memory")
    (desk.parent / "new.csv").write_text(tickets(150, 200))
    assert command("test", "last", "--data", "new.csv").code == 2


def test_eval_scores_every_row(command: Command, desk: Path) -> None:
    ran = command("eval", desk, "--json")
    scores = ran.json["scores"]["task.yaml"]
    assert (ran.code, scores["rows"], ran.json["calls"]) == (0, 150, 150)
    assert scores["interval"][0] < scores["mean"] < scores["interval"][1]
    assert scores["unread"] > 0
    assert ran.err == "150 calls: 150 rows, 1 prompt\n"


def test_eval_stops_at_its_budget_and_says_so(command: Command, desk: Path) -> None:
    ran = command("eval", desk, "--json", "--budget", "rollouts=30")
    assert (ran.json["calls"], ran.json["cut_by"]) == (30, "rollouts")
    assert ran.json["scores"]["task.yaml"]["rows"] == 30


def test_eval_that_was_cut_goes_on_where_it_stood(command: Command, desk: Path) -> None:
    command("eval", desk, "--json", "--budget", "rollouts=30")
    assert command("resume", "last", "--json").json["calls"] == 30


def test_eval_against_a_task_with_other_rows_is_refused(command: Command, desk: Path) -> None:
    desk.with_name("other.csv").write_text(tickets(0, 100))
    desk.with_name("other.yaml").write_text(TASK.replace("tickets.csv", "other.csv"))
    assert command("eval", desk, "--against", "other.yaml").code == 2
    assert command("eval", desk, "--against", desk).code == 2


def test_eval_of_a_worse_prompt_ends_with_3(command: Command, finished: Finished) -> None:
    ran = command("eval", finished.task, "--against", finished.folder / "best.yaml")
    assert ran.code == 3
    assert "No reliable improvement" in ran.out


@given(right=st.integers(0, 500), rows=st.integers(1, 500))
def test_interval_holds_its_mean_and_stays_a_share(right: int, rows: int) -> None:
    mean = min(right, rows) / rows
    low, high = mean_interval(mean, rows)
    assert 0 <= low <= mean + 1e-9
    assert mean - 1e-9 <= high <= 1
    assert low < high


def test_saved_order_is_whole(finished: Finished) -> None:
    saved = json.loads((finished.folder / "order.json").read_text())
    assert Path(saved["file"]).is_absolute()
    assert saved["settings"]["memory"] is False
