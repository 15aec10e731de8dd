from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socratune.memory.calls import CallStart
from socratune.memory.ledger import Ledger
from socratune.memory.records import Budget
from socratune.memory.runs import Home
from socratune.retest import FinishedRun, caps_of
from socratune.scoring import mean_interval, purse_of

from .conftest import TASK, Command, Finished, lay_out, tickets


@pytest.fixture
def copied(finished: Finished, tmp_path: Path) -> Finished:
    """A finished run of one's own, to change."""
    home = tmp_path / ".socratune"
    shutil.copytree(finished.home, home)
    copy = Finished(task=lay_out(tmp_path), home=home, id=finished.id, ran=finished.ran)
    order = copy.folder / "order.json"
    order.write_text(json.dumps(json.loads(order.read_text()) | {"file": str(copy.task)}))
    return copy


def test_fresh_rows_are_another_look_at_less_alpha(command: Command, copied: Finished, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text(tickets(150, 250))
    ran = command("test", copied.id, "--data", "new.csv", "--json")
    assert (ran.code, ran.json["status"]) == (0, "improved")
    assert (ran.json["look"], ran.json["test"]["alpha"]) == (2, 0.025)
    (tmp_path / "newer.csv").write_text(tickets(250, 300))
    third = command("test", copied.id, "--data", "newer.csv", "--json").json
    assert (third["look"], third["test"]["alpha"]) == (3, 0.0125)


def test_a_prompt_that_was_applied_is_tested_against_the_one_before(
    command: Command, copied: Finished, tmp_path: Path
) -> None:
    (tmp_path / "new.csv").write_text(tickets(150, 200))
    unapplied = command("test", copied.id, "--data", "new.csv", "--json").json
    (copied.folder / "looks.json").unlink()
    (copied.folder / "look2.db").unlink()
    assert command("apply", copied.id, "--yes").code == 0
    assert command("test", copied.id, "--data", "new.csv", "--json").json == unapplied
    shown = command("test", copied.id, "--data", "new.csv").out
    assert f"Your prompt {unapplied['means']['seed']:.3f}" in shown
    assert "95 % interval" in shown


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


def test_eval_on_rows_of_a_search_claims_no_improvement(command: Command, finished: Finished) -> None:
    files = (finished.folder / "best.yaml", finished.task)
    for (file, against), said in ((files, "points higher ("), (files[::-1], "points lower (")):
        ran = command("eval", file, "--against", against)
        assert ran.code == 0
        assert said in ran.out
        assert "on 150 rows:" in ran.out
        assert "Rows that a search has used prove nothing" in ran.out
        assert "mproved" not in ran.out


def test_eval_gives_the_target_to_both_sides(command: Command, desk: Path) -> None:
    desk.with_name("other.yaml").write_text(TASK.replace("sim:ticket-routing", "sim:nowhere"))
    words = ("--against", "other.yaml", "--budget", "rollouts=40", "--target", "sim:ticket-routing")
    assert command("eval", desk, *words).code == 0


def test_eval_goes_on_with_its_own_rows_alone(command: Command, desk: Path) -> None:
    command("eval", desk, "--budget", "rollouts=30")
    desk.with_name("tickets.csv").write_text(tickets(150, 300))
    ran = command("resume", "last")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "have changed since run" in ran.err
    assert "socratune eval" in ran.err


@pytest.mark.parametrize(("old", "new"), [("Which queue", "What queue"), ("metric: exact", "metric: f1")])
def test_test_of_a_run_whose_task_has_changed_is_refused(
    command: Command, copied: Finished, tmp_path: Path, *, old: str, new: str
) -> None:
    (tmp_path / "new.csv").write_text(tickets(150, 200))
    copied.task.write_text(TASK.replace(old, new))
    ran = command("test", copied.id, "--data", "new.csv")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "have changed since run" in ran.err
    assert not (copied.folder / "looks.json").exists()


def test_rows_that_a_run_has_seen_cannot_be_taken_out_of_its_file(
    command: Command, copied: Finished, tmp_path: Path
) -> None:
    (tmp_path / "old.csv").write_text(tickets(0, 50))
    (tmp_path / "tickets.csv").write_text(tickets(50, 150))
    assert command("test", copied.id, "--data", "old.csv").code == 2


def test_two_looks_are_not_taken_at_once(command: Command, copied: Finished, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text(tickets(150, 200))
    with Home(path=copied.home).run(copied.id).held():
        ran = command("test", copied.id, "--data", "new.csv")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert not (copied.folder / "looks.json").exists()


def test_killed_test_goes_on_within_its_budget(command: Command, copied: Finished, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text(tickets(150, 200))
    words = ("test", copied.id, "--data", "new.csv", "--budget", "rollouts=30", "--json")
    first, looks = command(*words).json, copied.folder / "looks.json"
    begun = json.loads(looks.read_text())
    begun[0]["verdict"] = None
    looks.write_text(json.dumps(begun))
    assert command(*words).json == first
    ledger = Ledger.open(copied.folder / "look2.db", copied.id)
    assert ledger.spent()["target"].rollouts == 30
    ledger.close()


async def test_call_that_was_in_flight_at_a_kill_counts_against_the_budget(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.db", "run")
    ledger.begin_run({})
    await ledger.begin_call(CallStart(key="k", role="target", phase="test", model="m", reserved_usd=1.5))
    purse = purse_of([ledger, ledger], Budget(usd=2))
    ledger.close()
    assert purse.room("usd", "test") == pytest.approx(0.5)


def test_test_keeps_to_the_usd_cap_of_its_task(command: Command, desk: Path) -> None:
    desk.write_text(TASK.replace("rollouts: 400", "rollouts: 400, usd: 50"))
    (desk.parent / ".socratune").mkdir()
    (desk.parent / ".socratune" / "salt").write_text("tests\n")
    command("optimize", desk, "--quiet", "--no-memory")
    run = FinishedRun.read(Home(path=desk.parent / ".socratune").runs()[0])
    assert caps_of(run, 40) == Budget(rollouts=80, usd=50)


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


def test_eval_that_scored_nothing_does_not_succeed(command: Command, desk: Path) -> None:
    ran = command("eval", desk, "--json", "--budget", "rollouts=0")
    assert (ran.code, ran.json["calls"], ran.json["scores"]["task.yaml"]["mean"]) == (3, 0, None)
    desk.with_name("other.yaml").write_text(TASK.replace("Which", "What"))
    half = command("eval", desk, "--against", "other.yaml", "--budget", "rollouts=2")
    assert half.code == 3
    assert "nothing to compare" in half.out


def test_eval_compares_prompts_whose_rows_say_the_same_in_other_files(command: Command, desk: Path) -> None:
    desk.with_name("other.csv").write_text((desk.parent / "tickets.csv").read_text())
    desk.with_name("other.yaml").write_text(TASK.replace("tickets.csv", "other.csv").replace("Which", "What"))
    words = ("--against", "other.yaml", "--budget", "rollouts=40")
    assert command("eval", desk, *words).code == 0
    changed = (desk.parent / "tickets.csv").read_text().splitlines()
    desk.with_name("other.csv").write_text("\n".join([*changed[:2], changed[3], changed[2], *changed[4:]]) + "\n")
    ran = command("eval", desk, *words)
    assert ran.code == 2
    assert "r2 is the first that differs" in ran.err


def test_eval_says_which_rows_fell_short_and_its_report_shows_them(command: Command, desk: Path) -> None:
    ran = command("eval", desk, "--json", "--budget", "rollouts=40")
    side = ran.json["scores"]["task.yaml"]
    assert len(side["failing"]) == min(10, side["short"]) > 0
    first = side["failing"][0]
    assert (first["reward"], first["given"] == first["expected"]) == (0, False)
    told = command("report", "last")
    assert told.code == 0
    assert f"Short of a full score: {side['short']} rows" in told.out
    assert f"expected: {first['expected']}" in told.out


def test_a_prompt_file_is_no_baseline(command: Command, desk: Path) -> None:
    desk.with_name("orig.bak").write_text("You route: tickets\n - to: [a queue\n")
    ran = command("eval", desk, "--against", "orig.bak")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "orig.bak: this is no task file" in ran.err
