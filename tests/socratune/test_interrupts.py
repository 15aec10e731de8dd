from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

from socratune.memory.runs import Home

from .conftest import TASK, Command, lay_out

PROGRAM = [sys.executable, "-c", "from socratune.cli import main; main()"]
WAITS_FOR_EVER = """
import asyncio
from socratune.running import Stopper, stoppable
asyncio.run(stoppable(Stopper(lambda line: print(line, flush=True), lambda: None), started))
"""


def salted(folder: Path) -> Path:
    """Make a desk whose rows are divided as in any other."""
    folder.mkdir()
    file = lay_out(folder, rows=400)
    file.write_text(TASK.replace("400}", "900}"))
    (folder / ".socratune").mkdir()
    (folder / ".socratune" / "salt").write_text("tests\n")
    return file


def test_interrupted_run_says_how_to_go_on_and_ends_like_one_that_was_not(command: Command, tmp_path: Path) -> None:
    words = ["--no-memory", "--concurrency", "1"]
    whole = command("optimize", salted(tmp_path / "whole"), *words, "--json", "--home", "whole/.socratune").json
    file, home = salted(tmp_path / "cut"), tmp_path / "cut" / ".socratune"
    with subprocess.Popen(
        [*PROGRAM, "optimize", file, *words, "--home", home], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        told = ""
        for line in process.stderr:
            told += line
            if line.startswith("  new leader") and "Stopping" not in told:
                process.send_signal(signal.SIGINT)
    run = Home(path=home).runs()[0]
    assert process.returncode == 130
    assert f"socratune resume {run.id} --home" in told
    assert "best so far: +" in told
    assert run.leading.exists()
    assert not run.result.exists()
    resumed = command("resume", run.id, "--home", home, "--json").json
    for record in (whole, resumed):
        record.pop("run")
        record["calls"].pop("cached")
        record["sentence"] = record["sentence"].split("`")[0]
    assert resumed == whole


def test_second_interrupt_leaves_at_once(tmp_path: Path) -> None:
    script = tmp_path / "waits.py"
    started = "async def started():\n    print('ready', flush=True)\n    await asyncio.sleep(60)\n"
    script.write_text(WAITS_FOR_EVER.replace("asyncio.run", f"{started}\nasyncio.run"))
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline().startswith("Stopping")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=2) == 130


def test_interrupt_with_json_is_one_object(tmp_path: Path) -> None:
    file = salted(tmp_path / "desk")
    with subprocess.Popen(
        [*PROGRAM, "optimize", file, "--json", "--home", tmp_path / "home"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        for line in process.stderr:
            if line.startswith("round 1"):
                process.send_signal(signal.SIGINT)
        record = json.loads(process.stdout.read())
    assert (process.returncode, record["status"]) == (130, "interrupted")
