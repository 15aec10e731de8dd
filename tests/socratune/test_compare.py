from __future__ import annotations

import contextlib
import io
import json
import re
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from socratune.comparison_arms import Finish, Line, Ran, line_of, ran
from socratune.comparison_result import Compared, compared
from socratune.comparison_screen import after
from socratune.comparisons import KEPT, Arm, arms_of
from socratune.graphs.recipes import RECIPES
from socratune.memory.errors import BadInput
from socratune.memory.lessons import Lessons
from socratune.memory.records import ExampleId
from socratune.memory.runs import Home, RunFolder
from socratune.options import Manner
from socratune.tools.statistics import detectable

from .conftest import Command, lay_out

PROGRAM = [sys.executable, "-c", "from socratune.cli import main; main()"]
SMALL = ("--budget", "rollouts=160")
WORDS = ("--recipes", "auto", "--seeds", "2", "--control", "shuffled-errors")


def compare_in(home: Path) -> Path:
    """The folder of the only compare."""
    [folder] = (home / "compares").iterdir()
    return folder


def rows_of(folder: Path, query: str) -> list[tuple[object, ...]]:
    """What a query finds in the ledgers of all runs of a compare, with the run's name in front."""
    found = []
    for ledger in sorted(folder.glob("runs/*/ledger.db")):
        # A run that was killed as it began has a ledger without a table.
        with contextlib.suppress(sqlite3.OperationalError), sqlite3.connect(ledger) as opened:
            found += [(ledger.parent.name, *row) for row in opened.execute(query)]
    return found


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> str:
    """A second recipe, which gives up at once."""
    monkeypatch.setitem(RECIPES, "idle", replace(RECIPES["auto"], name="idle", patience=1))
    return "idle"


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> str:
    """A recipe with a fault of ours: an operator that there is not."""
    monkeypatch.setitem(RECIPES, "broken", replace(RECIPES["auto"], name="broken", proposers=("nowhere",)))
    return "broken"


VERDICTS = ("winner", "Proven", "difference", " over ", "gain")
"""What only a whole compare says."""


