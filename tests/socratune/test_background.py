"""What may be started for other programs, and what it may cost."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from socratune import BadInput
from socratune.background import Background, is_free, names_code
from socratune.mcp_server import PromptJob
from socratune.memory.runs import Home
from socratune.orders import SavedOrder
from socratune.tools.simulator.builtin import BUILTIN

from .conftest import TASK, lay_out
from .test_agent_tool import ASKED, ROWS

JUDGED = TASK.replace("metric: exact", "metric: {rubric: Names the right queue}")
PAID = TASK.replace("sim:ticket-routing", "openai:gpt-5-mini")


def served(folder: Path, max_usd: float | None = None) -> Background:
    return Background(Home(path=folder / ".socratune"), folder=folder, max_usd=max_usd)


def job(**given: Any) -> dict[str, Any]:
    return PromptJob(**{**ASKED, "target": "sim:ticket-routing", **given}).keys()


REFUSED: Mapping[str, tuple[Path | dict[str, Any], str]] = {
    "another folder": (Path("../task.yaml"), "outside"),
    "an absolute path": (Path("/etc/passwd"), "outside"),
    "a link": (Path("link.yaml"), "outside"),
    "no file": (Path("missing.yaml"), "no such file"),
    "code": (Path("code.yaml"), "python"),
    "a paid model": (Path("paid.yaml"), "--max-usd"),
    "a paid optimizer": (Path("optimizer.yaml"), "--max-usd"),
    "a paid model for a prompt": (job(target="openai:gpt-5-mini"), "--max-usd"),
    "a paid judge": (Path("judge.yaml"), "openai:gpt-5-mini may cost money"),
    "a judge's world elsewhere": (Path("world.yaml"), "outside"),
    "a world elsewhere": (job(target="sim:../world.yaml"), "outside"),
    "a prompt elsewhere": (job(prompt="file://../../../task.yaml"), "leads out"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_may_not_be_started_is_bad_input_and_leaves_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    folder = tmp_path / "served"
    folder.mkdir()
    lay_out(tmp_path)
    lay_out(folder)
    (folder / "link.yaml").symlink_to(tmp_path / "task.yaml")
    (folder / "code.yaml").write_text(TASK.replace("metric: exact", "metric: python:evil.py:run"))
    (folder / "paid.yaml").write_text(PAID)
    (folder / "optimizer.yaml").write_text(f"{TASK}optimizer: openai:gpt-5-mini\n")
    for file, judge in (("judge.yaml", "openai:gpt-5-mini"), ("world.yaml", "sim:../world.yaml:strong")):
        (folder / file).write_text(f"{JUDGED}judge: {judge}\n")
    shutil.copy(BUILTIN / "ticket-routing.yaml", tmp_path / "world.yaml")
    task, said = REFUSED[name]
    rows = None if isinstance(task, Path) else ROWS
    background = served(folder)
    with pytest.raises(BadInput, match=said) as refused:
        background.start(task, rows)
    assert "sk-none" not in str(refused.value)
    assert not list((folder / ".socratune" / "runs").glob("*"))


def test_too_few_rows_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="12"):
        served(tmp_path).start(job(), ROWS[:5])
    assert not list((tmp_path / ".socratune" / "runs").glob("*"))


@pytest.mark.parametrize(
    ("written", "cap"),
    [("{usd: 0.001}", 0.001), ("{usd: 9}", 0.002), ("{rollouts: 400}", 0.002)],
)
def test_a_model_that_costs_money_runs_under_the_lower_cap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, cap: float
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    lay_out(tmp_path).write_text(PAID.replace("{rollouts: 400}", written))
    background = served(tmp_path, max_usd=0.002)
    run = background.start(Path("task.yaml"))
    background.close()
    saved = SavedOrder.read(background.home.run(run)).overrides.budget
    assert saved is not None
    assert saved.usd == cap
    with pytest.raises(BadInput, match="--max-usd"):
        served(tmp_path).resume(run)


def test_a_paid_model_that_the_home_names_is_capped_as_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    monkeypatch.setenv("SOCRATUNE_OPTIMIZER", "openai:gpt-5-mini")
    lay_out(tmp_path)
    for task, given in ((job(), ROWS), (Path("task.yaml"), None)):
        with pytest.raises(BadInput, match="--max-usd"):
            served(tmp_path).start(task, given)
        background = served(tmp_path, max_usd=0.002)
        run = background.start(task, given)
        background.close()
        loaded = SavedOrder.read(background.home.run(run)).load()
        assert (loaded.task.optimizer, loaded.task.budget.usd) == ("openai:gpt-5-mini", 0.002)


def test_only_simulated_models_and_those_of_this_machine_are_free() -> None:
    free = ["sim:x", "openai:m@http://127.0.0.1:8000/v1", "openai:m@http://localhost/v1", "anthropic:m@http://[::1]"]
    paid = ["openai:m", "openai:m@http://example.com/v1", "openai:m@http://127.0.0.1.example.com/v1", "anthropic:m"]
    assert all(map(is_free, free))
    assert not any(map(is_free, paid))


def test_code_is_seen_wherever_it_stands() -> None:
    assert names_code({"tests": [{"assert": [{"type": "x", "value": " python:a.py:f"}]}]})
    assert names_code({"target": "python:app.py:answer"})
    assert not names_code({"metric": "exact", "limit": 3, "data": ["rows.csv"]})
