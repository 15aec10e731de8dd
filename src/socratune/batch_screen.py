"""What a person sees of several runs: a bar for each that is under way, and one for all; of a batch, its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from socratune.batches import Ended
from socratune.before import Outlook
from socratune.events import typed
from socratune.graphs.batch import Outcome, said_of, status_of
from socratune.graphs.result import Result
from socratune.listing import STATUSES, WIDE
from socratune.memory.ledger import Event
from socratune.memory.records import Verdict
from socratune.memory.runs import RunFolder
from socratune.options import Manner
from socratune.outcome import short
from socratune.progress import Progress as Story
from socratune.progress import counted
from socratune.text import CAVEAT, one_line, plain
from socratune.tools.caller import Caller
from socratune.tools.purse import CAPS, Purse

STYLES: Mapping[str, str] = {"improved": "green", "promising": "yellow", "failed": "red", "paused": "red"}


class BatchScreen:
    """Shows several runs while they go on; everything goes to stderr."""

    def __init__(self, console: Console, runs: int, *, quiet: bool) -> None:
        self._console, self._quiet = console, quiet
        self._stories: dict[str, Story] = {}
        self._purses: dict[str, Purse] = {}
        self._bars: dict[str, TaskID] = {}
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[stage]}", markup=False),
        )
        self._shown = Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal)
        self._all = self._shown.add_task("all tasks", total=runs, stage="")

    def __enter__(self) -> Self:
        self._shown.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give the terminal back. Closing twice is harmless."""
        self._shown.stop()

    def watch(self, run: str, caller: Caller) -> None:
        """Show a run that begins; one that is opened once more is shown already."""
        if run in self._bars:
            return
        self._stories[run], self._purses[run] = Story(), caller.purse
        self._bars[run] = self._shown.add_task(one_line(run, most=40), total=1.0, stage="starting")

    def hear(self, run: str, event: Event) -> None:
        """Take in one event of a run."""
        self._stories[run].hear(typed(event))
        stage = one_line(self._stories[run].stage, most=50)
        self._shown.update(self._bars[run], completed=used(self._purses[run]), stage=stage)

    def ended(self, run: str, outcome: Outcome) -> None:
        """Take in that a run has ended."""
        if run in self._bars:
            self._shown.remove_task(self._bars[run])
        self._shown.advance(self._all)
        self.say(f"{run}: {status_of(outcome)}. {one_line(said_of(outcome))}")

    def say(self, line: str) -> None:
        """Show one line."""
        if not self._quiet:
            self._console.print(Text(plain(line)), soft_wrap=True)


def used(purse: Purse) -> float:
    """Return how much of the cap that is nearest to its end is used, in [0, 1]."""
    limits = {cap: limit for cap in CAPS if (limit := getattr(purse.budget, cap))}
    return max((getattr(purse.spent, cap) / limit for cap, limit in limits.items()), default=0.0)


def before(outlooks: Mapping[str, Outlook]) -> RenderableType:
    """Return what is said before the first call: a line for each task."""
    shown = _table("task", "rows", "test", "provable gain", "calls", "USD at most")
    for name, look in outlooks.items():
        ahead = look.forecast
        rows = len(look.splits.train) + len(look.splits.test) + (0 if look.splits.shared else len(look.splits.dev))
        gain = "none" if ahead.provable >= 1 else f"{round(ahead.provable * 100)} points"
        low, high = ahead.total.low, ahead.total.high
        usd = "not known" if high.usd is None else f"{high.usd:.2f}"
        calls = f"{low.calls:,} to {high.calls:,}"
        shown.add_row(Text(one_line(name)), f"{rows:,}", f"{ahead.test_rows}", gain, calls, usd)
    return shown


def after(ended: Sequence[Ended], batch: RunFolder, manner: Manner, *, width: int) -> RenderableType:
    """Return the table at the end, in at most `width` columns, and the command that goes on with what has no verdict.

    A run's id begins with its task's name, so the task has a column of its own only where there is room.
    """
    wide = width >= WIDE
    shown = _table("run", "status", "test", "change", "calls", "USD", *(("task",) if wide else ()))
    for each in ended:
        task = (Text(one_line(each.task, most=40)),) if wide else ()
        shown.add_row(Text(each.run), _status(each), *_numbers(each), *task)
    left = [each for each in ended if each.result is None]
    lines = [f"{each.run}: {one_line(each.said)}" for each in left]
    if left and batch.log.exists():
        lines.append(f"Its log: {short(batch.log)}")
    if left:
        lines.append(f"Go on with what has no verdict: {manner.command('resume', batch.id)}")
    if any(each.result is not None and each.result.simulated for each in ended):
        lines.append(CAVEAT)
    return Group(shown, _sum(ended), *(Text(plain(line)) for line in lines))


def _table(*names: str) -> Table:
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in names:
        words = name in ("task", "status", "run")
        shown.add_column(name, justify="left" if words else "right", no_wrap=name != "task")
    return shown


def _status(ended: Ended) -> Text:
    return Text(STATUSES.get(ended.status, ended.status), style=STYLES.get(ended.status, ""))


def _numbers(ended: Ended) -> tuple[str, str, str, str]:
    result = ended.result
    if result is None:
        return ("-", "-", "-", "-")
    usd = f"{result.usd:.2f}" if result.priced else "?"
    return (_tested(result), _change(result.verdict), f"{_calls(result):,}", usd)


def _tested(result: Result) -> str:
    old, new = result.seed.test, result.best.test
    return "sealed" if old is None or new is None else f"{old:.2f} > {new:.2f}"


def _change(verdict: Verdict | None) -> str:
    if verdict is None or verdict.n == 0:
        return "-"
    gain, low, high = (round(share * 100) for share in (verdict.difference, verdict.low, verdict.high))
    return f"{gain:+d} ({low:+d} to {high:+d})"


def _calls(result: Result) -> int:
    return sum(spent.calls for spent in result.spent.values())


def _sum(ended: Sequence[Ended]) -> Text:
    results = [each.result for each in ended if each.result is not None]
    improved = sum(result.status == "improved" for result in results)
    priced = all(result.priced for result in results)
    usd = f"{sum(result.usd for result in results):.2f} USD" if priced else "USD not known"
    left = len(ended) - len(results)
    unproven = f"{left} without a verdict, " if left else ""
    calls = counted(sum(map(_calls, results)), "call")
    return Text(f"\n{counted(len(ended), 'task')}: {improved} improved, {unproven}{calls}, {usd}", style="bold")
