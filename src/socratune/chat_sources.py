"""What a chat is about: its task file and rows, each read again only when it has changed, and the models they name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from socratune.agreement import Sending
from socratune.before import judge_sending
from socratune.consent import IDLE
from socratune.memory.errors import BadInput
from socratune.memory.model_options import PLAIN, ModelOptions
from socratune.orders import PLAINLY, Reading, read_task
from socratune.tools.datasets import Row, read_rows
from socratune.tools.model_spec import is_application
from socratune.tools.models import check_model
from socratune.tools.task_files import AS_WRITTEN, LoadedTask, Overrides, file_of
from socratune.tools.task_models import optimizer_for

TASKS = (".yaml", ".yml")
T = TypeVar("T")
Stamps = dict[Path, tuple[int, int, int] | None]
"""By which a changed file is told: its inode, size and time; None for a file that is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The models of a chat and of its runs."""

    target: str
    optimizer: str
    """It also speaks for the chat's own agents."""
    judge: str | None = None
    """None where no judge is needed."""
    options: ModelOptions = PLAIN
    """Of the optimizer."""

    @property
    def names(self) -> list[str]:
        """Target, optimizer and, where there is one, judge."""
        return [self.target, self.optimizer, *([self.judge] if self.judge is not None else [])]

    @property
    def sendings(self) -> tuple[Sending, ...]:
        """What each is sent."""
        said = "what you say, the names of columns and labels and, in a run, train rows with their answers"
        judging = [] if self.judge is None else [judge_sending(self.judge)]
        return (
            Sending(model=self.target, role="runs the prompt", texts="the prompt and all rows of a run"),
            Sending(model=self.optimizer, role="asks, writes and improves", texts=said),
            *judging,
        )

    @property
    def simulated(self) -> bool:
        """Whether nothing is paid."""
        return all(sending.simulated for sending in self.sendings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Reads for one chat."""

    file: Path | None = None
    """The task file or prompt file that the chat is about, absolute; None without one."""
    overrides: Overrides = AS_WRITTEN
    reading: Reading = PLAINLY
    """Its consent holds for runs; whoever only looks needs none."""
    _tasks: list[tuple[Stamps, LoadedTask]] = field(default_factory=list, repr=False)
    """At most the one that was read last."""
    _rows: list[tuple[Stamps, tuple[Row, ...]]] = field(default_factory=list, repr=False)

    @property
    def looking(self) -> Reading:
        """How whoever runs no code reads a task."""
        return replace(self.reading, consent=IDLE)

    def task(self) -> LoadedTask | None:
        """Return the task file as it is now, without its code; None when the chat is about none."""
        if self.file is None or self.file.suffix not in TASKS:
            return None
        known = _current(self._tasks)
        if known is None:
            known = read_task(self.file, self.overrides, self.looking)
            # Tests may stand in files that only reading them tells, so a task of such rows is read each time.
            self._tasks[:] = [(_stamps(_files(known)), known)] if known.task.metric != "assert" else []
        return known

    def trusted(self) -> LoadedTask | None:
        """Return the task file with code that may run. Raises `BadInput` for any that may not."""
        if self.file is None or self.file.suffix not in TASKS:
            return None
        return read_task(self.file, self.overrides, self.reading)

    def rows(self, path: Path) -> tuple[Row, ...]:
        """Return the rows of a file as they are now."""
        known = _current([kept for kept in self._rows if path in kept[0]])
        if known is None:
            known = read_rows(path)
            self._rows[:] = [(_stamps([path]), known)]
        return known

    @property
    def models(self) -> Models:
        """Those of the task file, else of the command and the defaults. Raises `BadInput` without a target."""
        task = self.task()
        if task is None:
            return self._chosen()
        named = task.task
        options = named.options.get("optimizer", PLAIN)
        return Models(target=named.target, optimizer=named.optimizer, judge=named.judge, options=options)

    @property
    def judge(self) -> str:
        """The one for rows that need it, when no task file names it."""
        return self.overrides.judge or self.reading.defaults.judge or self.models.optimizer

    def _chosen(self) -> Models:
        said, defaults = self.overrides, self.reading.defaults
        target = said.target or defaults.target
        if target is None:
            cure = "pass --target and the model that will run the prompt, such as openai:gpt-4.1-mini"
            raise BadInput("names no target", place="chat", cure=cure)
        if is_application(target):
            cure = "name it in a task file and chat about that file"
            raise BadInput(f"{target} is an application", place="--target", cure=cure)
        optimizer = said.optimizer or defaults.optimizer
        price = said.prices.get("optimizer") or (None if optimizer else said.prices.get("target"))
        return Models(target=target, optimizer=optimizer or optimizer_for(target), options=replace(PLAIN, price=price))

    def check(self) -> None:
        """Raise `BadInput` when a model cannot be used, or code may not run."""
        if self.trusted() is None:
            for model in self.models.names:
                check_model(model, hosts=self.reading.hosts)


def _current(kept: Iterable[tuple[Stamps, T]]) -> T | None:
    """Return what was read from files that are unchanged."""
    return next((known for stamps, known in kept if _stamps(stamps) == stamps), None)


def _stamps(files: Iterable[Path]) -> Stamps:
    return {file: _stamp(file) for file in files}


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _files(loaded: LoadedTask) -> Iterator[Path]:
    """Yield the files that a task was read from."""
    document = loaded.source.document
    yield from (document.path, *loaded.source.files.values())
    yield from (file for part in document.form.parts if (file := file_of(document, part)) is not None)
