from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socratune.memory.errors import BadInput, RunOwned
from socratune.memory.runs import Home, RunFolder

HOLD = """
import sys, time
from pathlib import Path
from socratune.memory.runs import RunFolder
with RunFolder(path=Path(sys.argv[1])).held():
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def holder(run: RunFolder) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(run.path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def folder(home: Home, name: str) -> RunFolder:
    run = RunFolder(path=home.path / "runs" / name)
    run.path.mkdir()
    run.begun.touch()
    time.sleep(0.02)  # the clock of a file system ticks slowly
    return run


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(path=tmp_path / ".socratune")
    made.prepare()
    return made


def test_a_second_process_is_refused_at_once_and_told_who_holds_the_run(home: Home) -> None:
    run = home.new_run("desk")
    with holder(run) as process:
        began = time.monotonic()
        with pytest.raises(RunOwned, match=f"held by process {process.pid} since"), run.held():
            pytest.fail("two processes hold one run")
        assert time.monotonic() - began < 2


def test_a_killed_holder_frees_its_run_at_once(home: Home) -> None:
    run = home.new_run("desk")
    with holder(run) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        with run.held(), pytest.raises(RunOwned, match=f"process {os.getpid()} since"), run.held():
            pytest.fail("two hold one run")


def test_a_run_is_free_again_after_it_was_held_also_when_that_failed(home: Home) -> None:
    run = home.new_run("desk")
    with pytest.raises(ZeroDivisionError), run.held():
        raise ZeroDivisionError
    with run.held():
        pass


def test_a_holder_without_a_note_is_still_a_holder(home: Home) -> None:
    run = home.new_run("desk")
    with run.held():
        (run.path / "owner").unlink()
        with pytest.raises(RunOwned, match="another process"), run.held():
            pytest.fail("two hold one run")


def test_runs_are_closed_to_others_and_ignored_by_git(home: Home) -> None:
    run = home.new_run("desk")
    assert [mode(each) for each in (home.path, home.path / "runs", run.path)] == [0o700] * 3
    assert (home.path / ".gitignore").read_text() == "*\n"


def test_an_ignore_file_of_the_user_is_left_alone(home: Home) -> None:
    (home.path / ".gitignore").write_text("!keep\n")
    home.prepare()
    assert (home.path / ".gitignore").read_text() == "!keep\n"


@settings(max_examples=30)
@given(name=st.text())
def test_whatever_a_task_is_called_its_run_has_an_id_that_is_safe(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Home(path=Path(folder) / "home")
        run = home.new_run(name)
        assert re.fullmatch(r"[a-z0-9][a-z0-9-]{2,62}", run.id)
        assert run.path.parent == home.path / "runs"
        assert home.run(run.id) == run


def test_two_runs_of_one_task_are_two_folders(home: Home) -> None:
    assert home.new_run("Ticket routing!").id.startswith("ticket-routing-")
    assert len({home.new_run("desk").id for _ in range(5)}) == 5


def test_a_run_is_found_by_its_id_its_beginning_or_as_the_last(home: Home) -> None:
    first, longer, last = (folder(home, name) for name in ("desk-1", "desk-12", "news-1"))
    assert home.run("desk-1") == first  # exact, though another begins with it
    assert home.run("desk-12") == longer
    assert home.run("news") == last
    assert home.run("last") == last
    assert home.runs() == [last, longer, first]


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ("desk", "2 runs begin with 'desk'"),
        ("new", "no run 'new'"),
        ("../desk-1", "no run"),
        ("d", "no run"),
        ("", "no"),
    ],
)
def test_a_run_that_is_not_one_is_refused(home: Home, asked: str, problem: str) -> None:
    folder(home, "desk-1")
    folder(home, "desk-2")
    with pytest.raises(BadInput, match=problem) as refused:
        home.run(asked)
    assert "socratune runs" in refused.value.cure


def test_there_is_no_last_run_before_the_first(tmp_path: Path) -> None:
    assert Home(path=tmp_path).runs() == []
    with pytest.raises(BadInput):
        Home(path=tmp_path).run("last")


def test_a_link_is_no_run(home: Home) -> None:
    elsewhere = home.new_run("desk")
    elsewhere.path.rename(home.path / "elsewhere")
    (home.path / "runs" / "linked-1").symlink_to(home.path / "elsewhere")
    assert home.runs() == []


def test_a_forgotten_run_leaves_nothing(home: Home) -> None:
    run = home.new_run("desk")
    run.log.write_text("a line")
    home.forget_run(run)
    assert not run.path.exists()


def test_a_project_keeps_its_salt(home: Home, tmp_path: Path) -> None:
    salt = home.salt()
    assert len(salt) == 16
    assert Home(path=home.path).salt() == salt
    assert Home(path=tmp_path / "other").salt() != salt


def test_all_files_of_a_run_stand_in_its_folder(home: Home) -> None:
    run = home.new_run("desk")
    files = (run.ledger, run.checkpoints, run.log, run.result, run.leading, run.best, run.candidate, run.report)
    assert len(set(files)) == 8
    assert {file.parent for file in files} == {run.path}
    assert home.memory == home.path / "memory.db"


def test_a_chat_is_found_by_its_id_and_the_newest_as_last(tmp_path: Path) -> None:
    home = Home(path=tmp_path / ".socratune")
    with pytest.raises(BadInput, match="no chat 'last'"):
        home.chat("last")
    chat = home.new_chat()
    assert chat.path.stat().st_mode & 0o777 == 0o700
    assert home.chat(chat.id) == home.chat("last") == chat
    for name in ("", "..", "../runs", chat.id[:4]):
        with pytest.raises(BadInput, match="no chat"):
            home.chat(name)


def compared(home: Home, *runs: str) -> RunFolder:
    made = home.new_compare()
    for name in runs:
        made.part(name).path.mkdir()
    return made


def test_a_run_of_a_compare_is_found_by_both_ids_or_their_beginnings(home: Home) -> None:
    made = compared(home, "auto-seed-1", "auto-seed-10", "gepa-seed-1")
    found = home.run(f"{made.id}/auto-seed-1")
    assert (found.path, found.id) == (made.path / "runs" / "auto-seed-1", "auto-seed-1")
    assert (found.name, found.home) == (f"{made.id}/auto-seed-1", home.path)
    assert home.run(f"{made.id[:-1]}/gepa") == made.part("gepa-seed-1")
    with pytest.raises(BadInput, match="2 runs begin with 'auto'"):
        home.run(f"{made.id}/auto")
    compared(home)
    with pytest.raises(BadInput, match="2 compares begin with 'compare'"):
        home.run("compare/auto-seed-1")
    with pytest.raises(BadInput, match=f"no run 'spo' in {made.id}; name one of its runs: {made.id}/auto-seed-1"):
        home.run(f"{made.id}/spo")
    with pytest.raises(BadInput, match="no run 'compare-9/auto-seed-1' in "):
        home.run("compare-9/auto-seed-1")


@pytest.mark.parametrize("name", ["/", "../runs", "compare-/..", "/auto-seed-1", "a/b/c"])
def test_no_name_leads_out_of_a_compare(home: Home, name: str) -> None:
    compared(home, "auto-seed-1")
    with pytest.raises(BadInput):
        home.run(name)


def test_a_compare_is_no_run_and_says_which_it_has(home: Home) -> None:
    made, empty = compared(home, "auto-seed-1", "gepa-seed-1"), compared(home)
    with pytest.raises(BadInput, match=f"not a run; name one of its runs: {made.id}/auto-seed-1, {made.id}/gepa-seed"):
        home.run(made.id)
    with pytest.raises(BadInput, match=f"begin its runs with `socratune resume {empty.id}`"):
        home.run(empty.id)
    with pytest.raises(BadInput, match=f"no run 'gepa-seed-1' in .*; one of a compare is {made.id}/gepa-seed-1"):
        home.run("gepa-seed-1")
    assert home.runs() == []


def test_a_file_is_known_by_the_run_in_whose_folder_it_stands(home: Home) -> None:
    own, part = folder(home, "desk-1"), compared(home, "auto-seed-1").part("auto-seed-1")
    assert [home.run_with(each.best) for each in (own, part)] == [own, part]
    assert home.run_with(home.path.parent / "best.yaml") is None
