"""Before real models are called a person is asked, on a real terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from socratune.agreement import Sending, agree
from socratune.memory.errors import BadInput
from socratune.memory.runs import Home
from socratune.options import Manner
from socratune.tools.datasets import load
from socratune.tools.simulator.server import served
from socratune.tools.simulator.wire import Manners, Wire
from socratune.tools.simulator.world import load_world

from .conftest import TASK, Command, lay_out

PROGRAM = [sys.executable, "-c", "from socratune.cli import main; main()"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A desk whose models are behind a wire, and the provider's own records."""

    file: Path
    log: Path

    @property
    def called(self) -> int:
        return len(self.log.read_text().splitlines()) if self.log.exists() else 0


@pytest.fixture
def shop(command: Command, tmp_path: Path) -> Iterator[Shop]:
    file = lay_out(tmp_path, rows=60)
    rows = load(tmp_path / "tickets.csv", inputs=("ticket",), expected="queue")
    log = tmp_path / "provider.jsonl"
    with served(Wire(world=load_world("ticket-routing"), examples=rows, manners=Manners(log=log))) as url:
        target = f"openai:ticket-routing@{url}/v1"
        models = f"target: {target}\noptimizer: {target.replace('routing@', 'routing:strong@')}\n"
        file.write_text(TASK.replace("400", "20").replace("target: sim:ticket-routing\n", models))
        yield Shop(file=file, log=log)


def on_a_terminal(*words: str | Path, answer: str) -> tuple[int, str]:
    """Run a command at a terminal where somebody answers its question; return the code and what was to be seen."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*PROGRAM, *map(str, words)], stdin=theirs, stdout=subprocess.DEVNULL, stderr=theirs, close_fds=True
    ) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                seen += os.read(ours, 4096)
            except OSError:  # the terminal closes when nobody holds it any more
                break
            if answer and b"Start?" in seen:
                os.write(ours, f"{answer}\n".encode())
                answer = ""
    os.close(ours)
    return process.returncode, seen.decode()


def test_no_ends_with_nothing_called(shop: Shop) -> None:
    code, seen = on_a_terminal("optimize", shop.file, "--quiet", answer="n")
    assert (code, shop.called) == (1, 0)
    assert not Home(path=shop.file.parent / ".socratune").runs()
    said = " ".join(seen.split())
    assert "Nothing was called." in said
    for told in ("where that server sends it is not known here", "price not known", "never more than 20 target calls"):
        assert told in said


def test_yes_starts(shop: Shop) -> None:
    code, _ = on_a_terminal("eval", shop.file, answer="y")
    assert (code, shop.called) == (0, 40), "20 requests and 20 answers"


@pytest.mark.parametrize("command_name", ["optimize", "eval"])
def test_where_nobody_can_be_asked_it_takes_yes(shop: Shop, command: Command, command_name: str) -> None:
    refused = command(command_name, shop.file, "--quiet")
    assert (refused.code, refused.out, shop.called) == (2, "", 0)
    assert refused.err.splitlines()[-1].endswith("pass --yes")
    assert command_name == "eval" or refused.err.count("\n") == 1, "the reason is not the last line of a long estimate"
    assert command(command_name, shop.file, "--yes", "--quiet").code in (0, 3)
    called = shop.called
    assert called
    folder = Home(path=shop.file.parent / ".socratune").runs()[0]
    assert command("resume", folder.id).code in (0, 3), "what has ended is told again, unasked"
    folder.result.unlink()
    again = command("resume", folder.id)
    assert (again.code, shop.called) == (2, called)
    for told in ("never more than 20 target calls", "pass --yes"):
        assert told in again.err


def test_only_simulated_models_are_not_asked_for() -> None:
    simulated = Sending(model="sim:ticket-routing", role="runs the prompt", texts="all")
    agree([simulated], Manner())
    agree([Sending(model="openai:gpt-4.1-mini", role="runs it", texts="all")], Manner(yes=True))
    with pytest.raises(BadInput, match="--yes"):
        agree(
            [simulated, Sending(model="openai:qwen@http://127.0.0.1:11434/v1", role="improves it", texts="")], Manner()
        )


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("openai:gpt-4.1-mini", "api.openai.com is sent the rows"),
        (
            "openai:qwen@http://127.0.0.1:11434/v1",
            "127.0.0.1:11434 is sent the rows; where that server sends it is not known here",
        ),
        (
            "openai:qwen@http://localhost:11434/v1",
            "localhost:11434 is sent the rows; where that server sends it is not known here",
        ),
        (
            "anthropic:claude@http://[::1]:8123",
            "[::1]:8123 is sent the rows; where that server sends it is not known here",
        ),
        ("openai:qwen@http://127.0.0.1.example.com/v1", "127.0.0.1.example.com is sent the rows"),
        ("openai:qwen@https://gateway.example:8443/v1", "gateway.example:8443 is sent the rows"),
        ("sim:ticket-routing", "simulated, so no text leaves this machine"),
    ],
)
def test_where_the_texts_go_is_said_by_host(monkeypatch: pytest.MonkeyPatch, spec: str, told: str) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    assert str(Sending(model=spec, role="runs the prompt", texts="the rows")) == f"{spec} runs the prompt; {told}"
