"""The runs of a home, as a list."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from filelock import FileLock, Timeout
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from socratune.comparisons import KEPT
from socratune.memory.errors import BadInput
from socratune.memory.ledger import Spent
from socratune.memory.runs import Home, RunFolder
from socratune.options import Manner
from socratune.orders import SavedOrder
from socratune.standing import opened
from socratune.text import one_line

GOING_ON = ("running", "unfinished")
STATUSES = {"no_improvement": "no gain"}
WIDE = 100
"""Columns from which the task file has a column of its own; run ids begin with the task's name anyway."""
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One run in the list."""

    run: str
    task: str
    """Path of the task file; empty when it is not known."""
    status: str
    """That of its result, or `running`, or `unfinished`."""
    dev: tuple[float | None, float | None]
    """Of the user's own prompt and of the best found."""
    test: tuple[float | None, float | None]
    usd: float | None
    """None when the price of a model is not known."""
    age: float
    """Seconds since it began."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare:
    """One compare in the list."""

    compare: str
    status: str
    """That of its result, or `running`, or `unfinished`."""
    recipes: tuple[str, ...]
    """Controls among them; empty when it was cut off before it began."""
    runs: tuple[str, ...]
    """By the names that commands know them by; those that were begun."""
    age: float
    """Seconds since it began."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return asdict(self)


def compares(home: Home) -> list[Compare]:
    """Return all compares, newest first."""
    return sorted(map(_compare, home.compares()), key=lambda compare: compare.age)


def _compare(folder: RunFolder) -> Compare:
    try:
        arms = KEPT.read(folder).arms
    except BadInput:
        arms = ()
    return Compare(
        compare=folder.id,
        status=str(_record(folder).get("status") or unfinished(folder)),
        recipes=tuple(map(str, arms)),
        runs=tuple(run.name for run in folder.parts()),
        age=time.time() - _born(folder),
    )


def entries(home: Home) -> list[Entry]:
    """Return all runs, newest first."""
    return sorted(map(_entry, home.runs()), key=lambda entry: entry.age)


def _entry(folder: RunFolder) -> Entry:
    record = _record(folder)
    sides = [record.get(side) or {} for side in ("seed", "best")]
    try:
        task = str(SavedOrder.kept(folder).file)
    except BadInput:
        task = ""
    return Entry(
        run=folder.id,
        task=task,
        status=str(record.get("status") or unfinished(folder)),
        dev=(sides[0].get("dev"), sides[1].get("dev")),
        test=(sides[0].get("test"), sides[1].get("test")),
        usd=record["usd"] if "usd" in record else _spent(folder),
        age=time.time() - _born(folder),
    )


def _born(folder: RunFolder) -> float:
    """Return when a run was started: its order is written once, the folder itself changes with each file."""
    order = folder.path / "order.json"
    return (order if order.exists() else folder.path).stat().st_mtime


def _record(folder: RunFolder) -> dict[str, Any]:
    try:
        return dict(json.loads(folder.result.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def unfinished(folder: RunFolder) -> str:
    """Say of a run without a result whether somebody works on it: `running` or `unfinished`."""
    lock = FileLock(folder.path / "owner.lock")
    try:
        with lock.acquire(timeout=0):
            return "unfinished"
    except Timeout:
        return "running"


def _spent(folder: RunFolder) -> float | None:
    if not folder.ledger.exists():
        return 0.0
    with opened(folder) as ledger:
        spent = ledger.spent().values()
        return Spent.total(spent).usd if all(each.priced for each in spent) else None


def table(found: Sequence[Entry], manner: Manner, *, width: int) -> RenderableType:
    """Return the list as a table of at most `width` columns, and the commands that go on with what is unfinished."""
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    shown.add_column("run", overflow="fold")  # an id goes on in the next line before a number is cut off
    shown.add_column("status", no_wrap=True)
    for name in ("dev", "test", "USD", "age"):
        shown.add_column(name, justify="right", no_wrap=True)
    wide = width >= WIDE
    if wide:
        shown.add_column("task", style="dim", overflow="ellipsis", no_wrap=True)
    for entry in found:
        numbers = (
            _move(entry.dev),
            _move(entry.test),
            "?" if entry.usd is None else f"{entry.usd:.2f}",
            age(entry.age),
        )
        task = (Text(one_line(entry.task.rpartition("/")[2])),) if wide else ()
        shown.add_row(Text(entry.run), Text(STATUSES.get(entry.status, entry.status)), *numbers, *task)
    steps = [manner.command("resume", entry.run) for entry in found if entry.status == "unfinished"]
    return Group(shown, *_waiting(steps))


def _waiting(steps: Sequence[str]) -> list[Text]:
    return [Text("\nGo on with what is unfinished:"), *(Text(f"  {step}") for step in steps)] if steps else []


def table_of_compares(found: Sequence[Compare], manner: Manner) -> RenderableType:
    """Return the compares as a table, and the commands that go on with them and read one of their runs."""
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("compare", "status", "recipes", "runs", "age"):
        shown.add_column(name, justify="right" if name in ("runs", "age") else "left", overflow="fold")
    for each in found:
        status = Text(STATUSES.get(each.status, each.status))
        recipes = Text(", ".join(each.recipes))
        shown.add_row(Text(each.compare), status, recipes, str(len(each.runs)), age(each.age))
    steps = [manner.command("resume", each.compare) for each in found if each.status == "unfinished"]
    ended = [run for each in found for run in each.runs if each.status not in GOING_ON]
    told = [f"\nA run of a compare is COMPARE/RUN: {manner.command('report', ended[0])}"] if ended else []
    return Group(shown, *_waiting(steps), *map(Text, told))


def _move(means: tuple[float | None, float | None]) -> str:
    old, new = means
    return "-" if old is None or new is None else f"{_short(old)}>{_short(new)}"


def _short(mean: float) -> str:
    return f"{mean:.2f}".removeprefix("0")


def age(seconds: float) -> str:
    """Return an age in its largest unit."""
    size, unit = next((each for each in UNITS if seconds >= each[0]), UNITS[-1])
    return f"{int(seconds // size)} {unit}"
