"""`eval`: one prompt scored on all labelled rows, or two of them compared, without a search."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import typer
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from socratune.memory.errors import BadInput
from socratune.memory.ledger import Ledger, Spent
from socratune.memory.records import Budget, Verdict
from socratune.memory.runs import RunFolder
from socratune.options import Manner
from socratune.orders import SavedOrder, read_task
from socratune.outcome import replace_text, short
from socratune.progress import counted
from socratune.report import CAVEAT
from socratune.running import EXIT_CODES, Stopper, resumable, stoppable, tell
from socratune.scoring import Scored, Side, bench, mean_interval, shared
from socratune.text import plain
from socratune.tools.statistics import compare, sentence
from socratune.tools.task_files import AS_WRITTEN, LoadedTask


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """How the prompts fared."""

    run: str
    names: tuple[str, ...]
    scored: tuple[Scored, ...]
    """The baseline first when there are two."""
    verdict: Verdict | None
    spent: Spent
    cut: str
    """The cap that cut it short; empty when none did."""
    simulated: bool

    @property
    def status(self) -> str:
        """`scored`, or that of the comparison."""
        return self.verdict.status if self.verdict else "scored"

    @property
    def sentence(self) -> str:
        """The comparison in words; empty without one."""
        return sentence(self.verdict, run=self.run) if self.verdict else ""

    def as_dict(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        return {
            "schema_version": 1,
            "run": self.run,
            "status": self.status,
            "scores": {name: _record(each) for name, each in zip(self.names, self.scored, strict=True)},
            "test": asdict(self.verdict) if self.verdict else None,
            "sentence": self.sentence,
            "calls": self.spent.calls,
            "tokens": {"in": self.spent.tokens_in, "out": self.spent.tokens_out},
            "usd": round(self.spent.usd, 6),
            "cut_by": self.cut or None,
        }


def _record(scored: Scored) -> dict[str, float | int | list[float] | None]:
    interval = list(mean_interval(scored.mean, len(scored.rewards))) if scored.mean is not None else None
    return {
        "mean": scored.mean,
        "interval": interval,
        "rows": len(scored.rewards),
        "unread": scored.unread,
        "failed": scored.failed,
    }


def start_evaluation(saved: SavedOrder, manner: Manner) -> None:
    """Make a folder and score. Ends the command by raising `typer.Exit`."""
    loaded = _tasks(saved)
    folder = manner.place.new_run(f"{next(reversed(loaded.values())).task.name}-eval")
    saved.save(folder)
    evaluate(saved, folder, manner)


def evaluate(saved: SavedOrder, folder: RunFolder, manner: Manner) -> None:
    """Score, or go on with it. Ends the command by raising `typer.Exit`."""
    loaded = _tasks(saved)
    found = _scored(saved, loaded, folder, manner)
    replace_text(folder.result, json.dumps(found.as_dict(), indent=2) + "\n")
    if manner.json:
        typer.echo(json.dumps(found.as_dict()))
    else:
        Console(highlight=False).print(_shown(found))
    raise typer.Exit(EXIT_CODES.get(found.status, 0))


def _tasks(saved: SavedOrder) -> dict[str, LoadedTask]:
    """Return the tasks by the name of their file, the baseline first."""
    mine = saved.load()
    if saved.against is None:
        return {short(saved.file): mine}
    rows = replace(AS_WRITTEN, data=saved.overrides.data, budget=saved.overrides.budget)
    other = read_task(saved.against, rows)
    same = [[(row.id, row.expected) for row in task.examples] for task in (mine, other)]
    if mine.source.data.resolve() != other.source.data.resolve() or same[0] != same[1]:
        raise BadInput("the two tasks have different rows", place=str(saved.against), cure="give the same with --data")
    if (mine.task.metric, mine.task.metric_options) != (other.task.metric, other.task.metric_options):
        raise BadInput("the two tasks have different metrics", place=str(saved.against), cure="make them the same")
    if short(saved.against) == short(saved.file):
        raise BadInput("a prompt is not compared with itself", place=str(saved.against), cure="name another task file")
    return {short(saved.against): other, short(saved.file): mine}


def _scored(saved: SavedOrder, loaded: Mapping[str, LoadedTask], folder: RunFolder, manner: Manner) -> Evaluation:
    with folder.held(), _sides(loaded, folder) as sides, resumable(folder, manner):
        budget = saved.load().task.budget
        spent = Spent.total(each for side in sides for each in side.ledger.spent().values())
        table = bench(sides, budget, spent=spent, settings=saved.settings)
        tell(_announced(sides, budget), manner)
        stopper = Stopper(lambda line: tell(line, manner), lambda: None)
        for caller in table.callers:
            stopper.watch(caller)
        scored, cut = asyncio.run(stoppable(stopper, table.score))
        verdict = compare(*shared(*scored)) if len(scored) == 2 else None
        return Evaluation(
            run=folder.id,
            names=tuple(loaded),
            scored=tuple(scored),
            verdict=verdict,
            spent=table.spent,
            cut=cut,
            simulated=all(side.task.target.startswith("sim:") for side in sides),
        )


def _announced(sides: Sequence[Side], budget: Budget) -> str:
    rows = len(sides[0].examples)
    calls = rows * len(sides)
    said = f"{counted(calls, 'call')}: {counted(rows, 'row')}, {counted(len(sides), 'prompt')}"
    caps = [cap for cap in (budget.rollouts, budget.calls) if cap is not None and cap < calls]
    return f"{said}; the budget allows {min(caps):,}" if caps else said


@contextmanager
def _sides(loaded: Mapping[str, LoadedTask], folder: RunFolder) -> Iterator[list[Side]]:
    """Open a ledger for each side: the same prompt may be run on two models."""
    ledgers = [Ledger.open(folder.path / f"side{number}.db", folder.id) for number in range(len(loaded))]
    try:
        yield [
            Side(name=name, task=each.task, prompt=each.task.prompt, examples=each.examples, ledger=ledger)
            for (name, each), ledger in zip(loaded.items(), ledgers, strict=True)
        ]
    finally:
        for ledger in ledgers:
            ledger.close()


def _shown(found: Evaluation) -> RenderableType:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for name in ("prompt", "score", "90 % interval", "rows", "unreadable", "no answer"):
        table.add_column(name, justify="left" if name == "prompt" else "right")
    for name, scored in zip(found.names, found.scored, strict=True):
        table.add_row(Text(plain(name)), *_numbers(scored))
    cost = f"{found.spent.calls:,} calls, {found.spent.usd:.4f} USD{' (simulated)' if found.simulated else ''}"
    lines = [found.sentence, f"The {found.cut} budget cut it short." if found.cut else "", cost]
    if found.simulated:
        lines.append(CAVEAT)
    return Group(table, *(Text(line) for line in lines if line))


def _numbers(scored: Scored) -> tuple[str, ...]:
    if scored.mean is None:
        return ("-", "-", "0", "0", str(scored.failed))
    low, high = mean_interval(scored.mean, len(scored.rewards))
    rows = len(scored.rewards)
    return (f"{scored.mean:.3f}", f"{low:.3f} to {high:.3f}", str(rows), str(scored.unread), str(scored.failed))
