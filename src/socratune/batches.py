"""A batch of tasks: what it consists of, how it is kept so that it can be resumed, and what came of each task."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from socratune.api import carry_out
from socratune.consent import IDLE, Consent
from socratune.graphs.batch import Outcome, Work, carry_out_all
from socratune.graphs.engine import Order, Watch
from socratune.graphs.result import Result
from socratune.memory.errors import BadInput, Interrupted, Paused
from socratune.memory.ledger import Event
from socratune.memory.records import Budget
from socratune.memory.runs import Home, RunFolder
from socratune.orders import SavedOrder
from socratune.outcome import keep_leading, read_result, replace_text, short, write_outcome
from socratune.tools.allotment import share, tighter
from socratune.tools.caller import Caller
from socratune.tools.task_files import LoadedTask
from socratune.tools.task_writer import write_task
from socratune.tools.yaml_text import read_text

TASK_FILES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What a batch consists of."""

    runs: tuple[str, ...]
    """Ids, in the order of the tasks."""
    jobs: int
    """Runs at once."""
    out: Path | None = None
    """Absolute; where the prompts are written as well."""


_KEPT = TypeAdapter(Batch)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What came of one task."""

    task: str
    run: str
    outcome: Outcome

    @property
    def result(self) -> Result | None:
        """None when the run has none yet."""
        return self.outcome if isinstance(self.outcome, Result) else None

    @property
    def status(self) -> str:
        """That of the result, or what kept the run from one."""
        if isinstance(self.outcome, Result):
            return self.outcome.status
        names = {Paused: "paused", Interrupted: "interrupted"}
        return next((name for kind, name in names.items() if isinstance(self.outcome, kind)), "failed")

    @property
    def said(self) -> str:
        """The verdict in words, or the cause."""
        return self.outcome.sentence if isinstance(self.outcome, Result) else str(self.outcome)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        result = self.result.as_dict() if self.result else None
        return {"task": self.task, "run": self.run, "status": self.status, "said": self.said, "result": result}


def orders_of(places: Sequence[Path], asked: SavedOrder, *, consent: Consent) -> list[tuple[SavedOrder, LoadedTask]]:
    """Read every task that these places hold; the budget that is asked for is for all of them together.

    Raises `BadInput` for the first that cannot be used, with the others as notes; nothing is called.
    """
    overrides = asked.overrides
    if overrides.budget is not None and overrides.budget.minutes is not None:
        raise BadInput("a batch has no cap on minutes", place="--budget", cure="write `minutes` into each task file")
    found = [(file, line) for place in places for file, line in _tasks_at(place)]
    whole, each = overrides.budget or Budget(), replace(overrides, budget=None)
    read, wrong = [], []
    for file, line in found:
        saved = replace(asked, file=file, line=line, overrides=each)
        try:
            loaded = saved.load(consent)
        except BadInput as error:
            wrong.append(error)
            continue
        budget = tighter(loaded.task.budget, share(whole, len(found)))
        capped = replace(loaded, task=replace(loaded.task, budget=budget))
        read.append((replace(saved, overrides=replace(each, budget=budget)), capped))
    if wrong:
        for other in wrong[1:]:
            wrong[0].add_note(str(other))
        raise wrong[0]
    return read


def _tasks_at(place: Path) -> Iterator[tuple[Path, int | None]]:
    """Yield the task files in a folder, the lines of a JSONL file, or the file itself."""
    path = Path(os.path.abspath(place))  # links must stay visible
    if path.is_dir():
        files = sorted(each for each in path.iterdir() if each.suffix in TASK_FILES and each.is_file())
        if not files:
            raise BadInput("holds no task file", place=str(place), cure="name a folder with .yaml files")
        yield from ((file, None) for file in files)
    elif path.suffix == ".jsonl":
        lines = [number for number, line in enumerate(read_text(path).split("\n"), start=1) if line.strip()]
        if not lines:
            raise BadInput("holds no task", place=str(place), cure="write one task a line, as JSON")
        yield from ((path, line) for line in lines)
    else:
        yield path, None


def begin(orders: Sequence[tuple[SavedOrder, LoadedTask]], home: Home, *, jobs: int, out: Path | None) -> RunFolder:
    """Make a folder for each run, and then the batch that names them all."""
    runs = []
    for saved, loaded in orders:
        run = home.new_run(loaded.task.name)
        saved.save(run)
        runs.append(run.id)
    folder = home.new_batch()
    kept = Batch(runs=tuple(runs), jobs=jobs, out=out and Path(os.path.abspath(out)))
    replace_text(_file(folder), _KEPT.dump_json(kept, indent=2).decode())
    return folder


def read(folder: RunFolder) -> Batch:
    """Return what a batch consists of. Raises `BadInput` when it was cut off before it began."""
    try:
        return _KEPT.validate_json(_file(folder).read_bytes())
    except (OSError, ValidationError) as error:
        cure = "start it again; nothing was called"
        raise BadInput("the batch was not begun", place=str(_file(folder)), cure=cure) from error


def _file(folder: RunFolder) -> Path:
    return folder.path / "batch.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Onlookers:
    """Who is told how a batch goes, and what code its tasks may run."""

    begun: Callable[[str, Caller], None]
    """Given the run's id and its caller before its first call."""
    heard: Callable[[str, Event], None]
    ended: Callable[[Ended], None]
    consent: Consent


