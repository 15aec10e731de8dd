"""What a chat may spend, run and send: asked for once, refused before anything happens."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from socratune.chat_files import Desk
from socratune.chat_sources import Sources
from socratune.memory.ledger import Ledger
from socratune.memory.runs import Home
from socratune.memory.talk import Talk
from socratune.orders import SavedOrder
from socratune.tools.datasets import load
from socratune.tools.simulator.server import served
from socratune.tools.simulator.wire import Manners, Wire
from socratune.tools.simulator.world import load_world

from .conftest import TASK, Command, Ran, lay_out, tickets
from .typist import Typist

WISH = "Fewer tickets should go to the wrong queue."
CODE = """\
from pathlib import Path
Path(__file__).with_name("canary").touch()

def metric(output, row):
    return output.strip() == row["queue"]
"""
Says = Callable[..., Ran]


@pytest.fixture(autouse=True)
def own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Consent is proven with a key of the test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def says(command: Command, monkeypatch: pytest.MonkeyPatch) -> Says:
    """Hold a chat in this process: options, then the blocks that are said."""

    def chat(*blocks: str, words: tuple[str | Path, ...]) -> Ran:
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{block}\n\n" for block in blocks)))
        return command("chat", *words)

    return chat


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[str]:
    """A provider on this machine, which keeps a log of its calls."""
    lay_out(tmp_path, rows=40)
    rows = load(tmp_path / "tickets.csv", inputs=("ticket",), expected="queue")
    log = tmp_path / "provider.jsonl"
    with served(Wire(world=load_world("ticket-routing"), examples=rows, manners=Manners(log=log))) as url:
        yield url


def models_at(url: str) -> tuple[str, ...]:
    return ("--target", f"openai:ticket-routing@{url}/v1", "--optimizer", f"openai:ticket-routing:strong@{url}/v1")


def home_in(folder: Path) -> Home:
    return Home(path=folder / ".socratune")


# --- money


def test_no_ends_the_chat_with_the_way_back_and_nothing_is_called(wire: str, tmp_path: Path) -> None:
    with Typist("chat", *models_at(wire), "--budget", "calls=9", folder=tmp_path) as typist:
        typist.wait_for("Say in one sentence")
        typist.enter(WISH)
        typist.wait_for("never more than 9 calls")
        typist.wait_for("Start?")
        typist.enter("n")
        typist.wait_for("Nothing was called.")
        typist.wait_for("Come back with: socratune chat --thread")
        assert typist.ended() == 3
    assert "Aborted" not in typist.shown
    assert not (tmp_path / "provider.jsonl").exists()


def test_yes_is_said_once_in_a_chat(wire: str, tmp_path: Path) -> None:
    with Typist("chat", *models_at(wire), folder=tmp_path) as typist:
        typist.wait_for("Say in one sentence")
        typist.enter(WISH)
        typist.wait_for("Start?")
        typist.enter("y")
        typist.wait_for("What should be known about this")
        typist.kill()
    with Typist("chat", "--thread", "last", folder=tmp_path) as typist:
        typist.wait_for("What should be known about this")
        typist.enter("skip")
        typist.wait_for("What should be known about this")
        assert "Start?" not in typist.shown


def test_a_run_that_comes_first_is_asked_for_too(says: Says, wire: str, tmp_path: Path) -> None:
    ran = says("/run", words=(tmp_path / "task.yaml", *models_at(wire)))
    assert "nobody is here to be asked; pass --yes" in " ".join((ran.out + ran.err).split())
    assert not home_in(tmp_path).runs()
    assert not (tmp_path / "provider.jsonl").exists()


def test_a_judge_is_named_once_the_rows_need_one(says: Says, wire: str, tmp_path: Path) -> None:
    models = (*models_at(wire), "--judge", f"openai:ticket-routing:weak@{wire}/v1")
    bare = "\n".join(json.dumps({"ticket": f"A question, number {number}"}) for number in range(12))
    host = wire.removeprefix("http://")
    grading = f":weak@{wire}/v1 grades the answers; {host} is sent the rows and the answers to them"
    assert grading not in " ".join(says(WISH, words=models).err.split())
    assert grading in " ".join(says(bare, WISH, words=models).err.split())
    assert not (tmp_path / "provider.jsonl").exists()


# --- defaults


def test_a_chat_and_its_runs_take_what_home_and_environment_say(
    says: Says, wire: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home_in(tmp_path).prepare()
    config = home_in(tmp_path).path / "config.yaml"
    config.touch(mode=0o600)
    config.write_text(f"target: sim:ticket-routing\nbudget: {{rollouts: 30}}\nhosts: {{{wire!r}: DESK_KEY}}\n")
    optimizer = models_at(wire)[-1]
    monkeypatch.setenv("SOCRATUNE_OPTIMIZER", optimizer)
    without_key = says(words=())
    assert (without_key.code, "DESK_KEY" in without_key.err) == (2, True)
    monkeypatch.setenv("DESK_KEY", "sk-desk")
    says(f"{WISH}\n{tickets(0, 40)}", *["skip"] * 4, "/run", words=("--yes",))
    (run,) = home_in(tmp_path).runs()
    task = SavedOrder.read(run).load().task
    assert (task.target, task.optimizer, task.budget.rollouts) == ("sim:ticket-routing", optimizer, 30)
    assert (tmp_path / "provider.jsonl").read_text().count("\n") > 2


# --- code


def test_code_of_a_task_file_runs_only_once_it_is_allowed(says: Says, tmp_path: Path) -> None:
    folder = tmp_path / "desks"
    folder.mkdir()
    file = lay_out(folder, rows=40)
    file.write_text(TASK.replace("metric: exact", "metric: python:app.py:metric").replace("400", "40"))
    (folder / "app.py").write_text(CODE)
    refused = says("/run", words=(file,))
    assert (refused.code, "pass --allow-code" in refused.err) == (2, True)
    assert not (folder / "canary").exists()
    assert "result.json" in says("/run", words=(file, "--allow-code")).out
    assert (folder / "canary").exists()
    (folder / "app.py").write_text(CODE + "# changed\n")
    again = says("/run", words=("--thread", "last"))
    assert (again.code, "pass --allow-code" in again.err) == (2, True)


# --- rows


async def test_no_text_of_a_row_is_known_before_a_run(tmp_path: Path) -> None:
    file = lay_out(tmp_path, rows=40)
    home = home_in(tmp_path)
    chat = home.new_chat()
    ledger = Ledger.open(chat.ledger, chat.id)
    ledger.begin_run({})
    ledger.take_over()
    desk = Desk(folder=chat, home=home, talk=Talk(ledger), sources=Sources(file=file))
    await desk.open()
    known = json.dumps(asdict(desk.rows_seen()), default=sorted)
    assert desk.rows_seen().count == 40
    assert not [row for row in desk.sources.rows(tmp_path / "tickets.csv") if row.values["ticket"] in known]
    ledger.close()


def test_files_are_read_again_only_when_they_changed(tmp_path: Path) -> None:
    file, data = lay_out(tmp_path, rows=40), tmp_path / "tickets.csv"
    sources = Sources(file=file)
    task, rows = sources.task(), sources.rows(data)
    assert task is not None
    assert (sources.task() is task, sources.rows(data) is rows) == (True, True)
    file.write_text(TASK.replace("goal: Route", "goal: Send"))
    changed = sources.task()
    assert changed is not None
    assert (changed.task.goal, sources.rows(data) is rows) == ("Send a support ticket to the right queue.", True)
    data.write_text(tickets(0, 50))
    changed = sources.task()
    assert changed is not None
    assert (len(changed.examples), len(sources.rows(data))) == (50, 50)
