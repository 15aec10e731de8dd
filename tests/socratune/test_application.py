"""The user's own code, from the command line and from Python."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from socratune import (
    Answer,
    BadInput,
    Interrupted,
    Paused,
    RoundPlanned,
    RunEvent,
    as_tool,
    build_graph,
    optimize,
    resume,
)
from socratune.background import Background
from socratune.consent import Consent
from socratune.given_orders import Models
from socratune.memory.runs import Home
from socratune.orders import Reading, read_task
from socratune.standing import opened
from socratune.tools.metrics import exact
from socratune.tools.models import Request, ScriptedModel
from socratune.tools.template import messages

from .conftest import TASK, Command, lay_out
from .test_agent_tool import ASKED
from .test_api import TASK as PYTHON_TASK
from .test_api import WITHOUT_MEMORY, rows

SERVICE = Path(__file__).with_name("help_desk.py")
CLIENT = """\
import asyncio, json, os, urllib.request

async def answer(messages, row):
    assert set(row) == {"ticket"}, row
    return await asyncio.to_thread(ask, messages)

def ask(messages):
    body = json.dumps({"messages": messages}).encode()
    request = urllib.request.Request(os.environ["DESK_URL"], body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)["text"]
"""
CANARY = """\
from pathlib import Path
Path(__file__).with_name("canary").touch()

def answer(messages, row):
    return "shipping"

def metric(output, row):
    return output.strip() == row["queue"]
