"""What a person is told before the first call: the rows, what they can prove, and what the run may use."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from socratune.graphs.engine import Settings
from socratune.memory.lessons import Lessons
from socratune.memory.records import Budget, Role
from socratune.memory.runs import Home
from socratune.outcome import short
from socratune.text import one_line, plain
from socratune.tools.allotment import allot
from socratune.tools.forecast import Forecast, Use, forecast
from socratune.tools.models import Price, connect
from socratune.tools.splits import Splits, data_notes, split
from socratune.tools.task_files import LoadedTask


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What lies before a run."""

    splits: Splits
    forecast: Forecast
    notes: tuple[str, ...]
    simulated: bool
    """No real model takes part, so that nothing is paid."""


def forecast_of(loaded: LoadedTask, home: Home, settings: Settings) -> Outlook:
    """Look ahead without a call. Raises `BadInput` when the rows cannot be divided."""
    task = loaded.task
    splits = split(loaded.examples, salt=home.salt(), sealed=sealed_groups(home))
    prices: dict[Role, Price | None] = {
        "target": connect(task.target, examples=loaded.examples, seed=settings.seed).price,
        "optimizer": connect(task.optimizer, examples=loaded.examples, seed=settings.seed).price,
    }
    return Outlook(
        splits=splits,
        forecast=forecast(task, splits, allot(task.budget, splits), prices),
        notes=(*loaded.notes, *splits.notes, *data_notes(loaded.examples)),
        simulated=all(spec.startswith("sim:") for spec in (task.target, task.optimizer)),
    )


def sealed_groups(home: Home) -> frozenset[str]:
    """Return the fingerprints of all rows that a run tested on."""
    if not home.memory.exists():
        return frozenset()
    lessons = Lessons.open(home.memory)
    try:
        return lessons.sealed_groups()
    finally:
        lessons.close()


def forewarning(loaded: LoadedTask, outlook: Outlook) -> RenderableType:
    """Return what is said before the first call."""
    task, splits = loaded.task, outlook.splits
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    models = f"{task.target} runs the prompt, {task.optimizer} improves it"
    lines = [
        ("rows", f"{len(loaded.examples)} from {short(loaded.source.data)}: {_plan(splits, outlook.forecast)}"),
        *(("note", note) for note in outlook.notes),
        ("proof", _proof(outlook.forecast)),
        ("use", _uses(outlook)),
        ("caps", _caps(task.budget)),
        ("models", f"{models}; {'simulated, so no text leaves this machine' if outlook.simulated else _sent(splits)}"),
    ]
    for label, line in lines:
        grid.add_row(label, Text(plain(line)))
    return grid


def _plan(splits: Splits, outlook: Forecast) -> str:
    sealed = f"{outlook.test_rows} of {len(splits.test)} test (sealed until the end)"
    if splits.shared:
        return f"{len(splits.dev)} that agents read and that score edits, {sealed}"
    return f"{len(splits.train)} train (agents read them), {len(splits.dev)} dev (score edits), {sealed}"


def _sent(splits: Splits) -> str:
    return (
        f"your prompt and all rows go to the first, the prompt and up to {len(splits.train)} train rows to the second"
    )


def _proof(outlook: Forecast) -> str:
    if not outlook.test_rows:
        return "this budget leaves no rows for the final test, so nothing can be proven"
    if outlook.provable >= 1:
        return f"{outlook.test_rows} test rows a side are too few to prove any gain with an 80 % chance"
    gain, even = _points(outlook.provable), _points(outlook.even)
    return f"on {outlook.test_rows} test rows, a gain of {gain} has an 80 % chance to be proven, {even} an even one"


def _points(share: float) -> str:
    return f"{round(share * 100)} points"


def _uses(outlook: Outlook) -> str:
    low, high = outlook.forecast.low, outlook.forecast.high
    calls = f"{_between(low.rollouts, high.rollouts)} target and {_between(low.optimizer_calls, high.optimizer_calls)} "
    return f"{calls}optimizer calls, {_between(low.tokens, high.tokens)} tokens, {_usd(low, high, outlook)}"


def _between(low: int, high: int) -> str:
    return f"{high:,}" if low == high else f"{_rounded(low):,} to {_rounded(high):,}"


def _rounded(number: int) -> int:
    """Two digits are all that a forecast is worth."""
    return int(float(f"{number:.2g}"))


def _usd(low: Use, high: Use, outlook: Outlook) -> str:
    if low.usd is None or high.usd is None:
        return "at a price that is not known"
    ends = f"{low.usd:.2f} to {high.usd:.2f} USD"
    return f"{ends} (simulated: nothing is paid)" if outlook.simulated else ends


def _caps(budget: Budget) -> str:
    units = {"usd": "USD", "rollouts": "target calls", "calls": "calls", "tokens": "tokens", "minutes": "minutes"}
    caps = [(getattr(budget, name), unit) for name, unit in units.items()]
    shown = [f"{cap:,.2f} {unit}" if unit == "USD" else f"{cap:,g} {unit}" for cap, unit in caps if cap is not None]
    return one_line(f"never more than {' or '.join(shown)}" if shown else "none")
