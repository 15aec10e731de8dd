"""What holds when neither the command nor the task file says otherwise."""

from __future__ import annotations

import asyncio
import traceback
from dataclasses import replace
from pathlib import Path

import pytest

from socratune import build_graph, optimize
from socratune.configuration import FROM_ENVIRONMENT, PREFIX, Configuration
from socratune.memory.errors import BadInput
from socratune.memory.records import Budget
from socratune.memory.runs import Home
from socratune.orders import SavedOrder
from socratune.outcome import read_result
from socratune.tools.task_files import Overrides

from .conftest import TASK, Command, lay_out

SAID = "target: sim:invoices\nrecipe: auto\nbudget: 3\nconcurrency: 5\n"
KEY = "sk-live-4242424242"


@pytest.fixture(autouse=True)
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FROM_ENVIRONMENT:
        monkeypatch.delenv(f"{PREFIX}{name.upper()}", raising=False)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(path=tmp_path / ".socratune")
    made.prepare()
    return made


def write(home: Home, text: str) -> Path:
    file = home.path / "config.yaml"
    file.touch(mode=0o600)
    file.write_text(text)
    return file


def test_home_without_a_file_says_nothing(home: Home) -> None:
    assert Configuration.read(home) == Configuration()
    write(home, "# nothing yet\n")
    assert Configuration.read(home) == Configuration()


