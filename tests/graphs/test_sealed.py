"""No test row reaches the search: not in a request, not in what is kept, not in what it holds."""

from __future__ import annotations

import asyncio
import gc
import types
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.graphs.scene import Overheard, carry_out, folder_in, home_at, ledger_of, order, overheard, text_of

from socratune.graphs.context import OptimizeDeps, Sealed, SearchDeps
from socratune.graphs.engine import Order, Watch
from socratune.memory.ledger import Event
from socratune.memory.records import Example
from socratune.memory.runs import Home
from socratune.tools.models import Request
from socratune.tools.simulator.optimizer import SimulatedOptimizer
from socratune.tools.simulator.target import SimulatedTarget
from socratune.tools.splits import split

SALT = "salt"
CANARY = "zq%dxv"
ANY_CANARY = b"xv]"


def marked(order: Order) -> tuple[Order, list[str]]:
    """The same run with a word of its own in each test row, and in whatever a model says of that row."""
    test = {row.id for row in split(order.examples, salt=SALT).test}
    words = {row: CANARY % number for number, row in enumerate(sorted(test))}
    examples = tuple(_with_word(row, words[row.id]) if row.id in test else row for row in order.examples)
    task = replace(order.task, metric="contains")
    settings = replace(order.settings, log_content=True)
    return replace(order, examples=examples, task=task, settings=settings), list(words.values())


def _with_word(row: Example, word: str) -> Example:
    (column, text), *_ = row.inputs.items()
    return replace(row, inputs={**row.inputs, column: f"{text} [{word}]"})


def echo(request: Request) -> str | None:
    """The canary at the end of a request, in brackets; None for a row without one."""
    text = text_of(request).strip()
    return text[text.rindex("[") :] if text.endswith("xv]") else None


class Sealing:
    """A run with canaries, and what was said before and after the sealed rows were opened."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.early: list[Request] = []
        self.late: list[Request] = []
        self.opened = False
        self.kept_when_opened = b""
        made, self.words = marked(order(memory=True))
        self.models = overheard(made, before=self._hear)
        target = self.models["target"]
        target.answer = lambda request, said: f"{said} {echo(request) or ''}"
        self.result = carry_out(replace(made, models=self.models), home, Watch(listeners=(self._listen,)))

    def _hear(self, request: Request) -> None:
        (self.late if self.opened else self.early).append(request)

    def _listen(self, event: Event) -> None:
        if event.kind == "test_opened":
            self.opened = True
            self.kept_when_opened = b"".join(path.read_bytes() for path in files(self.home.path))


def files(folder: Path) -> Iterator[Path]:
    """Every file below a folder."""
    return (path for path in folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def sealing(tmp_path_factory: pytest.TempPathFactory) -> Sealing:
    """A finished run that opened its test rows."""
    return Sealing(home_at(tmp_path_factory.mktemp("home"), salt=SALT))


def test_the_proof_is_about_a_run_that_opened_its_rows(sealing: Sealing) -> None:
    assert sealing.result.status == "improved"
    assert mentioned(sealing.late, sealing.words)
    assert ANY_CANARY in b"".join(path.read_bytes() for path in files(folder_in(sealing.home).path))


def mentioned(requests: Iterable[Request], words: Iterable[str]) -> set[str]:
    """The words that stand in any of the requests."""
    said = "\n".join(map(text_of, requests))
    return {word for word in words if word in said}


def test_no_test_row_is_in_a_request_before_the_sealed_rows_are_opened(sealing: Sealing) -> None:
    assert len(sealing.early) > 100
    assert not mentioned(sealing.early, sealing.words)


def test_no_test_row_is_ever_shown_to_the_optimizer(sealing: Sealing) -> None:
    assert len(sealing.models["optimizer"].requests) > 10
    assert not mentioned(sealing.models["optimizer"].requests, sealing.words)


def test_nothing_on_disk_holds_a_test_row_before_the_sealed_rows_are_opened(sealing: Sealing) -> None:
    assert sealing.kept_when_opened
    assert not [word for word in sealing.words if word.encode() in sealing.kept_when_opened]


def test_memory_index_checkpoints_and_log_never_hold_a_test_row(sealing: Sealing) -> None:
    ledger = folder_in(sealing.home).ledger.name
    kept = [path for path in files(sealing.home.path) if not path.name.startswith(ledger)]
    names = {path.name for path in kept}
    assert {"memory.db", "checkpoints.db", "log.jsonl"} <= names
    assert any(path.parent != sealing.home.path and "index" in str(path) for path in kept)
    for path in kept:
        content = path.read_bytes()
        assert not [word for word in sealing.words if word.encode() in content], path


def test_candidates_and_events_never_hold_a_test_row(sealing: Sealing) -> None:
    with ledger_of(sealing.home) as ledger:
        content = f"{ledger.candidates()} {ledger.events()} {ledger.settings()}"
    assert not [word for word in sealing.words if word in content]


def test_no_test_row_can_be_reached_from_what_the_search_holds(tmp_path: Path) -> None:
    held: dict[str, set[str]] = {}

    def listen(event: Event) -> None:
        if event.kind == "moves" and not held:
            held["search"] = rows_within(living(SearchDeps))
            held["sealed"] = rows_within(living(OptimizeDeps)) - held["search"]

    made = order()
    carry_out(made, home_at(tmp_path, salt=SALT), Watch(listeners=(listen,)))
    sides = split(made.examples, salt=SALT)
    assert held["search"] == {row.id for row in (*sides.train, *sides.dev)}
    assert held["sealed"] <= {row.id for row in sides.test}
    assert held["sealed"], "the walk finds rows where there are some"


def living(kind: type) -> object:
    """The one object of a kind that is in use."""
    gc.collect()
    (found,) = (each for each in gc.get_objects() if type(each) is kind)
    return found


# Modules, types and functions lead to the whole process, and so do the event loop and what runs in it.
_BORDERS = (
    types.ModuleType,
    type,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.FrameType,
    types.CoroutineType,
    asyncio.AbstractEventLoop,
    SimulatedTarget,
    SimulatedOptimizer,
    Overheard,
)


def rows_within(root: object) -> set[str]:
    """The ids of all rows that can be reached by following references, but through a model."""
    seen, waiting, found = {id(root)}, [root], set()
    while waiting:
        each = waiting.pop()
        if isinstance(each, Example):
            found.add(str(each.id))
        for other in gc.get_referents(each):
            if id(other) not in seen and not isinstance(other, _BORDERS):
                seen.add(id(other))
                waiting.append(other)
    return found


def test_the_walk_does_find_a_row_that_is_there() -> None:
    row: Any = order().examples[0]
    assert rows_within({"deep": [Sealed(test=(row,))]}) == {row.id}
