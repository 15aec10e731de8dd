"""Runs go when they are told to; what they taught and tested stays."""

from __future__ import annotations

import io
import os
import shutil
import time
from pathlib import Path

import pytest

from socratune.memory.errors import BadInput
from socratune.memory.lessons import Lessons
from socratune.memory.runs import Home, RunFolder
from socratune.tidying import seconds_of

from .conftest import Command, Finished

DAY = 86_400


@pytest.fixture
def home(finished: Finished, tmp_path: Path) -> Home:
    """A home with one finished run."""
    shutil.copytree(finished.home, tmp_path / ".socratune")
    return Home(path=tmp_path / ".socratune")


def copied(home: Home, finished: Finished, name: str, *, days: float, unfinished: bool = False) -> RunFolder:
    """Add a run that was begun so many days ago."""
    folder = RunFolder(path=home.path / "runs" / name)
    shutil.copytree(finished.folder, folder.path)
    if unfinished:
        folder.result.unlink()
    began = time.time() - days * DAY
    os.utime(folder.path / "order.json", (began, began))
    return folder


def sealed(home: Home) -> frozenset[str]:
    lessons = Lessons.open(home.memory)
    groups = lessons.sealed_groups()
    lessons.close()
    return groups


def test_removed_run_leaves_its_lessons_and_its_sealed_rows(command: Command, home: Home, finished: Finished) -> None:
    before = sealed(home)
    assert before
    ran = command("runs", "rm", finished.id, "--yes")
    assert ran.code == 0
    assert "stay sealed" in ran.out
    assert not home.runs()
    assert sealed(home) == before
    notes = command("estimate", finished.task, "--home", home.path, "--json").json["notes"]
    assert f"{len(before)} rows, copies counted once, were tested by an earlier run and stay in test." in notes


def test_prune_takes_the_old_and_keeps_the_young_and_the_unfinished(
    command: Command, home: Home, finished: Finished
) -> None:
    copied(home, finished, "old-1", days=31)
    copied(home, finished, "young-1", days=29)
    copied(home, finished, "begun-1", days=31, unfinished=True)
    ran = command("runs", "prune", "--older-than", "30d", "--yes", "--json")
    assert ran.json == {"schema_version": 1, "removed": ["old-1"], "kept": ["begun-1"]}
    assert {run.id for run in home.runs()} == {finished.id, "young-1", "begun-1"}
    assert "socratune runs rm begun-1" in ran.err
    assert command("runs", "rm", "begun-1", "--yes").code == 0
    assert command("runs", "prune", "--older-than", "30d").out == "There is nothing to remove.\n"


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, 0), ("n\n", 1, 1), ("", 2, 1)])
def test_nothing_is_removed_unasked(
    command: Command, home: Home, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, left: int
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    ran = command("runs", "rm", "last")
    assert (ran.code, len(home.runs())) == (code, left)
    assert "Remove 1 run?" in ran.err


def test_run_that_is_held_stays(command: Command, home: Home, finished: Finished) -> None:
    with home.run(finished.id).held():
        ran = command("runs", "rm", finished.id, "--yes")
    assert ran.code == 2
    assert str(os.getpid()) in ran.err
    assert (home.run(finished.id)).result.exists()


def test_name_that_is_no_run_removes_none_of_the_others(command: Command, home: Home, finished: Finished) -> None:
    assert command("runs", "rm", finished.id, "nothing", "--yes").code == 2
    assert [run.id for run in home.runs()] == [finished.id]


def test_home_that_stands_too_early_is_not_passed_over(command: Command, home: Home, finished: Finished) -> None:
    ran = command("runs", "--home", "elsewhere", "rm", finished.id, "--yes")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert [run.id for run in home.runs()] == [finished.id]


@pytest.mark.parametrize(("age", "seconds"), [("30d", 30 * DAY), ("12h", DAY // 2), ("4w", 28 * DAY), ("0d", 0)])
def test_age_is_read(age: str, seconds: int) -> None:
    assert seconds_of(age) == seconds


@pytest.mark.parametrize("age", ["30", "d", "-1d", "1.5d", "30 days", "9999999d"])
def test_what_is_no_age_is_refused(age: str) -> None:
    with pytest.raises(BadInput, match="30d, 12h or 4w"):
        seconds_of(age)
