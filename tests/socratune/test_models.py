"""Models as a person names them on the command line and in Python."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from langchain_core.language_models import FakeListChatModel

from socratune import BadInput, ModelOptions, Paused, aoptimize, optimize
from socratune.memory.records import PLAIN
from socratune.orders import read_task
from socratune.tools.simulator.server import served
from socratune.tools.simulator.wire import POLITE, Wire
from socratune.tools.simulator.world import load_world
from socratune.tools.task_files import Overrides

from .conftest import Command, lay_out
from .test_api import TASK, WITHOUT_MEMORY, rows

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


def test_an_unpriced_model_under_a_usd_cap_is_refused_with_the_cure(
    command: Command, tmp_path: Path, provider: str
) -> None:
    file = named(tmp_path, {"model": WORLD, "base_url": provider, "temperature": 0})
    ran = command("eval", file, "--budget", "1", "--yes")
    assert ran.code == 2
    assert f"the price of openai:{WORLD}@{provider}#" in ran.err
    assert "--price IN,OUT" in ran.err


def test_a_given_price_is_what_is_spent(command: Command, tmp_path: Path, provider: str) -> None:
    file = named(tmp_path, {"model": WORLD, "base_url": provider, "temperature": 0})
    ran = command("eval", file, "--budget", "1", "--yes", "--json", "--price", "1000,0")
    assert ran.code == 0
    assert ran.json["usd"] == pytest.approx(ran.json["tokens"]["in"] * 1000 / 1_000_000)


def test_a_price_that_the_table_knows_otherwise_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    file = named(tmp_path, {"model": "gpt-4o-mini"})
    notes = read_task(file, Overrides(prices={"target": (1.0, 4.0)})).notes
    assert [note for note in notes if "the price table says 0.15 and 0.6" in note]
    same = read_task(file, Overrides(prices={"target": (0.15, 0.6)})).notes
    assert not [note for note in same if "price table" in note]


def test_the_run_of_a_long_form_can_be_told_from_that_of_a_short_one(tmp_path: Path, provider: str) -> None:
    short = read_task(named(tmp_path, {"model": WORLD, "base_url": provider})).task
    long = read_task(named(tmp_path, {"model": WORLD, "base_url": provider, "temperature": 0})).task
    assert short.target == long.target
    assert short.options.get("target", PLAIN) != long.options["target"]


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