def test_compare_that_was_killed_goes_on_by_the_same_command_and_pays_nothing_twice(
    command: Command, desk: Path, tmp_path: Path
) -> None:
    words = ["compare", str(desk), *WORDS, *SMALL, "--concurrency", "4"]
    home = tmp_path / ".socratune"
    with subprocess.Popen([*PROGRAM, *words, "--home", home], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for told in process.stderr:
            if told.startswith("auto-seed-0:"):
                process.send_signal(signal.SIGKILL)
    folder = compare_in(home)
    completed = "select key from calls where state = 'completed'"
    paid = set(rows_of(folder, completed))
    assert paid
    assert not (folder / "result.json").exists()

    record = command(*words, "--json", "--yes").json
    assert record["compare"] == folder.name
    assert [arm["recipe"] for arm in record["arms"]] == ["auto", "auto (shuffled errors)"]
    assert all(len(arm["runs"]) == 2 for arm in record["arms"])
    after = rows_of(folder, completed)
    assert paid < set(after)
    assert len(after) == len(set(after))
    real = [row[1] for row in rows_of(folder, completed + " and shared = 0 and role = 'target'")]
    assert len(real) == len(set(real))  # no provider was asked the same twice, in whichever run
    assert command("resume", folder.name, "--json").json == record
    assert Home(path=home).runs() == []
    assert len(list((home / "compares").iterdir())) == 1


def test_every_run_is_charged_as_if_alone_and_what_was_paid_is_told_beside_it(
    command: Command, desk: Path, tmp_path: Path, idle: str
) -> None:
    ran = command("compare", desk, "--recipes", f"auto,{idle}", "--seeds", "1", *SMALL, "--json")
    record = ran.json
    assert ran.code in (0, 3)
    booked = rows_of(compare_in(tmp_path / ".socratune"), "select count(*), sum(1 - shared), sum(usd) from calls")
    assert sum(int(str(row[1])) for row in booked) == record["charged"]["calls"]
    assert sum(int(str(row[2])) for row in booked) == record["paid"]["calls"] < record["charged"]["calls"]
    assert sum(float(str(row[3])) for row in booked) == pytest.approx(record["charged"]["usd"])
    assert all(0 < arm["calls"]["target"] <= 160 for arm in record["arms"])


def test_all_arms_are_scored_on_the_same_sealed_rows_and_that_is_one_look(
    command: Command, tmp_path: Path, idle: str
) -> None:
    desk = lay_out(tmp_path, rows=60)  # so that a second compare finds no fresh rows
    words = ["compare", desk, *SMALL, "--json", "--quiet"]
    record = command(*words, "--recipes", f"auto,{idle}", "--seeds", "2").json
    home = Home(path=tmp_path / ".socratune")
    settings = rows_of(compare_in(home.path), "select settings from runs")
    assert len({json.dumps(json.loads(str(row[1]))["rows"]["test"]) for row in settings}) == 1
    lessons = Lessons.open(home.memory)
    assert lessons.looks(lessons.sealed_groups()) == 1
    lessons.close()
    assert record["look"] == 1
    assert {duel["rows"] for duel in record["differences"]} == {record["rows"]}
    again = command(*words, "--recipes", idle, "--seeds", "1").json
    assert (again["look"], again["alpha"]) == (2, 0.025)


def test_table_names_arms_amounts_and_a_winner_only_when_there_is_one(command: Command, desk: Path, idle: str) -> None:
    ran = command("compare", desk, "--recipes", f"auto,{idle}", "--seeds", "1", *SMALL)
    assert ran.code == 0
    for said in ("your own prompt", "auto", "auto over idle", "Charged", "really paid", "simulated"):
        assert said in ran.out or said.replace("auto over idle", "idle over auto") in ran.out
    assert "No winner: " in ran.out or "The winner: " in ran.out
    assert "all together: never more than 320 target calls" in ran.err
    assert "comparing opens 30 sealed rows" in ran.err


def test_arm_that_is_refused_is_listed_with_its_reason_and_the_rest_goes_on(
    command: Command, desk: Path, idle: str
) -> None:
    labelled = "expected: queue  # by hand\nmetric: exact"
    desk.write_text(desk.read_text().replace(labelled, 'metric: {rubric: "Names the right queue"}'))
    words = ["compare", desk, "--seeds", "1", *SMALL, "--json", "--recipes"]
    ran = command(*words, f"ape,{idle}")
    assert [line for line in ran.err.splitlines() if "ape" in line] == [
        "ape is left out: recipe 'ape' learns from labelled rows, and no row has an expected answer"
    ]
    assert f"1 run: {idle}, each with 1 seed" in ran.err
    assert "all together: never more than 160 target calls" in ran.err
    record = ran.json
    assert list(record["refused"]) == ["ape"]
    assert "no row has an expected answer" in record["refused"]["ape"]
    assert [arm["recipe"] for arm in record["arms"]] == [idle]


def test_when_all_arms_are_refused_nothing_is_announced_called_or_left(
    command: Command, desk: Path, tmp_path: Path
) -> None:
    labelled = "expected: queue  # by hand\nmetric: exact"
    desk.write_text(desk.read_text().replace(labelled, 'metric: {rubric: "Names the right queue"}'))
    ran = command("compare", desk, *SMALL, "--recipes", "ape,few-shot")
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "recipe 'ape' learns from labelled rows" in ran.err
    assert "recipe 'few-shot' learns from labelled rows" in ran.err
    assert not (tmp_path / ".socratune" / "compares").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--recipes", "auto,gepo"], "unknown recipe 'gepo'"),
        (["--recipes", " , "], "names no recipe"),
        (["--recipes", "auto", "--recipe", "auto"], "write --recipes"),
        (["--recipes", "auto", "--budget", "rollouts=1"], "leaves no rows for the final test"),
        (["--recipes", "auto", "--budget", "minutes=5"], "no cap on minutes: the order of the recipes would decide"),
    ],
)
def test_compare_that_cannot_be_begun_is_refused_in_one_line(
    command: Command, desk: Path, tmp_path: Path, words: list[str], said: str
) -> None:
    ran = command("compare", desk, *words)
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert said in ran.err
    assert not (tmp_path / ".socratune" / "compares").exists()