def test_environment_goes_before_the_file_and_each_place_is_known(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(home, SAID)
    monkeypatch.setenv("SOCRATUNE_TARGET", "sim:ticket-routing")
    monkeypatch.setenv("SOCRATUNE_BUDGET", "rollouts=50,usd=2")
    found = Configuration.read(home)
    assert found.defaults == Overrides(target="sim:ticket-routing", recipe="auto", budget=Budget(rollouts=50, usd=2.0))
    assert found.concurrency == 5
    assert found.places == {
        "target": "SOCRATUNE_TARGET",
        "budget": "SOCRATUNE_BUDGET",
        "recipe": f"{file}:2",
        "concurrency": f"{file}:4",
    }


@pytest.mark.parametrize(
    ("flag", "in_file", "expected"),
    [
        (None, None, "sim:moderation"),
        (None, "sim:invoices", "sim:invoices"),
        ("sim:ticket-routing", "sim:invoices", "sim:ticket-routing"),
    ],
)
def test_command_goes_before_the_task_file_and_that_before_the_defaults(
    tmp_path: Path, flag: str | None, in_file: str | None, expected: str
) -> None:
    file = lay_out(tmp_path)
    file.write_text(TASK.replace("target: sim:ticket-routing\n", f"target: {in_file}\n" if in_file else ""))
    saved = SavedOrder(file=file, overrides=Overrides(target=flag), defaults=Overrides(target="sim:moderation"))
    assert saved.load().task.target == expected


def test_a_cap_of_the_command_joins_those_of_the_task_file_and_neither_joins_the_default(tmp_path: Path) -> None:
    saved = SavedOrder(file=lay_out(tmp_path), defaults=Overrides(budget=Budget(usd=9.0)))
    assert saved.load().task.budget == Budget(rollouts=400)
    capped = replace(saved, overrides=Overrides(budget=Budget(usd=5.0)))
    assert capped.load().task.budget == Budget(usd=5.0, rollouts=400)


def test_defaults_reach_a_run_from_the_command_line(
    command: Command, desk: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write_text(TASK.replace("target: sim:ticket-routing\nbudget: {rollouts: 400}\n", ""))
    told = command("eval", desk, "--json")
    assert told.code == 2
    assert told.err.count("\n") == 1
    assert "SOCRATUNE_TARGET" in told.err
    write(home, "target: sim:ticket-routing\nbudget: {rollouts: 10}\n")
    assert command("eval", desk, "--json").json["calls"] == 10
    monkeypatch.setenv("SOCRATUNE_BUDGET", "rollouts=5")
    assert command("eval", desk, "--json").json["calls"] == 5


def test_defaults_reach_a_run_from_python_and_from_a_graph(desk: Path, home: Home) -> None:
    desk.write_text(TASK.replace("target: sim:ticket-routing\nbudget: {rollouts: 400}\n", ""))
    write(home, "target: sim:ticket-routing\nbudget: {rollouts: 100}\nconcurrency: 3\n")
    ended = asyncio.run(build_graph(home=home.path).ainvoke({"task": str(desk)}))
    results = [optimize(desk, home=home.path), read_result(home.run(ended["run"]))]
    assert [result.target for result in results] == ["sim:ticket-routing"] * 2
    assert all(result.spent["target"].rollouts <= 100 for result in results)
    assert [SavedOrder.read(run).settings.concurrency for run in home.runs()] == [3, 3]


def test_unfinished_run_keeps_the_defaults_that_it_began_with(
    command: Command, desk: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write_text(TASK.replace("target: sim:ticket-routing\n", ""))
    write(home, "target: sim:ticket-routing\n")
    assert command("eval", desk, "--json", "--budget", "rollouts=5").code == 0
    monkeypatch.setenv("SOCRATUNE_TARGET", "sim:invoices")
    assert SavedOrder.read(home.runs()[0]).load().task.target == "sim:ticket-routing"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("target: sim:invoices\ntarge: x\n", ":2: unknown key 'targe'; did you mean 'target'?"),
        ("target: gpt-5\n", ":1: names no model (write openai:NAME"),
        ("\noptimizer: gepa\n", ":2: 'gepa' is a recipe, not a model"),
        ("target: python:app.py:answer\n", ":1: a default runs no code"),
        ("recipe: atuo\n", ":1: unknown recipe 'atuo'; did you mean 'auto'?"),
        ("budget: {usd: -1}\n", ":1: budget.usd: -1 cannot be used"),
        ("concurrency: 0\n", ":1: concurrency"),
        ("- target\n", ":1: a configuration holds `key: value` lines"),
        ("target: !!python/object/apply:os.system ['touch stolen']\n", ":1: not valid YAML"),
        ("target: sim:nowhere\n", ""),
    ],
)
def test_what_cannot_be_used_is_one_line_with_its_place(home: Home, text: str, told: str) -> None:
    file = write(home, text)
    if not told:
        assert Configuration.read(home).defaults.target == "sim:nowhere", "a world is looked for when it is needed"
        return
    with pytest.raises(BadInput) as refused:
        Configuration.read(home)
    assert str(refused.value).startswith(f"{file}{told}")
    assert "\n" not in str(refused.value)
    assert not Path("stolen").exists()


@pytest.mark.parametrize(("variable", "text"), [("BUDGET", "usd=-3"), ("CONCURRENCY", "many"), ("TARGET", "gpt")])
def test_bad_variable_is_named(home: Home, monkeypatch: pytest.MonkeyPatch, variable: str, text: str) -> None:
    monkeypatch.setenv(f"SOCRATUNE_{variable}", text)
    with pytest.raises(BadInput, match=f"^SOCRATUNE_{variable}: "):
        Configuration.read(home)


def test_host_is_given_the_name_of_a_variable(home: Home) -> None:
    file = write(home, "hosts: {https://gateway.example:8443: GATEWAY_KEY}\n")
    assert Configuration.read(home).hosts == {"https://gateway.example:8443": "GATEWAY_KEY"}
    file.chmod(0o644)
    with pytest.raises(BadInput, match="chmod 600"):
        Configuration.read(home)


@pytest.mark.parametrize(
    "hosts",
    [
        KEY,
        f"{{https://gateway.example: {KEY}}}",
        "{https://gateway.example: AKIA4242424242EXAMPLE}",
        "{https://gateway.example: 4242424242}",
        f"{{https://me:{KEY}@gateway.example: GATEWAY_KEY}}",
        "{https://gateway.example: OPENAI_API_KEY}",
        f"[{KEY}]",
    ],
)
def test_key_in_the_file_is_refused_and_not_repeated(home: Home, hosts: str) -> None:
    write(home, f"hosts: {hosts}\n")
    with pytest.raises(BadInput) as refused:
        Configuration.read(home)
    assert "4242" not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize("key", ["OPENAI_API_KEY", "target"])
def test_key_under_a_wrong_name_is_not_repeated_either(home: Home, key: str) -> None:
    write(home, f"{key}: {KEY}\n")
    with pytest.raises(BadInput) as refused:
        Configuration.read(home)
    assert "4242" not in "".join(traceback.format_exception(refused.value))
