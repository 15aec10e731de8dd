"""Whole runs, from the order to the record."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.graphs.scene import carry_out, home_at, ledger_of, order, split_of
from tests.graphs.scripted import BETTER, ROWS, SEED, scripted_order

from socratune.graphs.optimize import optimize_graph
from socratune.graphs.result import Result
from socratune.graphs.search import search_graph
from socratune.graphs.socratic import socratic_graph
from socratune.memory.records import ExampleId, Rollout
from socratune.memory.runs import Home
from socratune.tools.splits import split

SALT = "salt"
SCHEMA: dict[str, Any] = {
    "schema_version": int,
    "run": str,
    "status": str,
    "stop_reason": str,
    "recipe": str,
    "splits": {"train": int, "dev": int, "test": int},
    "seed": {"id": str, "dev": float, "test": float},
    "best": {"id": str, "dev": float, "test": float},
    "test": {
        "n": int,
        "difference": float,
        "low": float,
        "high": float,
        "wins": int,
        "losses": int,
        "p": float,
        "alpha": float,
        "method": str,
        "detectable": float,
    },
    "calls": {"rollouts": int, "optimizer": int, "judge": int, "cached": int},
    "tokens": {"in": int, "out": int},
    "usd": float,
    "prompt": {"system": (str, type(None)), "user": (str, type(None)), "demos": list},
    "candidate": (dict, type(None)),
    "errors": {"target": int, "optimizer": int, "judge": int},
    "warnings": list,
    "changes": list,
}
"""The record that is promised to whoever reads `--json`; more keys may stand in it."""


@pytest.fixture(scope="module", params=["ticket-routing", "moderation"])
def improved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Result]:
    """A finished run of a world that can be improved."""
    home = home_at(tmp_path_factory.mktemp("home"))
    return home, carry_out(order(request.param), home)


def test_a_run_on_a_world_that_can_be_improved_proves_it(improved: tuple[Home, Result]) -> None:
    _, result = improved
    assert result.status == "improved"
    assert result.verdict is not None
    assert result.verdict.low > 0
    assert result.prompt == result.best.prompt != result.seed.prompt


def test_the_record_has_the_promised_form_and_is_plain_json(improved: tuple[Home, Result]) -> None:
    record = improved[1].as_dict()
    _check(record, SCHEMA)
    for change in json.loads(json.dumps(record, allow_nan=False))["changes"]:
        _check(change, {"operator": str, "reason": str, "gain": float})


def _check(found: Any, wanted: Any) -> None:
    if isinstance(wanted, dict):
        for key, kind in wanted.items():
            _check(found[key], kind)
    else:
        assert isinstance(found, wanted)


def test_the_number_that_chose_is_not_the_number_that_is_reported(improved: tuple[Home, Result]) -> None:
    home, result = improved
    sides = split_of(home)
    with ledger_of(home) as ledger:
        seed, best = (ledger.rollouts(side.id) for side in (result.seed, result.best))
    both = seed.keys() & best.keys()
    assert not set(sides["dev"]) & set(sides["test"])
    assert result.best.dev == approx(best, both & set(sides["dev"]))
    assert result.best.test == approx(best, sides["test"])
    assert result.seed.test == approx(seed, sides["test"])


def approx(rollouts: Mapping[ExampleId, Rollout], rows: Collection[ExampleId]) -> Any:
    """The mean reward on `rows`."""
    return pytest.approx(sum(rollouts[row].reward or 0 for row in rows) / len(rows))


def test_every_accepted_edit_has_passed_the_gate_on_record(improved: tuple[Home, Result]) -> None:
    home, result = improved
    with ledger_of(home) as ledger:
        passed = {e.body["child"]: e.body["gain"] for e in ledger.events("judged") if e.body["accepted"]}
        leaders = [event.body["leader"] for event in ledger.events("leader")]
        failed = {row for each in ledger.candidates() for row, r in ledger.rollouts(each).items() if r.reward != 1}
    assert result.changes
    assert leaders == list(passed)
    assert all(gain > 0 for gain in passed.values())
    assert all(set(change.evidence) <= failed for change in result.changes)


def test_a_scripted_run_takes_about_a_second(tmp_path: Path) -> None:
    began = time.process_time()
    result = carry_out(scripted_order(), home_at(tmp_path, salt=SALT))
    assert result.status == "improved"
    assert result.prompt == BETTER
    assert time.process_time() - began < 3


def test_no_improvement_returns_the_users_own_prompt(tmp_path: Path) -> None:
    made = order("null-ideal")
    result = carry_out(made, home_at(tmp_path))
    assert result.status == "no_improvement"
    assert result.prompt == made.task.prompt
    assert result.as_dict()["prompt"] == made.task.prompt.as_dict()
    assert result.as_dict()["candidate"] is None


def test_a_promising_prompt_is_shown_and_not_returned(tmp_path: Path) -> None:
    sides = split(ROWS, salt=SALT)
    wanting = [row.inputs["word"] for row in (*sides.dev[:12], *sides.test[:2])]
    result = carry_out(scripted_order(wanting=wanting), home_at(tmp_path, salt=SALT))
    assert result.status == "promising"
    assert result.prompt == SEED
    assert result.as_dict()["candidate"] == BETTER.as_dict()


@pytest.mark.parametrize(
    ("name", "graph"), [("optimize", optimize_graph), ("search", search_graph), ("socratic", socratic_graph)]
)
def test_a_graph_is_drawn_as_it_was_reviewed(name: str, graph: Callable[[], Any]) -> None:
    reviewed = Path(__file__).with_name(f"{name}.mmd").read_text("utf-8")
    assert graph().get_graph().draw_mermaid() == reviewed
