"""A batch of tasks: what it consists of, how it is kept so that it can be resumed, and what came of each task.

How several runs are kept, and who is told of them, is the same for a compare.
"""

from __future__ import annotations

import contextlib
import json
import os
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from socratune.api import carry_out
from socratune.consent import IDLE, Consent
from socratune.graphs.batch import Outcome, Unexpected, Work, carry_out_all, said_of, status_of
from socratune.graphs.engine import Order, Watch
from socratune.graphs.result import Result
from socratune.memory.errors import BadInput
from socratune.memory.ledger import Event
from socratune.memory.records import Budget
from socratune.memory.runs import Home, RunFolder
from socratune.orders import SavedOrder
from socratune.outcome import keep_leading, read_result, replace_text, short, write_outcome
from socratune.tools.allotment import share, tighter
from socratune.tools.caller import Caller
from socratune.tools.logs import run_log
from socratune.tools.task_files import LoadedTask
from socratune.tools.task_writer import write_task
from socratune.tools.yaml_text import read_text

TASK_FILES = (".yaml", ".yml")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept(Generic[T]):
    """The file that says what several runs consist of, so that they can be resumed."""

    name: str
    """What the runs are together: `batch`."""
    form: TypeAdapter[T]

    def read(self, folder: RunFolder) -> T:
        """Return what the runs consist of. Raises `BadInput` when they never began, or the file is damaged."""
        file = self._file(folder)
        try:
            return self.form.validate_json(file.read_bytes())
        except OSError as error:
            cure = "start it again; nothing was called"
            raise BadInput(f"the {self.name} was not begun", place=str(file), cure=cure) from error
        except ValidationError as error:
            cure = "restore the file, or start anew; what its runs found stays in the folder"
            raise BadInput(f"the {self.name} cannot be read any more", place=str(file), cure=cure) from error

    def write(self, folder: RunFolder, what: T) -> None:
        """Keep it: from now on the runs are begun."""
        replace_text(self._file(folder), self.form.dump_json(what, indent=2).decode())

    def _file(self, folder: RunFolder) -> Path:
        return folder.path / f"{self.name}.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What a batch consists of."""

    runs: tuple[str, ...]
    """Ids, in the order of the tasks."""
    jobs: int
    """Runs at once."""
    out: Path | None = None
    """Absolute; where the prompts are written as well."""

    def folders(self, home: Home) -> dict[str, RunFolder]:
        """Return the folder of each run by its id."""
        return {run: RunFolder(path=home.path / "runs" / run) for run in self.runs}


KEPT = Kept(name="batch", form=TypeAdapter(Batch))


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
        return status_of(self.outcome)

    @property
    def said(self) -> str:
        """The verdict in words, or the cause."""
        return said_of(self.outcome)

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
    KEPT.write(folder, Batch(runs=tuple(runs), jobs=jobs, out=out and Path(os.path.abspath(out))))
    return folder


def left(batch: Batch, home: Home, consent: Consent) -> Iterator[tuple[RunFolder, LoadedTask]]:
    """Yield the runs without a result; one whose task can no longer be read calls nothing, and is left out."""
    for folder in batch.folders(home).values():
        if not folder.result.exists():
            with contextlib.suppress(BadInput):
                yield folder, SavedOrder.read(folder).load(consent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Onlookers:
    """Who is told how several runs go, and what code their tasks may run."""

    begun: Callable[[str, Caller], None]
    """Given the run's id and its caller before its first call."""
    heard: Callable[[str, Event], None]
    ended: Callable[[str, Outcome], None]
    consent: Consent


async def carry_on(folder: RunFolder, home: Home, onlookers: Onlookers) -> list[Ended]:
    """Carry out the runs of a batch from where they stand; returns what came of each, in the order of the tasks."""
    batch = KEPT.read(folder)
    folders = batch.folders(home)
    done: dict[str, Ended] = {}

    def ended(run: str, outcome: Outcome) -> None:
        done[run] = Ended(task=_task_of(folders[run]), run=run, outcome=outcome)
        note_fault(folder, run, outcome, ordered=folders[run])
        onlookers.ended(run, outcome)

    work = {run: _work(place, home, onlookers) for run, place in folders.items()}
    await carry_out_all(work, at_once=batch.jobs, ended=ended)
    return [done[run] for run in batch.runs]


def note_fault(folder: RunFolder, run: str, outcome: Outcome, *, ordered: RunFolder) -> None:
    """Keep where it happened when what nobody raised on purpose ended a run: the line that is shown has no room for it.

    A message may hold rows, so it is kept only when the order, which is in `ordered`, lets texts into its log.
    """
    error = outcome.__cause__ if isinstance(outcome, Unexpected) else None
    if error is None:
        return
    if SavedOrder.kept(ordered).settings.log_content:
        said, trace = str(outcome), traceback.format_exception(error)
    else:
        said, trace = type(error).__name__, list(_frames(error))
    run_log(folder.log).info("failed", run=run, error=said, traceback="".join(trace))


def _frames(error: BaseException) -> Iterator[str]:
    """Yield the frames and the type, without a message, of an error and before it of those that led to it."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from _frames(before)
    yield from traceback.format_tb(error.__traceback__)
    yield f"{type(error).__name__}\n"


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
