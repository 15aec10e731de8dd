"""`calibrate`: a judge's grades beside people's, on outputs that people have graded."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from socratune.agents.scorers import scorer_of
from socratune.agreement import Sending, agree
from socratune.graphs.engine import Order
from socratune.memory.errors import BadInput, BudgetExhausted, CallFailed
from socratune.memory.ledger import Ledger, Spent
from socratune.memory.records import Example
from socratune.memory.runs import RunFolder
from socratune.options import Manner
from socratune.orders import SavedOrder
from socratune.outcome import replace_text
from socratune.printing import printed
from socratune.progress import counted
from socratune.running import Stopper, resumable, stoppable, tell
from socratune.scoring import purse_of, scores_kept
from socratune.text import CAVEAT, plain
from socratune.tools.agreement import Agreement, Share, agreement, sentences
from socratune.tools.caller import Caller
from socratune.tools.datasets import Row, read_rows
from socratune.tools.metrics import Score
from socratune.tools.models import connect_role
from socratune.tools.task_files import LoadedTask

BLOCK = 50
"""Outputs that are judged at a time."""
WORDS = {"pass": 1.0, "true": 1.0, "yes": 1.0, "fail": 0.0, "false": 0.0, "no": 0.0}
"""Grades that people write in words."""
NOT_TRUSTED = 3
"""Exit code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GradedOutput:
    """An output to a row, with the grade that people gave it, in [0, 1]."""

    example: Example
    output: str
    grade: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What came of it."""

    run: str
    judge: str
    agreement: Agreement
    missing: int
    """Outputs on which no judgement came."""
    spent: Spent
    cut: str
    """The cap that cut it short; empty when none did."""

    def as_dict(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        return {
            "schema_version": 1,
            "run": self.run,
            "status": "calibrated",
            "judge": self.judge,
            "trust": self.agreement.trust,
            "agreement": asdict(self.agreement),
            "sentences": list(sentences(self.agreement)),
            "missing": self.missing,
            "calls": self.spent.calls,
            "tokens": {"in": self.spent.tokens_in, "out": self.spent.tokens_out},
            "usd": round(self.spent.usd, 6) if self.spent.priced else None,
            "cut_by": self.cut or None,
        }


def start_calibration(saved: SavedOrder, manner: Manner) -> None:
    """Make a folder and calibrate. Ends the command by raising `typer.Exit`."""
    loaded = saved.load(manner.consent)
    graded = graded_outputs(loaded, limit=saved.overrides.limit)
    judge = str(loaded.task.judge)
    tell(f"{counted(len(graded), 'call')}: {counted(len(graded), 'graded output')}, judged by {judge}", manner)
    _agree(judge, manner)
    folder = manner.place.new_run(f"{loaded.task.name}-calibrate")
    folder.scoring.touch()
    saved.save(folder)
    calibrate(saved, folder, manner)


def _agree(judge: str, manner: Manner) -> None:
    sending = Sending(model=judge, role="grades outputs", texts="the rubric, the rows and the graded outputs")
    agree([sending], manner, told=[str(sending)])


def go_on_calibrating(saved: SavedOrder, folder: RunFolder, manner: Manner) -> None:
    """Go on with a calibration; one that has ended is told again without a call."""
    if not folder.result.exists():
        _agree(str(saved.load(manner.consent).task.judge), manner)
    calibrate(saved, folder, manner)


def calibrate(saved: SavedOrder, folder: RunFolder, manner: Manner) -> None:
    """Calibrate, or go on with it. Ends the command by raising `typer.Exit`."""
    found = _calibrated(saved, folder, manner)
    replace_text(folder.result, json.dumps(found.as_dict(), indent=2) + "\n")
    if manner.json:
        typer.echo(json.dumps(found.as_dict()))
    else:
        printed(_shown(found))
    raise typer.Exit(0 if found.agreement.trust == "trusted" else NOT_TRUSTED)


def graded_outputs(loaded: LoadedTask, *, limit: int | None = None) -> tuple[GradedOutput, ...]:
    """Return what people have graded; a row without a grade is left out. Raises `BadInput` when there is nothing."""
    document, options = loaded.source.document, loaded.task.metric_options
    place = document.at("metric")
    if loaded.task.metric != "rubric" or "label" not in options:
        cure = "write metric: {rubric: ..., label: COLUMN of people's grades, output: COLUMN of what they graded}"
        raise BadInput("nothing says which outputs people have graded", place=place, cure=cure)
    data, *others = loaded.source.files.values()
    if others:
        raise BadInput("people's grades stand in one file", place=document.at("data"), cure="name it with --data")
    rows = read_rows(data, limit=limit or document.form.limit)
    names = str(options["output"]), str(options["label"])
    for name in names:
        if name not in rows[0].values:
            raise BadInput(f"{str(data)!r} has no column {name!r}", place=place, cure="name another")
    found = [
        GradedOutput(example=example, output=row.values[names[0]], grade=_grade(row, names[1]))
        for row, example in zip(rows, loaded.examples, strict=True)
        if row.values[names[1]].strip()
    ]
    if not found:
        raise BadInput(f"column {names[1]!r} is empty", place=str(data), cure="grade some outputs")
    return tuple(found)


def _grade(row: Row, column: str) -> float:
    written = row.values[column].strip()
    try:
        grade = WORDS.get(written.casefold(), -1.0)
        grade = float(written) if grade < 0 else grade
    except ValueError:
        grade = -1.0
    if not 0 <= grade <= 1:
        raise BadInput(
            f"the grade {written!r} is not from 0 to 1", place=row.place, cure="write 0, 1 or what is between"
        )
    return grade


def _calibrated(saved: SavedOrder, folder: RunFolder, manner: Manner) -> Calibration:
    loaded = saved.load(manner.consent)
    graded = graded_outputs(loaded, limit=saved.overrides.limit)
    order = Order(task=loaded.task, examples=loaded.examples, settings=saved.settings)
    again = manner.command("resume", folder.id)
    with (
        folder.held(),
        scores_kept(folder.path / "judgements.db", folder.id, order) as ledger,
        resumable(folder, again=again),
    ):
        caller = _caller(order, ledger)
        stopper = Stopper(lambda line: tell(line, manner), lambda: None)
        stopper.watch(caller)
        scores, cut = asyncio.run(stoppable(stopper, lambda: _judged(graded, order, caller)))
        pairs = [(each.grade, score.reward) for each, score in zip(graded, scores, strict=False) if score is not None]
        return Calibration(
            run=folder.id,
            judge=str(loaded.task.judge),
            agreement=agreement([theirs for theirs, _ in pairs], [its for _, its in pairs]),
            missing=len(graded) - len(pairs),
            spent=caller.purse.spent,
            cut=cut,
        )


def _caller(order: Order, ledger: Ledger) -> Caller:
    settings = order.settings
    judge = connect_role(order.task, "judge", examples=order.examples, seed=settings.seed, hosts=settings.hosts)
    return Caller(
        {"judge": judge},
        ledger=ledger,
        purse=purse_of([ledger], order.task.budget),
        secret=secrets.token_bytes(16),
        concurrency=order.settings.concurrency,
    )


async def _judged(graded: Sequence[GradedOutput], order: Order, caller: Caller) -> tuple[list[Score | None], str]:
    """Return a score an output, None without a judgement, as far as the budget goes; and the cap that ended it."""
    scorer = scorer_of(order.task, caller)
    done: list[Score | None] = []
    try:
        for start in range(0, len(graded), BLOCK):
            block = graded[start : start + BLOCK]
            ended = await asyncio.gather(
                *(scorer.score(each.output, each.example, phase="test") for each in block), return_exceptions=True
            )
            cap = next((each.cap for each in ended if isinstance(each, BudgetExhausted)), "")
            for each in ended:
                if isinstance(each, BaseException) and not isinstance(each, CallFailed | BudgetExhausted):
                    raise each
            done += [None if isinstance(each, BaseException) else each for each in ended]
            if cap:
                return done, cap
    finally:
        await caller.drain()
    return done, ""


def _shown(found: Calibration) -> RenderableType:
    measured = found.agreement
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for name in ("judge against people", "share", "90 % interval", "of"):
        table.add_column(name, justify="left" if name.startswith("judge") else "right")
    table.add_row("same verdict", *_share(measured.accuracy))
    table.add_row("passes what people failed", *_share(measured.false_pass))
    table.add_row("fails what people passed", *_share(measured.false_fail))
    usd = f"{found.spent.usd:.4f}" if found.spent.priced else "not known in"
    simulated = found.judge.startswith("sim:")
    lines = [
        *sentences(measured),
        f"{counted(found.missing, 'output')} got no judgement." if found.missing else "",
        f"The {found.cut} budget cut it short." if found.cut else "",
        f"{found.spent.calls:,} calls, {usd} USD{' (simulated)' if simulated else ''}",
        CAVEAT if simulated else "",
    ]
    return Group(table, *(Text(plain(line)) for line in lines if line))


def _share(share: Share) -> tuple[str, str, str]:
    value = "-" if share.value is None else f"{share.value * 100:.0f} %"
    return value, f"{share.low * 100:.0f} to {share.high * 100:.0f} %", str(share.of)
