"""`test`: the best prompt of a finished run against the user's own, on rows that nobody has looked at."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean

import typer
from rich.text import Text

from socratune.agreement import agree
from socratune.before import scoring_line, scoring_sendings
from socratune.comparisons import look_of
from socratune.consent import Consent
from socratune.graphs.engine import Order, Settings
from socratune.graphs.result import Result
from socratune.looks import Look, fresh, look_for, look_lines, look_record, read_looks, renamed, write_look
from socratune.memory.errors import BadInput
from socratune.memory.ledger import Ledger
from socratune.memory.lessons import Lessons
from socratune.memory.records import Budget, Example, Verdict
from socratune.memory.runs import RunFolder
from socratune.options import Manner
from socratune.orders import REFUSED, SavedOrder, check_unchanged, examples_of
from socratune.outcome import read_result, short
from socratune.printing import printed
from socratune.running import EXIT_CODES, Stopper, resumable, stoppable, tell
from socratune.scoring import Bench, Contestant, bench, scores_kept, shared
from socratune.standing import opened
from socratune.text import CAVEAT
from socratune.tools.metrics import judge_calls
from socratune.tools.statistics import compare, sentence
from socratune.tools.task_files import LoadedTask
from socratune.tools.task_writer import write_task


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedRun:
    """A run, its result and the task it was made for."""

    folder: RunFolder
    result: Result
    settings: Settings
    loaded: LoadedTask

    @classmethod
    def read(cls, folder: RunFolder, consent: Consent = REFUSED) -> FinishedRun:
        """Raises `BadInput` when there is nothing to test."""
        result, saved = read_result(folder), SavedOrder.read(folder)
        if result.best.id == result.seed.id:
            raise BadInput("the run found no prompt but your own", place=folder.name, cure="there is nothing to test")
        loaded = _as_before(saved.load(consent), folder, result)
        return cls(folder=folder, result=result, settings=saved.settings, loaded=loaded)

    def order(self, rows: tuple[Example, ...]) -> Order:
        """Return the order for its task on some rows."""
        return Order(task=self.loaded.task, examples=rows, settings=self.settings)


def _as_before(loaded: LoadedTask, folder: RunFolder, result: Result) -> LoadedTask:
    """Return the task as it was before `apply`, when nothing but that has changed it."""
    if loaded.task.prompt != result.best.prompt:
        return loaded
    with opened(folder) as ledger:
        variables = tuple(ledger.settings()["task"]["variables"])
    # A prompt of a file names its variables in the order of their first use, which an edit may change.
    order = variables if set(variables) == set(loaded.task.variables) else loaded.task.variables
    return replace(loaded, task=replace(loaded.task, prompt=result.seed.prompt, variables=order))


def retest(folder: RunFolder, data: Path, manner: Manner, *, budget: Budget | None) -> None:
    """Take one look, or tell of one that was taken. Ends the command by raising `typer.Exit`."""
    run = FinishedRun.read(folder, manner.consent)
    given = examples_of(data, run.loaded)
    with folder.held():
        looks = read_looks(folder)
        look = look_for(given, run.result, looks)
        if look.verdict is None:
            rows = _rows(given, look, run, looks)
            look = replace(look, groups=tuple(row.group for row in rows), left_out=len(given) - len(rows))
            with resumable(folder, again=manner.command(*_words(folder, data, budget))):
                look = _taken(look, rows, run=run, manner=manner, budget=budget)
    if look.verdict is not None:
        _show(run, look, look.verdict, manner)
        raise typer.Exit(EXIT_CODES[look.verdict.status])


def _words(folder: RunFolder, data: Path, budget: Budget | None) -> Iterator[str]:
    """Yield the words of the command that takes this look."""
    yield from ("test", folder.name, "--data", shlex.quote(short(data)))
    if budget is not None:
        caps = ",".join(f"{cap}={limit}" for cap, limit in asdict(budget).items() if limit is not None)
        yield from ("--budget", caps)


def _rows(given: Sequence[Example], look: Look, run: FinishedRun, looks: Sequence[Look]) -> tuple[Example, ...]:
    """Return the rows that neither the run nor another look has seen."""
    with opened(run.folder) as ledger:
        check_unchanged(replace(run.order(run.loaded.examples), look=look_of(run.folder)), ledger)
    seen = {row.group for row in run.loaded.examples}
    seen.update(group for other in looks if other.number != look.number for group in other.groups)
    return renamed(fresh(given, frozenset(seen)), look)


def _taken(look: Look, rows: tuple[Example, ...], *, run: FinishedRun, manner: Manner, budget: Budget | None) -> Look:
    """Count the look, take it, and keep what it says."""
    left_out = f"; {look.left_out} rows were seen before, or are copies, and are left out" if look.left_out else ""
    calls = 2 * len(rows)
    asked = 2 * judge_calls(run.loaded.task.metric, rows)
    judged = f", and {'as many' if asked == calls else f'{asked:,}'} of the judge," if asked else ""
    tell(
        f"{calls} calls{judged} on {len(rows)} fresh rows, look {look.number} at alpha {look.alpha:g}{left_out}", manner
    )
    caps = budget or caps_of(run, len(rows))
    task = replace(run.loaded.task, budget=caps)
    sendings = scoring_sendings(task, role="runs both prompts", texts="both prompts and the fresh rows")
    agree(sendings, manner, told=[*map(str, sendings), scoring_line(task, rows, calls)])
    write_look(run.folder, look)
    _seal(look, run, manner)
    # A ledger of its own: what a look costs is apart from what the search did, also after it was killed.
    with scores_kept(run.folder.path / f"look{look.number}.db", run.folder.id, run.order(rows)) as ledger:
        old, new = _scored(bench(_sides(run, rows, ledger), caps, settings=run.settings), manner)
    verdict = compare(old, new, alpha=look.alpha)
    look = replace(look, verdict=verdict, means=(fmean(old), fmean(new)) if old else None)
    write_look(run.folder, look)
    if verdict.status == "improved":
        write_task(run.folder.best, run.result.best.prompt, run.loaded)
    return look


def caps_of(run: FinishedRun, rows: int) -> Budget:
    """Return what a look at so many rows may use when nobody says: each row once a side, within the task's own USD."""
    return Budget(rollouts=2 * rows, usd=run.loaded.task.budget.usd)