def test_one_interrupt_stops_a_compare_that_goes_on_only_with_the_same_task(
    command: Command, desk: Path, tmp_path: Path
) -> None:
    with subprocess.Popen(
        [*PROGRAM, "compare", desk, *WORDS, *SMALL, "--home", tmp_path / ".socratune"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        for told in process.stderr:
            if told.startswith("auto-seed-0:"):
                process.send_signal(signal.SIGINT)
        said = process.stdout.read()
    assert process.returncode == 130
    assert "socratune resume compare-" in said
    assert not any(verdict in said for verdict in VERDICTS)
    calls = rows_of(compare_in(tmp_path / ".socratune"), "select key from calls where state = 'completed'")
    assert f"Charged {len(calls):,} calls" in said
    desk.write_text(desk.read_text().replace("Which queue", "What queue"))
    refused = command("resume", compare_in(tmp_path / ".socratune").name)
    assert refused.code == 2
    assert "the task or its rows have changed since compare-" in refused.err


def test_provider_that_is_gone_pauses_the_compare_and_whoever_pays_is_asked_before_it_goes_on(
    command: Command, desk: Path, tmp_path: Path
) -> None:
    words = ["--target", "openai:x@http://127.0.0.1:9/v1", "--optimizer", "sim:ticket-routing:strong", "--yes"]
    ran = command("compare", desk, *WORDS, *SMALL, *words)
    assert ran.code == 4
    assert "not begun" in ran.out
    assert not any(verdict in ran.out for verdict in VERDICTS)
    assert "Go on: socratune resume compare-" in ran.out
    refused = command("resume", compare_in(tmp_path / ".socratune").name)
    assert (refused.code, refused.out) == (2, "")
    for told in ("127.0.0.1:9 is sent", "4 runs to go on with: ", "never more than 640 target calls", "pass --yes"):
        assert told in refused.err


def test_judge_that_only_one_recipe_calls_is_named_and_asked_for_before_the_first_call(
    command: Command, desk: Path, tmp_path: Path
) -> None:
    judge = ("--judge", "openai:j@http://127.0.0.1:9/v1", "--price", "judge=1,1")
    refused = command("compare", desk, "--recipes", "gepa,spo", "--seeds", "1", *SMALL, *judge)
    assert refused.code == 2
    assert "--yes" in refused.err
    assert not list(tmp_path.glob(".socratune/compares/*"))


def test_budget_that_lets_nothing_be_called_opens_no_row(command: Command, desk: Path, tmp_path: Path) -> None:
    refused = command("compare", desk, "--recipes", "auto", "--budget", "0")
    assert (refused.code, "a budget of 0 calls nothing" in refused.err) == (2, True)
    assert not list(tmp_path.glob(".socratune/compares/*"))


def test_fault_in_a_run_is_told_by_its_type_and_leaves_a_traceback_and_no_verdict(
    command: Command, desk: Path, tmp_path: Path, idle: str, broken: str
) -> None:
    ran = command("compare", desk, "--recipes", f"{broken},{idle}", "--seeds", "1", *SMALL)
    assert ran.code == 1
    assert "broken-seed-0: failed: KeyError: 'nowhere'" in ran.out
    assert "broken-seed-0: failed. KeyError: 'nowhere'" in ran.err
    assert not any(verdict in ran.out for verdict in VERDICTS)
    folder = compare_in(tmp_path / ".socratune")
    [line] = [json.loads(line) for line in folder.joinpath("log.jsonl").read_text().splitlines()]
    assert (line["event"], line["run"], line["error"]) == ("failed", "broken-seed-0", "KeyError")
    assert ".py" in line["traceback"]
    assert line["traceback"].endswith("KeyError\n")
    assert "'nowhere'" not in line["traceback"], "a message may hold rows"
    assert "log.jsonl" in ran.out
    assert not folder.joinpath("result.json").exists()


def test_compare_that_is_not_whole_tells_a_program_what_is_paid_and_proves_nothing(
    command: Command, desk: Path, tmp_path: Path, idle: str, broken: str
) -> None:
    record = command("compare", desk, "--recipes", f"{idle},auto,{broken}", "--seeds", "1", *SMALL, "--json").json
    assert (record["status"], record["winner"], record["better"], record["differences"]) == ("failed", None, [], [])
    assert record["seed"] == {"score": None}
    assert [(arm["score"], arm["interval"], arm["gain"]) for arm in record["arms"]] == [(None, None, None)] * 3
    failed = f"{record['compare']}/broken-seed-0: failed: KeyError: 'nowhere'"
    assert [arm["unended"] for arm in record["arms"]] == [[], [], [failed]]
    booked = rows_of(compare_in(tmp_path / ".socratune"), "select count(*) from calls")
    assert [row[0] for row in booked] == ["auto-seed-0", "broken-seed-0", "idle-seed-0"]
    assert record["charged"]["calls"] == sum(int(str(row[1])) for row in booked)


def test_run_that_was_killed_as_it_began_counts_as_unfinished_and_free(tmp_path: Path) -> None:
    folder = RunFolder(path=tmp_path / "auto-seed-0")
    folder.path.mkdir()
    assert ran(folder, 0, None) == Ran(run=folder.id, seed=0, status="not begun")
    folder.ledger.touch()
    assert ran(folder, 0, None) == Ran(run=folder.id, seed=0, status="unfinished")


def test_run_that_ended_before_the_compare_was_cut_off_again_keeps_its_result(
    command: Command, desk: Path, tmp_path: Path
) -> None:
    command("compare", desk, "--recipes", "seed", "--seeds", "1", *SMALL)
    folder = RunFolder(path=compare_in(tmp_path / ".socratune"))
    [line] = compared(folder, KEPT.read(folder), {}).lines
    assert [run.status for run in line.ended] == ["no_improvement"]


def test_attempts_without_an_answer_are_told_for_each_arm_by_role(
    command: Command, desk: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    answer = (
        "def answer(messages, row):\n    if 'a' in row['ticket'][:9]:\n        raise ValueError\n    return 'sales'\n"
    )
    (tmp_path / "app.py").write_text(answer)
    models = "target: python:app.py:answer\noptimizer: sim:ticket-routing:strong\n"
    desk.write_text(desk.read_text().replace("target: sim:ticket-routing\n", models))
    words = ["compare", desk, "--recipes", "seed", "--seeds", "1", *SMALL, "--allow-code", "--yes"]
    ran = command(*words)
    [arm] = command("resume", compare_in(tmp_path / ".socratune").name, "--json").json["arms"]
    assert arm["errors"]["target"] > 0
    assert arm["errors"]["optimizer"] == arm["errors"]["judge"] == 0
    failed = arm["errors"]["target"]
    assert f"seed: {failed} attempts at a call gave no answer ({failed} of the target)." in ran.out


def test_each_seeds_score_is_shown_and_in_the_record(command: Command, desk: Path, tmp_path: Path) -> None:
    ran = command("compare", desk, "--recipes", "few-shot", "--seeds", "3", *SMALL)
    [arm] = command("resume", compare_in(tmp_path / ".socratune").name, "--json").json["arms"]
    assert [each["seed"] for each in arm["seeds"]] == [0, 1, 2]
    scores = [each["score"] for each in arm["seeds"]]
    assert sum(scores) / 3 == pytest.approx(arm["score"])
    assert " ".join(f"{score:.2f}".removeprefix("0")[:3] for score in scores) in ran.out


def test_what_the_sealed_rows_could_prove_is_said_before_and_falls_with_the_number_of_recipes(
    command: Command, desk: Path, tmp_path: Path, idle: str
) -> None:
    said = {}
    for recipes in ("seed", f"seed,{idle}", f"seed,{idle},few-shot"):
        ran = command("compare", desk, "--recipes", recipes, "--seeds", "1", *SMALL, "--home", tmp_path / recipes[-9:])
        [line] = [line for line in ran.err.splitlines() if "80 % chance to be proven" in line]
        said[recipes.count(",") + 1] = int(re.findall(r"of (\d+) points", line)[0])
        assert "forecast: " in ran.err
    assert said[1] < said[2] < said[3]
    alphas = {1: 0.05, 2: 0.025, 3: 0.0125}
    assert said == {arms: round(100 * detectable(30, alpha=alpha)) for arms, alpha in alphas.items()}


def test_command_of_a_finished_compare_says_where_its_numbers_are_and_that_this_is_a_new_look(
    command: Command, desk: Path, tmp_path: Path
) -> None:
    words = ["compare", desk, "--recipes", "seed", "--seeds", "1", *SMALL]
    first = command(*words)
    done = compare_in(tmp_path / ".socratune").name
    again = command(*words)
    assert "had the same task" not in first.err
    assert (
        f"{done} had the same task, and what it found is in .socratune/compares/{done}/result.json: "
        "this one is a new look" in again.err
    )


SEALED = 60


def line(name: str, right: int, *, rows: int = SEALED, shuffled: bool = False) -> Line:
    """An arm with one run that scored some sealed rows and was right on the first of them; the seed on none."""
    found = {ExampleId(f"r{number}"): float(number < right) for number in range(rows)}
    finish = Finish(seed=dict.fromkeys(found, 0.0), finalist=found, length=100)
    run = Ran(run=f"{name}-seed-0", seed=0, status="no_improvement", finish=finish)
    return line_of(Arm(recipe=name, shuffled=shuffled), [run], whole=True)


def found_of(*lines: Line) -> Compared:
    """A compare that has ended."""
    return Compared(id="compare-1", lines=lines, look=1, rows=SEALED, refused={})


def said_of(found: Compared) -> str:
    """What a person is told at its end."""
    console = Console(width=300, file=io.StringIO())
    with console.capture() as said:
        console.print(after(found, Manner()))
    return said.get()


@pytest.mark.parametrize("rows", [2, 0])
def test_nobody_beats_anybody_while_an_arm_lacks_rows_that_others_have(rows: int) -> None:
    assert found_of(line("a", 60), line("b", 30)).winner == "a"
    cut = found_of(line("a", 60), line("b", 30), line("c", 0, rows=rows))
    record = cut.as_dict()
    assert (record["status"], record["winner"], record["better"], record["differences"]) == ("no_verdict", None, [], [])
    assert record["lacking"] == {"c": rows}
    assert {arm["gain"] for arm in record["arms"]} == {None}
    said = said_of(cut)
    assert not any(verdict in said for verdict in (*VERDICTS[:-1], "No winner"))
    [told] = [told for told in said.splitlines() if told.startswith("No verdict: ")]
    assert f"c has scores of all its runs on {rows} of 60 sealed rows" in told
    assert "raise the cap" in told


def test_a_few_rows_that_an_arm_lacks_leave_the_verdict() -> None:
    found = found_of(line("a", 60), line("b", 30, rows=54))
    assert (found.winner, found.lacking, found.status) == ("a", {}, "improved")
    assert found_of(line("a", 60), line("b", 30, rows=53)).status == "no_verdict"


def test_a_control_that_lacks_rows_is_not_counted_and_takes_no_verdict_from_others() -> None:
    found = found_of(line("a", 60), line("b", 30), line("a", 1, rows=5, shuffled=True))
    assert (found.winner, list(found.gains)) == ("a", ["a", "b"])
    said = said_of(found)
    assert "Not counted: a (shuffled errors) has scores of all its runs on 5 of 60 sealed rows" in said
    assert "from shuffled ones" not in said


def test_a_control_is_set_beside_its_own_recipe_whatever_that_is_called() -> None:
    said = said_of(found_of(line("a", 20), line("a (b)", 60), line("a (b)", 30, shuffled=True)))
    assert "a (b) gains +100 from its errors, +50 from shuffled ones; the difference" in said


def test_a_single_difference_is_told_to_be_a_little_too_sure_since_the_same_rows_chose_the_best() -> None:
    arms = line("a", 60), line("b", 30), line("c", 20)
    assert "A single difference is a little too sure, for these very rows chose a" in said_of(found_of(*arms))
    assert "too sure" not in said_of(found_of(*arms[:2])), "of two, the only difference is as sure as it says"


def test_a_control_that_would_shuffle_nothing_is_refused() -> None:
    with pytest.raises(BadInput, match="there is nothing to shuffle: no agent of opro, seed is shown errors"):
        arms_of("opro,seed", shuffled=True)
    assert [str(arm) for arm in arms_of("opro,auto", shuffled=True)] == ["opro", "auto", "auto (shuffled errors)"]


def test_minutes_in_the_task_file_are_refused_with_the_way_out(command: Command, tmp_path: Path) -> None:
    file = lay_out(tmp_path)
    file.write_text(re.sub(r"^budget:.*$", "budget: {rollouts: 160, minutes: 5}", file.read_text(), flags=re.MULTILINE))
    refused = command("compare", file, "--recipes", "auto", "--budget", "rollouts=150")
    assert refused.code == 2
    assert "take `minutes` out of the budget, in the task file too" in refused.err
