"""`eval`: one prompt scored on all labelled rows, or two of them compared, without a search."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from socratune.agreement import agree
from socratune.before import scoring_line, scoring_sendings
from socratune.consent import Consent
from socratune.failing import MOST, failing, failing_records
from socratune.graphs.engine import Order, Settings
from socratune.memory.errors import BadInput
from socratune.memory.ledger import Spent
from socratune.memory.records import Example, Verdict
from socratune.memory.runs import RunFolder
from socratune.options import Manner
from socratune.orders import Reading, SavedOrder, read_task
from socratune.outcome import replace_text, short
from socratune.printing import printed
from socratune.progress import counted
from socratune.running import Stopper, resumable, stoppable, tell
from socratune.same_rows import different_rows
from socratune.scoring import Contestant, Scored, bench, mean_interval, scores_kept, shared
from socratune.text import CAVEAT, plain
from socratune.tools.agreement import contradictions
from socratune.tools.metrics import judge_calls
from socratune.tools.statistics import compare, moved
from socratune.tools.task_files import LoadedTask, Overrides
from socratune.tools.task_notes import own_cost
from socratune.tools.unscored import told

NOTHING = 3
"""Exit code when nothing was scored or compared."""
YAML = (".yaml", ".yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """How the prompts fared."""

    run: str
    searched: str
    """The run that the prompt stands in the folder of; `RUN` when that is not known."""
    names: tuple[str, ...]
    scored: tuple[Scored, ...]
    """The baseline first when there are two."""
    examples: tuple[tuple[Example, ...], ...]
    """The rows of each side."""
    comparison: Verdict | None
    """Of two; it is no verdict, for a search may have used the rows."""
    spent: Spent
    cut: str
    """The cap that cut it short; empty when none did."""
    simulated: bool

    @property
    def nothing(self) -> bool:
        """Whether there is no score, or no row to compare two on."""
        return not self.comparison.n if self.comparison else all(each.mean is None for each in self.scored)

    @property
    def sentence(self) -> str:
        """The comparison in words; empty without one."""
        return compared(self.comparison, self.searched) if self.comparison else ""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know of the scores: why some are missing, and how often a judge of pairs contradicted itself."""
        failed = [each for side in self.scored for each in side.rollouts.values() if each.reward is None]
        agreement = (sum(said) for said in zip(*(each.agreement for each in self.scored), strict=True))
        return (*told((each.example_id, each.error or "") for each in failed), *contradictions(*agreement))

    def as_dict(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        return {
            "schema_version": 1,
            "run": self.run,
            "status": "scored",
            "scores": {
                name: _record(each, rows)
                for name, each, rows in zip(self.names, self.scored, self.examples, strict=True)
            },
            "comparison": _difference(self.comparison) if self.comparison else None,
            "sentence": self.sentence,
            "calls": self.spent.calls,
            "tokens": {
                "in": self.spent.tokens_in,
                "out": self.spent.tokens_out,
                "cached": self.spent.tokens_cached,
            },
            "usd": round(self.spent.usd, 6) if self.spent.priced else None,
            "cut_by": self.cut or None,
            "warnings": list(self.warnings),
        }


def compared(found: Verdict, run: str = "RUN") -> str:
    """Put a comparison into words that claim no improvement; `run` is the one that the prompt is of."""
    if not found.n:
        return "No row was scored with both prompts, so there is nothing to compare."
    points = round(abs(found.difference) * 100)
    return (
        f"Scores {points} point{'' if points == 1 else 's'} {'lower' if found.difference < 0 else 'higher'} "
        f"({round((1 - 2 * found.alpha) * 100)} % interval {round(found.low * 100)} to {round(found.high * 100)}) "
        f"on {counted(found.n, 'row')}: {moved(found)}. "
        f"Rows that a search has used prove nothing; `socratune test {run} --data new.csv` does."
    )


def _difference(found: Verdict) -> dict[str, float | int]:
    return {
        "rows": found.n,
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "fixed": found.wins,
        "broken": found.losses,
    }


def _record(scored: Scored, examples: Sequence[Example]) -> dict[str, Any]:
    interval = list(mean_interval(scored.mean, len(scored.rewards))) if scored.mean is not None else None
    return {
        "mean": scored.mean,
        "interval": interval,
        "rows": len(scored.rewards),
        "unread": scored.unread,
        "failed": scored.failed,
        "short": len(failing(scored, examples)),
        "failing": failing_records(scored, examples),
    }


def start_evaluation(saved: SavedOrder, manner: Manner) -> None:
    """Make a folder and score."""
    loaded = _tasks(saved, manner.consent)
    tell(_announced(loaded), manner)
    for note in dict.fromkeys(filter(None, (own_cost(each.task) for each in loaded.values()))):
        tell(note, manner)
    _agree(loaded, manner)
    folder = manner.place.new_run(f"{next(reversed(loaded.values())).task.name}-eval")
    folder.scoring.touch()
    saved.save(folder)
    evaluate(saved, folder, manner)


def _agree(loaded: Mapping[str, LoadedTask], manner: Manner) -> None:
    """Ask before real models are called."""
    each_sent = [
        scoring_sendings(each.task, role="runs the prompt", texts="the prompt and all rows") for each in loaded.values()
    ]
    sendings = tuple(dict.fromkeys(sending for sent in each_sent for sending in sent))
    used = [f"{name}: {scoring_line(each.task, each.examples, len(each.examples))}" for name, each in loaded.items()]
    agree(sendings, manner, told=[*map(str, sendings), *used])


def go_on_evaluating(saved: SavedOrder, folder: RunFolder, manner: Manner) -> None:
    """Go on with an evaluation; one that has ended is told again without a call."""
    if not folder.result.exists():
        _agree(_tasks(saved, manner.consent), manner)
    evaluate(saved, folder, manner)


def evaluate(saved: SavedOrder, folder: RunFolder, manner: Manner) -> None:
    """Score what is not scored yet."""
    found = _scored(saved, folder, manner)
    replace_text(folder.result, json.dumps(found.as_dict(), indent=2) + "\n")
    if manner.json:
        typer.echo(json.dumps(found.as_dict()))
    else:
        printed(_shown(found, manner))
    if found.nothing:
        raise typer.Exit(NOTHING)


def _tasks(saved: SavedOrder, consent: Consent) -> dict[str, LoadedTask]:
    """Return the tasks by the name of their file, the baseline first."""
    mine = saved.load(consent)
    if saved.against is None:
        if mine.task.metric == "pairwise":
            cure = "pass --against with the task file of the other prompt"
            raise BadInput("metric pairwise compares two prompts", place=str(saved.file), cure=cure)
        return {short(saved.file): mine}
    reading = Reading(defaults=saved.defaults, consent=consent, hosts=saved.settings.hosts)
    other = _baseline(saved.against, saved.overrides, reading)
    if difference := different_rows(mine, other):
        problem = f"the two tasks have different rows: {difference}"
        raise BadInput(problem, place=str(saved.against), cure="give the same with --data")
    if (mine.task.metric, mine.task.metric_options) != (other.task.metric, other.task.metric_options):
        raise BadInput("the two tasks have different metrics", place=str(saved.against), cure="make them the same")
    if short(saved.against) == short(saved.file):
        raise BadInput("a prompt is not compared with itself", place=str(saved.against), cure="name another task file")
    return {short(saved.against): other, short(saved.file): mine}


def _baseline(file: Path, overrides: Overrides, reading: Reading) -> LoadedTask:
    try:
        return read_task(file, overrides, reading)
    except BadInput as error:
        if not file.is_file() or file.suffix.lower() in YAML:
            raise
        cure = "name one with the other prompt in it: best.yaml in a run's folder, or a copy of yours"
        raise BadInput("this is no task file", place=str(file), cure=cure) from error


def _scored(saved: SavedOrder, folder: RunFolder, manner: Manner) -> Evaluation:
    loaded = _tasks(saved, manner.consent)
    again = manner.command("resume", folder.id)
    with folder.held(), _sides(loaded, folder, saved.settings) as sides, resumable(folder, again=again):
        table = bench(sides, loaded[short(saved.file)].task.budget, settings=saved.settings)
        stopper = Stopper(lambda line: tell(line, manner), lambda: None)
        for caller in table.callers:
            stopper.watch(caller)
        scored, cut = asyncio.run(stoppable(stopper, table.score))
        searched = manner.place.run_with(saved.file)
        return Evaluation(
            run=folder.id,
            searched=searched.name if searched else "RUN",
            names=tuple(loaded),
            scored=tuple(scored),
            examples=tuple(each.examples for each in loaded.values()),
            comparison=compare(*shared(*scored)) if len(scored) == 2 else None,
            spent=table.spent,
            cut=cut,
            simulated=all(side.task.target.startswith("sim:") for side in sides),
        )


def _announced(loaded: Mapping[str, LoadedTask]) -> str:
    *_, mine = loaded.values()
    rows, budget = len(mine.examples), mine.task.budget
    calls = rows * len(loaded)
    asked = judge_calls(mine.task.metric, mine.examples) * len(loaded)
    judged = f", and {'as many' if asked == calls else f'{asked:,}'} of the judge {mine.task.judge}" if asked else ""
    said = f"{counted(calls, 'call')}: {counted(rows, 'row')}, {counted(len(loaded), 'prompt')}{judged}"
    caps = [cap for cap in (budget.rollouts, budget.calls) if cap is not None and cap < calls]
    return f"{said}; the budget allows {min(caps):,}" if caps else said


@contextmanager
def _sides(loaded: Mapping[str, LoadedTask], folder: RunFolder, settings: Settings) -> Iterator[list[Contestant]]:
    """Open a ledger for each side: the same prompt may be run on two models."""
    with ExitStack() as opened:
        sides = []
        for number, (name, each) in enumerate(loaded.items()):
            order = Order(task=each.task, examples=each.examples, settings=settings)
            ledger = opened.enter_context(scores_kept(folder.path / f"side{number}.db", folder.id, order))
            side = Contestant(name=name, task=each.task, prompt=each.task.prompt, examples=each.examples, ledger=ledger)
            sides.append(side)
        yield sides


def _shown(found: Evaluation, manner: Manner) -> RenderableType:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for name in ("prompt", "score", "90 % interval", "rows", "unreadable", "no answer"):
        table.add_column(name, justify="left" if name == "prompt" else "right")
    for name, scored in zip(found.names, found.scored, strict=True):
        table.add_row(Text(plain(name)), *_numbers(scored))
    usd = f"{found.spent.usd:.4f}" if found.spent.priced else "not known in"
    cost = f"{found.spent.calls:,} calls, {usd} USD{' (simulated)' if found.simulated else ''}"
    lines = [
        found.sentence,
        *(f"Note: {each}" for each in found.warnings),
        f"The {found.cut} budget cut it short." if found.cut else "",
        *_failing(found, manner),
        cost,
    ]
    if found.simulated:
        lines.append(CAVEAT)
    return Group(table, *(Text(line) for line in lines if line))


def _failing(found: Evaluation, manner: Manner) -> Iterator[str]:
    """Name the rows that the last prompt fell short on."""
    rows = [each.example_id for each in failing(found.scored[-1], found.examples[-1])]
    if rows:
        more = f" and {len(rows) - MOST} more" if len(rows) > MOST else ""
        command = manner.command("report", found.run)
        yield f"Short of a full score: {', '.join(rows[:MOST])}{more}; `{command}` shows what they are."


def _numbers(scored: Scored) -> tuple[str, ...]:
    if scored.mean is None:
        return ("-", "-", "0", "0", str(scored.failed))
    low, high = mean_interval(scored.mean, len(scored.rewards))
    rows = len(scored.rewards)
    return (f"{scored.mean:.3f}", f"{low:.3f} to {high:.3f}", str(rows), str(scored.unread), str(scored.failed))