"""
MODELS = "target: python:app.py:answer\noptimizer: sim:ticket-routing:strong\n"


@pytest.fixture(autouse=True)
def own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Consent is proven with a key of the test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The help desk, listening."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("DESK_URL", f"http://127.0.0.1:{port}/answer")
    with subprocess.Popen([sys.executable, SERVICE, str(port)]) as process:
        try:
            _wait_for(port)
            yield
        finally:
            process.terminate()


def _wait_for(port: int) -> None:
    for _ in range(500):
        with socket.socket() as caller:
            if caller.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    pytest.fail("the service did not start")


def application(folder: Path, code: str = CLIENT, *, rows: int = 150) -> Path:
    """Lay out a desk whose target is code."""
    file = lay_out(folder, rows=rows)
    file.write_text(TASK.replace("target: sim:ticket-routing\n", MODELS), encoding="utf-8")
    (folder / "app.py").write_text(code)
    return file


def asked_by_hand(turns: list[dict[str, str]]) -> str:
    address = urlsplit(os.environ["DESK_URL"])
    with closing(HTTPConnection(address.netloc)) as caller:
        caller.request("POST", address.path, json.dumps({"messages": turns}), {"Content-Type": "application/json"})
        return str(json.load(caller.getresponse())["text"])


@pytest.mark.usefixtures("service")
def test_a_web_application_is_optimized_and_scores_the_same_when_it_is_run_by_hand(
    command: Command, tmp_path: Path
) -> None:
    (tmp_path / ".socratune").mkdir()
    (tmp_path / ".socratune" / "salt").write_text("tests\n")
    done = command("optimize", application(tmp_path), "--allow-code", "--yes", "--json", "--no-memory")
    assert (done.code, done.json["status"]) == (0, "improved")
    assert "go to your application" in " ".join(done.err.split())
    assert any("own cost is not counted" in warning for warning in done.json["warnings"])
    run = Home(path=tmp_path / ".socratune").run("last")
    best = read_task(run.best, reading=Reading(consent=Consent(code="idle")))
    assert "its own   its own" in command("report", run.id).out.replace("|", " ")
    with opened(run) as ledger:
        tested = ledger.settings()["rows"]["test"][: done.json["test"]["n"]]
    by_id = {example.id: example for example in best.examples}
    rewards = []
    for example in map(by_id.__getitem__, tested):
        turns = [{"role": each.role, "content": each.content} for each in messages(best.task.prompt, example.inputs)]
        rewards.append(exact(asked_by_hand(turns), example).reward)
    assert sum(rewards) / len(rewards) == pytest.approx(done.json["best"]["test"])
    scored = command("eval", run.best, "--yes", "--json")
    assert (scored.code, scored.json["scores"][".socratune/runs/" + run.id + "/best.yaml"]["failed"]) == (0, 0)


def test_without_consent_nothing_is_imported_and_with_it_nothing_is_asked_again(
    command: Command, tmp_path: Path
) -> None:
    file = application(tmp_path, CANARY, rows=40)
    for words in (("optimize", file), ("eval", file)):
        refused = command(*words, "--yes")
        assert refused.code == 2
        assert "'answer' in app.py is code that would run; read it, and pass --allow-code" in refused.err
        assert f"{file.name}:12" in refused.err
    assert not (tmp_path / "canary").exists()
    assert not list(tmp_path.glob(".socratune/runs/*"))
    assert command("eval", file, "--yes", "--allow-code").code == 0
    assert (tmp_path / "canary").exists()
    assert command("eval", file, "--yes").code == 0
    (tmp_path / "app.py").write_text(CANARY + "# changed\n")
    assert command("eval", file, "--yes").code == 2


def test_consent_is_kept_from_others_and_counts_for_its_user_alone(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = application(tmp_path, CANARY, rows=40)
    read_task(file, reading=Reading(consent=Consent(code="allowed", home=Home(path=tmp_path / ".socratune"))))
    kept = tmp_path / ".socratune" / "allowed_code.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "somebody else"))
    assert command("eval", file, "--yes").code == 2
    kept.write_text("[]")
    assert command("eval", file, "--yes").code == 2
    monkeypatch.setenv("XDG_STATE_HOME", str(file))
    nowhere = command("eval", file, "--yes", "--allow-code")
    assert (nowhere.code, "set XDG_STATE_HOME to a folder of yours" in nowhere.err) == (2, True)
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize(
    "spec",
    [
        "../app.py:answer",
        "OUTSIDE/app.py:answer",
        "link.py:answer",
        "file://OUTSIDE/app.py:answer",
        "sub/app.py:answer",
    ],
)
@pytest.mark.parametrize("key", ["target", "metric"])
def test_a_strangers_task_file_runs_no_code_from_elsewhere_even_with_consent(
    command: Command, tmp_path: Path, spec: str, key: str
) -> None:
    folder, written = tmp_path / "desk", spec.replace("OUTSIDE", str(tmp_path))
    folder.mkdir()
    (tmp_path / "app.py").write_text(CANARY)
    (folder / "link.py").symlink_to(tmp_path / "app.py")
    (folder / "sub").symlink_to(tmp_path)
    file = lay_out(folder, rows=40)
    before = {"target": "target: sim:ticket-routing", "metric": "metric: exact"}[key]
    text = TASK.replace(before, f"{key}: python:{written}") + "optimizer: sim:ticket-routing:strong\n"
    file.write_text(text, encoding="utf-8")
    done = command("optimize", file, "--yes", "--allow-code")
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert not list(tmp_path.rglob("canary"))


def test_a_door_that_says_nothing_runs_no_code(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="none is run from here"):
        read_task(application(tmp_path, CANARY, rows=40))


def test_a_metric_of_ones_own_scores_a_run(command: Command, tmp_path: Path) -> None:
    file = lay_out(tmp_path, rows=60)
    file.write_text(TASK.replace("metric: exact", "metric: python:app.py:metric").replace("400", "120"))
    (tmp_path / "app.py").write_text(CANARY)
    own = command("eval", file, "--yes", "--json", "--allow-code").json["scores"][file.name]
    file.write_text(TASK)
    assert own["mean"] == command("eval", file, "--json").json["scores"][file.name]["mean"]


def test_the_other_columns_reach_the_metric_and_nobody_else(tmp_path: Path) -> None:
    heard: list[Request] = []

    def overheard(request: Request) -> str:
        heard.append(request)
        return "shipping"

    file = lay_out(tmp_path)
    file.write_text(TASK.replace("metric: exact", "metric: python:app.py:metric").replace("400", "100"))
    (tmp_path / "app.py").write_text(CANARY.replace('row["queue"]', 'row["queue"] and row["note"] == "margin"'))
    notes = [{**row, "note": "margin"} for row in rows(40)]
    models: Models = {"target": ScriptedModel(answer=overheard), "optimizer": ScriptedModel(answer=overheard)}
    with pytest.raises(Paused):
        optimize(file, notes, home=tmp_path, settings=WITHOUT_MEMORY, models=models, allow_code=True)
    said = "".join(message.content for request in heard for message in request.messages)
    assert ("expected" in said, "margin" in said) == (True, False)


def test_a_broken_metric_pauses_with_file_and_line(command: Command, tmp_path: Path) -> None:
    file = lay_out(tmp_path, rows=60)
    file.write_text(TASK.replace("metric: exact", "metric: python:app.py:metric"))
    (tmp_path / "app.py").write_text(CANARY.replace('row["queue"]', 'row["qeue"]'))
    done = command("optimize", file, "--allow-code")
    assert done.code == 4
    assert "the metric raised KeyError: 'qeue' (app.py:8)" in done.err


def test_resuming_with_another_application_is_refused(command: Command, tmp_path: Path) -> None:
    file = application(tmp_path, CANARY.replace('"shipping"', "1 / 0"), rows=60)
    paused = command("optimize", file, "--yes", "--allow-code")
    assert paused.code == 4
    assert "ZeroDivisionError: division by zero (app.py:5)" in paused.err
    assert "mend it and start a new run" in paused.err
    (tmp_path / "app.py").write_text(CANARY)
    refused = command("resume", "last", "--allow-code", "--yes")
    assert (refused.code, "app.py has changed since" in refused.err) == (2, True)


def test_an_exception_on_one_row_is_told_with_the_row(command: Command, tmp_path: Path) -> None:
    raises = (
        f'    if row["ticket"] == {rows(24)[8]["ticket"]!r}:\n        raise ValueError("cannot read this layout")\n'
    )
    code = CANARY.replace('    return "shipping"', f'{raises}    return "shipping"')
    scored = command("eval", application(tmp_path, code, rows=24), "--yes", "--allow-code", "--json")
    said = "1 answer got no score, the first on row r9: the application raised ValueError: cannot read this layout"
    assert [each for each in scored.json["warnings"] if said in each]
    (tmp_path / "app.py").write_text(f"{code}# mended\n")
    again = command("resume", scored.json["run"], "--yes", "--allow-code")
    assert (again.code, "app.py has changed since" in again.err) == (2, True)


def test_a_run_goes_on_once_the_service_behind_its_application_is_back(command: Command, tmp_path: Path) -> None:
    waits = '    if not Path(__file__).with_name("up").exists():\n        raise ConnectionError("down")\n'
    code = CANARY.replace('    return "shipping"', f'{waits}    return "shipping"')
    paused = command("optimize", application(tmp_path, code, rows=24), "--yes", "--allow-code")
    assert (paused.code, "ConnectionError: down (app.py:6)" in paused.err) == (4, True)
    (tmp_path / "up").touch()
    assert command("resume", "last", "--yes").code == 3


def test_the_best_prompt_of_a_run_names_the_same_code_from_where_it_lies(command: Command, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    file = application(tmp_path / "sub", CANARY, rows=24)
    file.write_text(file.read_text().replace("metric: exact", "metric: python:app.py:metric"))
    assert command("optimize", file, "--yes", "--allow-code").code == 3
    home = Home(path=tmp_path / ".socratune")
    again = read_task(home.run("last").best, reading=Reading(consent=Consent(code="asked", home=home))).task
    assert {code.file for code in again.code} == {str(tmp_path / "sub" / "app.py")}
    assert (again.target, again.metric) == ("python:sub/app.py:answer", "python:sub/app.py:metric")


def test_a_function_is_a_target_from_python(tmp_path: Path) -> None:
    known = {row["ticket"]: row["queue"] for row in rows(60)}

    async def answer(messages: list[dict[str, str]], row: Mapping[str, str]) -> Answer:
        assert messages[-1]["content"].endswith(row["ticket"])
        return Answer(known[row["ticket"]], usd=0.001)

    task = replace(PYTHON_TASK, target=answer)
    result = optimize(task, rows(60), home=tmp_path, settings=WITHOUT_MEMORY)
    assert result.target.startswith("call:")
    assert result.target.endswith("<locals>.answer")
    assert result.spent["target"].usd == pytest.approx(0.001 * result.spent["target"].calls)


def test_a_run_of_a_function_goes_on_with_the_same_function_and_with_no_other(tmp_path: Path) -> None:
    asked: Counter[str] = Counter()

    def answer(messages: list[dict[str, str]], row: Mapping[str, str]) -> str:
        asked[messages[-1]["content"]] += 1
        return "shipping"

    def other(messages: list[dict[str, str]], row: Mapping[str, str]) -> str:
        return "billing"

    def stop(event: RunEvent) -> None:
        if isinstance(event, RoundPlanned):
            raise Interrupted

    task = replace(PYTHON_TASK, target=answer)
    with pytest.raises(Interrupted) as stopped:
        optimize(task, rows(60), home=tmp_path, settings=WITHOUT_MEMORY, on_event=stop)
    run, before = Home(path=tmp_path).run("last").id, Counter(asked)
    how = f"socratune.resume({run!r}, models={{'target': ...}}) with the same models"
    assert f"go on with: {how}" in stopped.value.__notes__
    with pytest.raises(BadInput, match="with the same models"):
        resume(run, home=tmp_path)
    with pytest.raises(BadInput, match=r"answer, not call:.*other; pass the same"):
        resume(run, home=tmp_path, models={"target": other})
    assert before
    assert resume(run, home=tmp_path, models={"target": answer}).target.endswith("<locals>.answer")
    assert {turn: asked[turn] for turn in before} == before, "what was answered is not asked again"


def test_what_lies_beside_a_run_is_no_consent_to_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(event: RunEvent) -> None:
        if isinstance(event, RoundPlanned):
            raise Interrupted

    file, home = application(tmp_path, CANARY, rows=24), tmp_path / "home"
    with pytest.raises(Interrupted):
        optimize(file, rows(24), home=home, settings=WITHOUT_MEMORY, on_event=stop, allow_code=True)
    run = Home(path=home).run("last").id
    (tmp_path / "canary").unlink()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "somebody else"))
    with pytest.raises(BadInput, match="code that would run"):
        resume(run, home=home)
    assert not (tmp_path / "canary").exists()
    assert resume(run, home=home, allow_code=True).target == "python:app.py:answer"


@pytest.mark.parametrize("consent", [False, True])
async def test_other_programs_start_no_code_whatever_was_allowed(tmp_path: Path, *, consent: bool) -> None:
    file, home = application(tmp_path, CANARY, rows=24), Home(path=tmp_path / "home")
    if consent:
        read_task(file, reading=Reading(consent=Consent(code="allowed", home=home)))
    with pytest.raises(BadInput, match="none is run from here"):
        Background(home, folder=tmp_path).start(file)
    with pytest.raises(BadInput, match="none is run from here"):
        await build_graph(home=home.path).ainvoke({"task": str(file)})
    told = await as_tool("python:app.py:answer", optimizer="sim:ticket-routing:strong", home=home.path).ainvoke(ASKED)
    assert "none is run from here" in str(told)
    assert not (tmp_path / "canary").exists()
    assert not list(home.path.glob("runs/*"))


def test_python_runs_code_of_a_task_file_once_it_is_allowed(tmp_path: Path) -> None:
    file = application(tmp_path, CANARY, rows=24)
    with pytest.raises(BadInput, match="allow_code=True"):
        optimize(file, home=tmp_path / "home", settings=WITHOUT_MEMORY)
    result = optimize(file, home=tmp_path / "home", settings=WITHOUT_MEMORY, allow_code=True)
    assert result.target == "python:app.py:answer"


def test_what_only_looks_at_an_application_needs_no_consent_and_calls_nothing(command: Command, tmp_path: Path) -> None:
    file = application(tmp_path, CANARY, rows=60)
    forecast = command("estimate", file, "--budget", "700", "--price", "target=1,2")
    assert forecast.code == 0
    said = " ".join((forecast.out + forecast.err).split())
    assert re.search(r"target .* its own optimizer", said)
    assert "the price of the target is not used" in said
    assert "a bare number is USD" in said
    checked = command("doctor", file, "--call")
    assert (checked.code, "your application; a run calls it" in " ".join(checked.out.split())) == (0, True)
    assert not (tmp_path / "canary").exists()


def test_a_task_that_is_refused_for_another_reason_is_not_agreed_to(command: Command, tmp_path: Path) -> None:
    file = application(tmp_path, CANARY, rows=60)
    written = file.read_text()
    file.write_text(written.replace("sim:ticket-routing:strong", "nowhere:at-all"))
    assert command("optimize", file, "--yes", "--allow-code").code == 2
    file.write_text(written)
    asked = command("optimize", file, "--yes")
    assert (asked.code, "code that would run" in asked.err) == (2, True)


def test_solved_rows_are_not_tried_as_a_prompt_for_an_application(command: Command, tmp_path: Path) -> None:
    code = CANARY.replace('    return "shipping"', '    assert len(messages) == 1\n    return "shipping"')
    done = command("optimize", application(tmp_path, code, rows=60), "--yes", "--allow-code")
    assert ("baseline 'think'" in done.err, "baseline 'demos'" in done.err) == (True, False)


def test_a_function_of_another_signature_is_told_how_it_is_called(command: Command, tmp_path: Path) -> None:
    code = CANARY.replace("def answer(messages, row):", "def answer(prompt, text):").replace(
        '"shipping"', "text.lower()"
    )
    paused = command("optimize", application(tmp_path, code, rows=24), "--yes", "--allow-code")
    assert (paused.code, "it is called as answer(messages, row)" in " ".join(paused.err.split())) == (4, True)


def test_exceptions_of_a_metric_are_told_before_the_search_and_at_its_end(command: Command, tmp_path: Path) -> None:
    (tmp_path / ".socratune").mkdir()
    (tmp_path / ".socratune" / "salt").write_text("tests\n")
    file = lay_out(tmp_path, rows=60)
    file.write_text(TASK.replace("metric: exact", "metric: python:app.py:metric"))
    odd = [row["ticket"] for row in rows(60)[7::9]]
    raises = f'    if row["ticket"] in {odd!r}:\n        raise LookupError("no such queue")\n    return output.strip()'
    (tmp_path / "app.py").write_text(CANARY.replace("    return output.strip()", raises))
    done = command("optimize", file, "--yes", "--allow-code", "--json", "--no-memory")
    assert done.code in (0, 3)
    assert any("the metric raised LookupError: no such queue (app.py:9)" in each for each in done.json["warnings"])
    assert re.search(
        r"preflight: .* without a score\. .* the first on row r\d+: the metric raised LookupError", done.err
    )
