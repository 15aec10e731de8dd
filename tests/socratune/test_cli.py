from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from stamina.instrumentation import get_on_retry_hooks, set_on_retry_hooks

from socratune.cli import meaning
from socratune.memory.errors import BadInput, Interrupted, Paused, RunOwned
from socratune.memory.runs import Home

from .conftest import TASK, Command, Finished, lay_out, tickets

HEAVY = ("langgraph", "chromadb", "langchain_core", "anthropic", "openai", "numpy", "scipy", "sqlalchemy", "stamina")


@pytest.mark.parametrize(
    "code", ["import socratune", "from socratune.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass"]
)
def test_import_and_help_load_nothing_heavy(code: str) -> None:
    check = f"import sys\n{code}\nprint('loaded:', [m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("loaded: []\n")


def test_help_names_every_command(command: Command) -> None:
    said = command("--help").out
    for name in ("optimize", "init", "runs", "resume", "apply", "test", "eval", "report", "demo", "doctor"):
        assert f" {name} " in said


def test_version_is_that_of_the_package(command: Command) -> None:
    assert command("--version").out.startswith("socratune 0.")


def test_shell_completion_offers_commands() -> None:
    asked = {"_SOCRATUNE_COMPLETE": "complete_bash", "COMP_WORDS": "socratune op", "COMP_CWORD": "1"}
    program = [sys.executable, "-c", "from socratune.cli import main; main()"]
    done = subprocess.run(program, capture_output=True, text=True, env=os.environ | asked, check=False)
    assert "optimize" in done.stdout


def spoiled(folder: Path, name: str) -> list[str | Path]:
    """Spoil a desk in one way and return the words that run it."""
    file = lay_out(folder)
    texts = {
        "unknown key": TASK.replace("metric:", "metrc:"),
        "missing variable": TASK.replace("{ticket}", "{{tikcet}}"),
        "unknown metric": TASK.replace("exact", "exatc"),
        "prompt without variables": TASK.replace("{ticket}", ""),
    }
    words: dict[str, list[str | Path]] = {
        "missing file": [folder / "nothing.yaml"],
        "empty data": [file, "--data", folder / "empty.csv"],
        "unknown model": [file, "--target", "sim:tickets"],
        "unlike any model": [file, "--target", "sim:zzzz"],
        "recipe for a model": [file, "--optimizer", "auto"],
        "method for a model": [file, "--optimizer", "IPC"],
        "negative budget": [file, "--budget", "-3"],
        "binary file": [file, "--data", folder / "binary.csv"],
        "half a line": [file, "--data", folder / "half.jsonl"],
    }
    file.write_text(texts.get(name, TASK))
    (folder / "empty.csv").write_text("ticket,queue\n")
    (folder / "binary.csv").write_bytes(bytes(range(256)))
    (folder / "half.jsonl").write_text('{"ticket": "a", "queue": "b"}\n{"ticket": "a", "qu')
    return words.get(name, [file])


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("missing file", "no such file"),
        ("unknown key", "did you mean 'metric'?"),
        ("missing variable", "did you mean 'ticket'?"),
        ("empty data", "no rows"),
        ("unknown metric", "did you mean 'exact'?"),
        ("unknown model", "did you mean 'ticket-routing'?"),
        ("unlike any model", "known: defective-seed, house-arithmetic, invoices"),
        ("recipe for a model", "'auto' is a recipe, not a model; write --recipe auto"),
        ("method for a model", "'IPC' is a recipe, not a model, and this version has no recipe of that name; known"),
        ("negative budget", "--budget"),
        ("binary file", "NUL"),
        ("half a line", "half.jsonl:2"),
        ("prompt without variables", "names no column"),
    ],
)
def test_bad_input_is_one_line_and_starts_no_run(command: Command, tmp_path: Path, name: str, told: str) -> None:
    ran = command("optimize", *spoiled(tmp_path, name))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert told in ran.err
    assert not list(tmp_path.glob(".socratune/runs/*"))


def test_too_few_rows_start_no_run(command: Command, desk: Path) -> None:
    desk.with_name("tickets.csv").write_text(tickets(0, 7))
    ran = command("optimize", desk)
    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert not list(desk.parent.glob(".socratune/runs/*"))


def test_misspelled_option_ends_with_2_and_with_json_all_the_same(command: Command, desk: Path) -> None:
    ran = command("optimize", desk, "--sed", "1", "--json")
    assert ran.code == 2
    assert ran.json["status"] == "failed"


def test_bad_input_with_json_is_one_object(command: Command, tmp_path: Path) -> None:
    ran = command("optimize", tmp_path / "nothing.yaml", "--json")
    assert (ran.code, ran.json["error"]["type"]) == (2, "BadInput")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadInput("x"), 2),
        (RunOwned("run", "pid 1"), 2),
        (Paused("x"), 4),
        (Interrupted(), 130),
        (ValueError("x"), 1),
    ],
)
def test_each_end_has_its_exit_code(error: Exception, code: int) -> None:
    assert meaning(error, "x")[1] == code