def _seal(look: Look, run: FinishedRun, manner: Manner) -> None:
    """No later run may train on these rows."""
    lessons = Lessons.open(manner.place.memory)
    try:
        lessons.seal(look.groups, run.folder.name)
    finally:
        lessons.close()


def _sides(run: FinishedRun, rows: tuple[Example, ...], ledger: Ledger) -> list[Contestant]:
    sides = (("yours", run.result.seed), ("new", run.result.best))
    return [
        Contestant(name=name, task=run.loaded.task, prompt=side.prompt, examples=rows, ledger=ledger)
        for name, side in sides
    ]


def _scored(table: Bench, manner: Manner) -> tuple[list[float], list[float]]:
    """Return the rewards of both sides on the rows that both have."""
    stopper = Stopper(lambda line: tell(line, manner), lambda: None)
    for caller in table.callers:
        stopper.watch(caller)
    scored, cut = asyncio.run(stoppable(stopper, table.score))
    if cut:
        tell(f"the {cut} budget cut the test short", manner)
    return shared(*scored)


def _show(run: FinishedRun, look: Look, verdict: Verdict, manner: Manner) -> None:
    said = sentence(verdict, run=run.folder.name, pairs=run.result.pairs)
    if manner.json:
        typer.echo(json.dumps(look_record(look, verdict, run=run.folder.name, sentence=said)))
        return
    printed(Text(said, style="bold"))
    for line in look_lines(look, verdict, pairs=run.result.pairs):
        printed(Text(line))
    if verdict.status == "improved":
        printed(Text(f"Put it into your file: {manner.command('apply', run.folder.name)}"))
    if run.loaded.task.target.startswith("sim:"):
        printed(Text(CAVEAT, style="bold magenta"))
