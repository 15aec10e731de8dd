"""Models as a person names them on the command line and in Python."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from langchain_core.language_models import FakeListChatModel
from tests.tools.providers.test_keys import CANARY, overheard

from socratune import (
    BadInput,
    BaselineTried,
    Interrupted,
    ModelOptions,
    Paused,
    PreflightDone,
    RunStarted,
    Settings,
    Task,
    aoptimize,
    optimize,
    resume,
)
from socratune.events import RunEvent
from socratune.memory.runs import Home
from socratune.orders import SavedOrder, order_of, read_task
from socratune.tools.simulator.server import served
from socratune.tools.simulator.wire import POLITE, Wire
from socratune.tools.simulator.world import load_world
from socratune.tools.task_files import Overrides

from .conftest import Command, lay_out
from .test_api import TASK, WITHOUT_MEMORY, rows
from .test_cancelling import CALM

WORLD = "ticket-routing"


@pytest.fixture
def provider() -> Iterator[str]:
    """The address of a provider on this machine."""
    with served(Wire(world=load_world(WORLD), examples=(), manners=POLITE)) as url:
        yield f"{url}/v1"


def named(folder: Path, target: dict[str, object], rows: int = 30) -> Path:
    """A task whose target is written in the long form."""
    file = lay_out(folder, rows=rows)
    long = yaml.safe_dump({"target": target}, default_flow_style=True)
    file.write_text(file.read_text().replace("target: sim:ticket-routing\n", f"{long.strip()[1:-1]}\n"))
    return file


def test_all_prices_that_are_missing_are_asked_for_at_once(command: Command, desk: Path) -> None:
    models = ("--target", "openai:a@http://127.0.0.1:9/v1", "--optimizer", "openai:b@http://127.0.0.1:9/v1")
    ran = command("optimize", desk, *models, "--budget", "usd=1", "--yes")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "--price IN,OUT --price optimizer=IN,OUT" in ran.err
    told = command("estimate", desk, *models, "--budget", "usd=1")
    assert "a run does not start before what is missing is there" in told.out


def test_an_unpriced_model_under_a_usd_cap_is_refused_with_the_cure(
    command: Command, tmp_path: Path, provider: str
) -> None:
    file = named(tmp_path, {"model": WORLD, "base_url": provider, "temperature": 0})
    ran = command("eval", file, "--budget", "1", "--yes")
    assert ran.code == 2
    assert f"the price of openai:{WORLD}@{provider}" in ran.err
    assert "--price IN,OUT" in ran.err


def test_a_given_price_is_what_is_spent(command: Command, tmp_path: Path, provider: str) -> None:
    file = named(tmp_path, {"model": WORLD, "base_url": provider, "temperature": 0})
    ran = command("eval", file, "--budget", "1", "--yes", "--json", "--price", "10,0")
    assert (ran.code, ran.json["cut_by"]) == (0, None)
    assert ran.json["usd"] == pytest.approx(ran.json["tokens"]["in"] * 10 / 1_000_000)


def test_a_price_that_the_table_knows_otherwise_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    file = named(tmp_path, {"model": "gpt-4o-mini"})
    notes = read_task(file, Overrides(prices={"target": (1.0, 4.0)})).notes
    assert [note for note in notes if "the price table says 0.15 and 0.6" in note]
    same = read_task(file, Overrides(prices={"target": (0.15, 0.6)})).notes
    assert not [note for note in same if "price table" in note]


def test_options_make_another_run_and_hosts_do_not() -> None:
    def fingerprint(task: Task, settings: Settings = WITHOUT_MEMORY) -> str:
        return order_of(task, rows(30), settings).fingerprint

    warm = replace(TASK, target="openai:m@http://h/v1", options={"target": ModelOptions(temperature=1.0)})
    cold = replace(warm, options={"target": ModelOptions(temperature=0.0)})
    hosts = replace(WITHOUT_MEMORY, hosts={"https://gateway.corp": "GATEWAY_KEY"})
    assert fingerprint(warm) != fingerprint(cold)
    assert fingerprint(warm) == fingerprint(warm, hosts)


def test_a_run_is_resumed_with_its_prices(tmp_path: Path) -> None:
    asked = SavedOrder(
        file=tmp_path / "task.yaml",
        overrides=Overrides(prices={"target": (1.0, 4.0), "optimizer": (0.5, 2.0)}),
        settings=WITHOUT_MEMORY,
    )
    folder = Home(path=tmp_path / "home").new_run("desk")
    asked.save(folder)
    assert SavedOrder.read(folder) == asked


@pytest.mark.parametrize("kept", ["order.json", "given.json"])
def test_a_host_that_is_named_beside_a_run_gets_no_key_and_one_that_a_person_vouches_for_does(
    kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(event: RunEvent) -> None:
        if isinstance(event, moments):
            raise Interrupted

    monkeypatch.setenv("GATEWAY_KEY", CANARY)
    heard: list[str] = []
    home, config = tmp_path / "home", tmp_path / "home" / "config.yaml"
    with served(overheard(heard)) as url:
        file = named(tmp_path, {"model": WORLD, "base_url": f"{url}/v1"})
        file.write_text(f"{file.read_text()}optimizer: sim:{WORLD}:strong\n")
        moments: type[RunEvent] = RunStarted
        with pytest.raises(Interrupted):
            optimize(file, rows(30) if kept == "given.json" else None, home=home, settings=CALM, on_event=stop)
        (saved,) = home.glob(f"runs/*/{kept}")
        order = json.loads(saved.read_text())
        assert not order["settings"]["hosts"]
        order["settings"]["hosts"] = {url: "GATEWAY_KEY"}
        saved.write_text(json.dumps(order))
        moments = PreflightDone
        with pytest.raises(Interrupted):
            resume(saved.parent.name, home=home, on_event=stop)
        assert heard
        assert CANARY not in "".join(heard)
        moments = BaselineTried
        config.write_text(f"hosts: {{{url}: GATEWAY_KEY}}\n")
        config.chmod(0o644)
        with pytest.raises(BadInput, match="chmod 600"):
            resume(saved.parent.name, home=home, on_event=stop)
        config.unlink()
        heard.clear()
        with pytest.raises(Interrupted):
            resume(saved.parent.name, home=home, on_event=stop, hosts={url: "GATEWAY_KEY"})
        assert all(CANARY in each for each in heard)
        assert heard


def test_the_homes_hosts_hold_for_a_run_that_goes_on(tmp_path: Path) -> None:
    home = Home(path=tmp_path / "home")
    folder = home.new_run("desk")
    vouched = {"https://gateway.corp": "GATEWAY_KEY"}
    settings = replace(WITHOUT_MEMORY, hosts={"https://elsewhere.example": "GATEWAY_KEY"})
    SavedOrder(file=tmp_path / "task.yaml", settings=settings).save(folder)
    config = home.path / "config.yaml"
    config.write_text("hosts: {https://gateway.corp: GATEWAY_KEY}\n")
    config.chmod(0o600)
    assert SavedOrder.read(folder).settings.hosts == vouched


def test_two_lengths_of_an_answer_are_refused_in_python_too(tmp_path: Path) -> None:
    task = replace(TASK, options={"target": ModelOptions(max_tokens=9)})
    with pytest.raises(BadInput, match="max_tokens of the target is 9, max_output_tokens 512"):
        optimize(task, rows(60), home=tmp_path)


async def test_chat_models_of_langchain_take_part_in_a_run(tmp_path: Path) -> None:
    chat = FakeListChatModel(responses=["no queue at all"])
    with pytest.raises(Paused):  # its agents never answer in their form
        await aoptimize(
            TASK, rows(60), home=tmp_path, settings=WITHOUT_MEMORY, models={"target": chat, "optimizer": chat}
        )


def test_what_is_no_model_is_refused_before_a_run_begins(tmp_path: Path) -> None:
    models = {"target": "openai:gpt-4o", "optimizer": "openai:gpt-4o"}
    with pytest.raises(BadInput, match="a str is no model"):
        optimize(TASK, rows(60), home=tmp_path, models=models)  # type: ignore[arg-type]  # what a person may write
    assert not list(tmp_path.glob("runs/*"))


def test_a_model_in_the_words_of_promptfoo_is_refused_with_ours(command: Command, desk: Path) -> None:
    ran = command("estimate", desk, "--target", "openai:chat:moderation@http://127.0.0.1:1/v1")
    assert ran.code == 2
    assert "write openai:moderation@http://127.0.0.1:1/v1" in ran.err