async def carry_on(batch: Batch, home: Home, onlookers: Onlookers) -> list[Ended]:
    """Carry out the runs of a batch from where they stand; returns what came of each, in the order of the tasks."""
    folders = {run: RunFolder(path=home.path / "runs" / run) for run in batch.runs}
    done: dict[str, Ended] = {}

    def ended(run: str, outcome: Outcome) -> None:
        done[run] = Ended(task=_task_of(folders[run]), run=run, outcome=outcome)
        onlookers.ended(done[run])

    work = {run: _work(folder, home, onlookers) for run, folder in folders.items()}
    await carry_out_all(work, at_once=batch.jobs, ended=ended)
    return [done[run] for run in batch.runs]


def _work(folder: RunFolder, home: Home, onlookers: Onlookers) -> Work:
    async def work() -> Result:
        if folder.result.exists():
            return read_result(folder)
        saved = SavedOrder.read(folder)
        loaded = saved.load(onlookers.consent)
        order = Order(task=loaded.task, examples=loaded.examples, settings=saved.settings)
        watch = Watch(
            listeners=(keep_leading(folder, loaded), lambda event: onlookers.heard(folder.id, event)),
            started=lambda caller: onlookers.begun(folder.id, caller),
        )
        result = await carry_out(order, folder, home, watch)
        write_outcome(folder, result, loaded)
        return result

    return work


def place_of(saved: SavedOrder) -> str:
    """Return the task's file as a person would type it from here, with the line where a file holds several."""
    file = short(saved.file)
    return file if saved.line is None else f"{file}:{saved.line}"


def _task_of(folder: RunFolder) -> str:
    try:
        return place_of(SavedOrder.kept(folder))
    except BadInput:
        return folder.id


def write_out(ended: Sequence[Ended], home: Home, out: Path) -> list[str]:
    """Write each prompt that a run stands for as a task file into a folder; returns what could not be written."""
    out.mkdir(parents=True, exist_ok=True)
    taken: set[str] = set()
    trouble = []
    for each in ended:
        if each.result is None:
            continue
        loaded = SavedOrder.read(RunFolder(path=home.path / "runs" / each.run)).load(IDLE)
        file = out / f"{_free_name(loaded.task.name, taken)}.yaml"
        try:
            write_task(file, each.result.prompt, loaded)
        except BadInput as error:
            trouble.append(f"{file} could not be written ({error.problem})")
    records = (json.dumps(each.as_dict()) + "\n" for each in ended)
    replace_text(out / "results.jsonl", "".join(records))
    return trouble


def _free_name(name: str, taken: set[str]) -> str:
    stem = "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in name).strip(".") or "task"
    numbered = (f"{stem}-{number}" for number in count(2))
    free = next(each for each in chain([stem], numbered) if each not in taken)
    taken.add(free)
    return free
