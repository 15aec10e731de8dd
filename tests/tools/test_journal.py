from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import Provider, caller_of, request

from socratune.memory.ledger import Event, Ledger
from socratune.memory.records import Budget
from socratune.tools.journal import Journal
from socratune.tools.logs import run_log

CONTENT = {"question": "Where does the dented box go?"}


def logged(path: Path) -> list[dict[str, Any]]:
    """The lines of a log; only a newline ends one."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def files_with(folder: Path, text: str) -> list[str]:
    return [file.name for file in folder.rglob("*") if file.is_file() and text.encode() in file.read_bytes()]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log.jsonl"


async def test_an_event_is_in_the_ledger_and_in_the_log(ledger: Ledger, log: Path) -> None:
    await Journal(ledger=ledger, log=run_log(log)).record("plan", "1", {"round": 1})
    assert ledger.events() == [Event(key="plan:1", kind="plan", body={"round": 1})]
    (line,) = logged(log)
    assert (line["event"], line["round"], line["level"]) == ("plan", 1, "info")
    assert line["timestamp"].endswith("Z")


async def test_a_replayed_event_is_logged_once_and_heard_again(ledger: Ledger, log: Path) -> None:
    heard: list[Event] = []
    journal = Journal(ledger=ledger, log=run_log(log), listeners=(heard.append,))
    for _ in range(2):
        await journal.record("plan", "1", {"round": 1})
    assert len(logged(log)) == 1
    assert len(heard) == 2


async def test_a_replayed_step_is_told_what_it_decided_the_first_time(ledger: Ledger, log: Path) -> None:
    journal = Journal(ledger=ledger, log=run_log(log))
    first = await journal.record("plan", "1", {"round": 1}, CONTENT)
    assert await journal.record("plan", "1", {"round": 2}) == first
    assert first.body == {"round": 1, "content": CONTENT}


@pytest.mark.parametrize("asked", [False, True])
async def test_content_is_in_the_log_only_when_asked_for(
    ledger: Ledger,
    log: Path,
    asked: bool,  # noqa: FBT001  # a case of the test
) -> None:
    journal = Journal(ledger=ledger, log=run_log(log), log_content=asked)
    await journal.record("question", "1", {"accepted": 2}, CONTENT)
    assert ("content" in logged(log)[0]) is asked
    assert ledger.events()[0].body["content"] == CONTENT


async def test_any_text_is_one_line_of_the_log(ledger: Ledger, log: Path) -> None:
    text = 'two\nlines, "quotes", é and \u2028'
    await Journal(ledger=ledger, log=run_log(log)).record("proposal", "1", {"failed": text})
    (line,) = logged(log)
    assert line["failed"] == text


async def test_many_writers_lose_no_line(ledger: Ledger, log: Path) -> None:
    journal = Journal(ledger=ledger, log=run_log(log))
    await asyncio.gather(*(journal.record("told", str(n), {"n": n}) for n in range(50)))
    assert sorted(line["n"] for line in logged(log)) == list(range(50))


async def test_no_key_of_the_environment_is_in_any_file_of_a_run(
    ledger: Ledger, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = "sk-canary-5f1d2c"
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, canary)
    caller = caller_of(ledger, Provider(), budget=Budget(usd=1.0))
    await caller.call("target", request(), phase="search")
    facts: Mapping[str, Any] = {"models": "provider", "reply": "yes"}
    await Journal(ledger=ledger, log=run_log(log), log_content=True).record("plan", "1", facts, CONTENT)
    assert log.name in files_with(tmp_path, "dented box")
    assert files_with(tmp_path, canary) == []