def test_unforeseen_error_is_one_line(command: Command, finished: Finished, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(finished.home, home)
    (home / "runs" / finished.id / "ledger.db").write_bytes(b"not a database, and long enough to be told apart" * 9)
    ran = command("report", finished.id, "--home", home)
    assert ran.code == 1
    assert ran.err.startswith("failed: DatabaseError")
    assert ran.err.count("\n") == 1


def test_improved_run_ends_with_0_and_tells_everything(finished: Finished) -> None:
    ran = finished.ran
    assert ran.code == 0
    for told in ("80 % chance", "simulated", "round 1", "teacher:", "new leader"):
        assert told in ran.err
    for told in ("Improved by", "your prompt", "What changed", "+++ user (new)", "best.yaml", "socratune apply"):
        assert told in ran.out
    assert "not that it is good on real models" in " ".join(ran.out.split())


def test_improved_run_leaves_its_files(finished: Finished) -> None:
    left = {path.name for path in finished.folder.iterdir()}
    assert {"best.yaml", "leading.yaml", "report.md", "result.json", "order.json", "ledger.db"} <= left
    record = json.loads((finished.folder / "result.json").read_text())
    assert record["status"] == "improved"
    assert "candidate.yaml" not in left


def test_best_prompt_is_a_task_file_again(command: Command, finished: Finished) -> None:
    ran = command("eval", finished.folder / "best.yaml", "--against", finished.task, "--json")
    assert (ran.code, ran.json["status"]) == (0, "scored")
    assert ran.json["comparison"]["difference"] > 0
    assert set(ran.json["scores"]) == {str(finished.folder / "best.yaml"), str(finished.task)}


def test_json_is_the_only_thing_on_stdout(command: Command, desk: Path) -> None:
    ran = command("optimize", desk, "--json", "--no-memory", "--budget", "rollouts=80")
    assert ran.json["status"] in ("improved", "promising", "no_improvement")
    assert ran.code == (0 if ran.json["status"] == "improved" else 3)


def test_quiet_shows_the_end_only(command: Command, desk: Path) -> None:
    ran = command("optimize", desk, "--quiet", "--no-memory", "--budget", "rollouts=80")
    assert ran.err == ""
    assert "Files in" in ran.out


def test_no_budget_calls_nothing_and_improves_nothing(command: Command, desk: Path) -> None:
    ran = command("optimize", desk, "--budget", "0", "--json", "--no-memory")
    assert (ran.code, ran.json["status"]) == (3, "no_improvement")
    assert ran.json["calls"]["rollouts"] + ran.json["calls"]["optimizer"] == 0


def test_same_seed_gives_the_same_run(command: Command, tmp_path: Path) -> None:
    shown = [command("demo", "--dir", tmp_path / name, "--json").json for name in ("one", "two")]
    for record in shown:
        record.pop("run")
        record["sentence"] = record["sentence"].split("`")[0]
    assert shown[0] == shown[1]


def test_demo_says_that_its_model_is_simulated_and_keeps_what_is_there(command: Command, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    ran = command("demo", "--dir", "mine")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert not list((tmp_path / "mine").iterdir())


def test_finished_run_is_told_again_without_a_call(command: Command, finished: Finished) -> None:
    ran = command("resume", finished.id, "--home", finished.home)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[0] == finished.ran.out.splitlines()[0]


def test_run_that_another_process_holds_is_refused_with_its_name(command: Command, desk: Path) -> None:
    assert command("optimize", desk, "--no-memory", "--quiet", "--budget", "rollouts=40").code == 3
    folder = Home(path=desk.parent / ".socratune").runs()[0]
    folder.result.unlink()
    with folder.held():
        ran = command("resume", folder.id, "--quiet")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert str(os.getpid()) in ran.err


def test_runs_are_listed_with_their_scores(command: Command, finished: Finished) -> None:
    ran = command("runs", "--home", finished.home)
    assert finished.id in ran.out
    assert "improved" in ran.out
    assert any(run["run"] == finished.id for run in command("runs", "--home", finished.home, "--json").json["runs"])


def test_no_runs_points_to_the_demo(command: Command) -> None:
    assert "socratune demo" in command("runs").out


def test_report_tells_the_dialogue(command: Command, finished: Finished) -> None:
    said = command("report", finished.id, "--home", finished.home).out
    for told in ("## The dialogue", "The teacher asked:", "rule:", "## Cost", "unreadable answers", "simulated"):
        assert told in said


def test_unfinished_run_has_no_report_but_a_cure(command: Command, tmp_path: Path) -> None:
    folder = Home(path=tmp_path / ".socratune").new_run("desk")
    ran = command("report", folder.id)
    assert ran.code == 2
    assert f"socratune resume {folder.id}" in ran.err


def test_apply_writes_the_change_and_nothing_else(command: Command, finished: Finished, tmp_path: Path) -> None:
    before = finished.task.read_text()
    assert command("apply", finished.id, "--home", finished.home, "--yes").code == 0
    after = finished.task.read_text()
    finished.task.write_text(before)
    gone = set(before.splitlines()) - set(after.splitlines())
    assert not gone
    assert "{ticket}   # a comment inside the prompt" in after
    assert len(after) > len(before)


def test_a_second_apply_has_nothing_to_write(command: Command, desk: Path) -> None:
    (desk.parent / "prompt.md").write_text("Which queue should handle this ticket?\n\n{ticket}\n")
    head, tail = TASK.split("user: |")[0], TASK[TASK.index("data:") :]
    desk.write_text(f"{head}user: file://prompt.md\n{tail}")
    command("optimize", desk, "--quiet", "--no-memory")
    told = [command("apply", "last", "--yes", "--json") for _ in range(2)]
    written = [{key: each.json[key] for key in ("file", "written")} for each in told]
    assert written == [{"file": "prompt.md", "written": True}, {"file": "prompt.md", "written": False}]
    assert "+++" not in told[1].err
    assert command("apply", "last").out == "prompt.md has this prompt already; nothing is written.\n"


@pytest.mark.parametrize(("answer", "code"), [("", 2), ("n\n", 1)])
def test_apply_asks_first(finished: Finished, answer: str, code: int) -> None:
    before = finished.task.read_text()
    words = [str(Path(sys.executable).with_name("socratune")), "apply", finished.id, "--home", str(finished.home)]
    ended = subprocess.run(words, input=answer, capture_output=True, text=True, check=False)
    assert (ended.returncode, "pass --yes" in ended.stderr) == (code, not answer)
    assert "Nothing is written." in ended.stderr or not answer
    assert finished.task.read_text() == before


def test_apply_does_not_overwrite_what_was_written_since(command: Command, finished: Finished) -> None:
    before = finished.task.read_text()
    changed = before.replace("{ticket}", "Think twice. {ticket}", 1)
    try:
        finished.task.write_text(changed)
        ran = command("apply", finished.id, "--home", finished.home, "--yes")
        assert (ran.code, ran.err.count("\n")) == (2, 1)
        assert finished.task.read_text() == changed
    finally:
        finished.task.write_text(before)


def test_apply_writes_nothing_that_is_not_proven(command: Command, desk: Path) -> None:
    command("optimize", desk, "--budget", "0", "--quiet", "--no-memory")
    ran = command("apply", "last", "--yes")
    assert ran.code == 3
    assert desk.read_text() == TASK


def test_doctor_says_whether_there_are_keys_but_not_which(
    command: Command, finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "canary-7261")
    ran = command("doctor", "--home", finished.home)
    assert ran.code == 0
    assert "canary" not in ran.out + ran.err
    assert "langgraph" in ran.out


def test_doctor_ends_with_1_when_something_is_wrong(command: Command, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    assert command("doctor", "--home", "home").code == 1


def test_init_writes_a_file_that_can_be_read(command: Command, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "SOCRATUNE_TARGET"):
        monkeypatch.delenv(name, raising=False)
    (desk.parent / "prompt.txt").write_text("Which queue? {ticket}\n")
    ran = command("init", "prompt.txt", "tickets.csv", "--out", "new.yaml")
    assert ran.code == 0
    assert "socratune optimize new.yaml" in ran.out
    assert "Edit `target:` first" in ran.out
    assert command("eval", "new.yaml", "--target", "sim:ticket-routing", "--json").json["status"] == "scored"
    assert command("init", "prompt.txt", "tickets.csv", "--out", "new.yaml").code == 2


@pytest.mark.parametrize(
    ("variable", "value", "target"),
    [
        ("ANTHROPIC_API_KEY", "canary", "anthropic:claude-haiku-4-5"),
        ("OPENAI_API_KEY", "canary", "openai:gpt-4.1-mini"),
        ("SOCRATUNE_TARGET", "sim:ticket-routing", "sim:ticket-routing"),
    ],
)
def test_init_names_a_target_that_works_here(
    command: Command, desk: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, target: str
) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "SOCRATUNE_TARGET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, value)
    (desk.parent / "prompt.txt").write_text("Which queue? {ticket}\n")
    ran = command("init", "prompt.txt", "tickets.csv", "--out", "new.yaml")
    assert "Edit `target:`" not in ran.out
    assert f"target: {target} " in (desk.parent / "new.yaml").read_text()


def test_retries_are_not_told_on_stdout(command: Command, desk: Path) -> None:
    try:
        assert command("eval", desk, "--json", "--budget", "rollouts=1").code == 0
        assert get_on_retry_hooks() == ()
    finally:
        set_on_retry_hooks(None)


def test_world_beside_the_task_file_is_found_from_any_folder(command: Command, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    file = lay_out(tmp_path / "there")
    (file.parent / "mine.yaml").write_text("like: ticket-routing\n")
    file.write_text(TASK.replace("sim:ticket-routing", "sim:mine.yaml"))
    assert command("eval", "there/task.yaml", "--json", "--budget", "rollouts=20").code == 0
