from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from socratune.memory.errors import FinalFailure
from socratune.tools.usercode.process import CodeProcess, Use
from socratune.tools.usercode.reference import find_code

APP = """\
import asyncio, os, sys, time; import subprocess
from socratune import Answer

async def echo(messages, row):
    print("app says", row["ticket"])
    return messages[-1]["content"]

def plain(messages, row):
    return {"text": row["ticket"], "usd": 0.5}

async def reported(messages, row):
    return Answer("yes", tokens_in=3, usd=0.25)

async def where(messages, row):
    return f"{os.getcwd()} {os.getpid()}"

def missing_column(messages, row):
    return row["queue"]

def nothing(messages, row):
    return None

def iteration(messages, row):
    raise StopIteration

def leak(messages, row):
    raise ValueError(f"illegal header 'Bearer {os.environ['SHOP_API_KEY']}'")

def huge(messages, row):
    return "x" * 5_000_000

def leave(messages, row):
    sys.exit(4)

async def mortal(messages, row):
    if row["ticket"] == "die":
        os._exit(3)
    await asyncio.sleep(0.1)
    return "alive"

def kill(messages, row):
    os.kill(os.getpid(), 9)

async def blocked(messages, row):
    time.sleep(60)

def helper(messages, row):
    return str(subprocess.Popen(["sleep", "60"]).pid)

not_callable = 0

async def slow(messages, row):
    await asyncio.sleep(60 if row["ticket"] == "slow" else 0.1)
    return "done"
"""
HELD = """\
import asyncio, sys
from pathlib import Path
from socratune.tools.usercode.process import CodeProcess
from socratune.tools.usercode.reference import find_code

async def hold():
    process = CodeProcess(find_code("python:app.py:where", Path.cwd(), place=""), use="application", seconds=60)
    print((await process.call({"messages": [], "row": {}}))["text"].split()[-1], flush=True)
    await asyncio.sleep(60)

asyncio.run(hold())
"""


class Desk:
    """Functions of one file, each in a process that ends with the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.opened: list[CodeProcess] = []

    def process(self, function: str, *, seconds: float = 20, use: Use = "application") -> CodeProcess:
        code = find_code(f"python:app.py:{function}", self.folder, place="task.yaml:3")
        self.opened.append(CodeProcess(code, use=use, seconds=seconds))
        return self.opened[-1]


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setenv("SHOP_API_KEY", "sk-shop-123456")
    (tmp_path / "app.py").write_text(APP)
    made = Desk(tmp_path)
    yield made
    for process in made.opened:
        await process.aclose()


def asked(ticket: str = "hello") -> dict[str, object]:
    return {"messages": [{"role": "user", "content": f"Where? {ticket}"}], "row": {"ticket": ticket}}


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


async def test_what_the_application_prints_goes_to_stderr_and_not_into_its_answer(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    process = desk.process("echo")
    assert (await process.call(asked()))["text"] == "Where? hello"
    await process.aclose()
    assert capsys.readouterr() == ("", "app says hello\n")


async def test_an_answer_may_be_a_text_a_mapping_or_a_record_with_its_cost(desk: Desk) -> None:
    assert (await desk.process("plain").call(asked())) == {
        "text": "hello",
        "tokens_in": None,
        "tokens_out": None,
        "usd": 0.5,
    }
    assert (await desk.process("reported").call(asked()))["usd"] == 0.25


async def test_it_runs_in_the_folder_of_the_task_and_serves_many_calls_from_one_process(desk: Desk) -> None:
    process = desk.process("where")
    said = await asyncio.gather(*(process.call(asked()) for _ in range(20)))
    assert {each["text"].split()[0] for each in said} == {str(desk.folder)}
    assert len({each["text"] for each in said}) == 1


@pytest.mark.parametrize(
    ("function", "told"),
    [
        ("missing_column", "the application raised KeyError: 'queue' (app.py:18)"),
        ("nothing", "the application returned None and not a text (app.py:20)"),
        ("iteration", "raised RuntimeError: StopIteration"),
        ("leak", "raised ValueError: illegal header 'Bearer [SHOP_API_KEY]' (app.py:27)"),
        ("huge", "returned more than 4 MiB"),
        ("leave", "raised SystemExit: 4 (app.py:33)"),
        ("kill", "ended its process (signal 9)"),
        ("not_callable", "could not be loaded: it has no function 'not_callable'"),
    ],
)
async def test_what_goes_wrong_in_the_users_code_has_a_name_and_a_place(desk: Desk, function: str, told: str) -> None:
    with pytest.raises(FinalFailure) as failed:
        await desk.process(function).call(asked())
    assert told in failed.value.reason


async def test_a_file_that_cannot_be_imported_says_why(desk: Desk) -> None:
    for text, told in {
        "import nonexistent_thing": "ModuleNotFoundError",
        "return": "SyntaxError: 'return' outside function",
    }.items():
        (desk.folder / "app.py").write_text(f"echo = None\n{text}\n")
        with pytest.raises(FinalFailure, match=rf"could not be loaded: it raised {told}.*\(app.py:2\)"):
            await desk.process("echo").call(asked())


async def test_a_file_that_changed_since_it_was_allowed_is_not_run(desk: Desk) -> None:
    process = desk.process("echo")
    (desk.folder / "app.py").write_text("from pathlib import Path\nPath('canary').touch()\n" + APP)
    with pytest.raises(FinalFailure, match="has changed since it was allowed"):
        await process.call(asked())
    assert not (desk.folder / "canary").exists()


async def test_only_the_call_that_ends_the_process_fails_and_the_next_starts_another(desk: Desk) -> None:
    process = desk.process("mortal")
    said = await asyncio.gather(*(process.call(asked(row)) for row in ("a", "die", "b")), return_exceptions=True)
    assert [isinstance(each, FinalFailure) for each in said] == [False, True, False]
    assert (await process.call(asked()))["text"] == "alive"


async def test_a_call_that_blocks_all_others_is_ended_with_its_process(desk: Desk) -> None:
    with pytest.raises(FinalFailure, match="no answer within"):
        await desk.process("blocked", seconds=0.5).call(asked())


async def test_a_slow_call_is_given_up_and_harms_no_other(desk: Desk) -> None:
    process = desk.process("slow", seconds=1)
    late = asyncio.create_task(process.call(asked("slow")))
    assert (await process.call(asked()))["text"] == "done"
    with pytest.raises(FinalFailure, match="no answer within"):
        await late


async def test_closing_leaves_no_process_behind_and_the_next_call_starts_one(desk: Desk) -> None:
    process = desk.process("where")
    first = int((await process.call(asked()))["text"].split()[-1])
    await process.aclose()
    assert not alive(first)
    assert int((await process.call(asked()))["text"].split()[-1]) != first


async def test_what_the_application_started_ends_with_it(desk: Desk) -> None:
    process = desk.process("helper")
    started = int((await process.call(asked()))["text"])
    assert alive(started)
    await process.aclose()
    for _ in range(100):
        if not alive(started):
            return
        await asyncio.sleep(0.02)
    pytest.fail("a helper outlived its application")


def test_the_process_ends_when_its_owner_is_killed(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    with subprocess.Popen([sys.executable, "-c", HELD], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        child = int(owner.stdout.readline())
        assert alive(child)
        os.kill(owner.pid, signal.SIGKILL)
    for _ in range(500):
        if not alive(child):
            return
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    pytest.fail("the child outlived its owner")
