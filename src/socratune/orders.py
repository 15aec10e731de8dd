"""From a task file, or a task and its rows, to an order; and how an order is kept so that a run can be resumed."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from socratune.graphs.engine import Order, Settings
from socratune.graphs.recipes import recipe_named
from socratune.memory.errors import BadInput
from socratune.memory.ledger import Ledger
from socratune.memory.records import Example, Role, Task
from socratune.memory.runs import RunFolder
from socratune.tools.datasets import Row, columns_of, examples, read_rows, well_formed
from socratune.tools.metrics import check_rows, metric_named
from socratune.tools.models import LanguageModel, check_model, world_name
from socratune.tools.task_files import AS_WRITTEN, LoadedTask, Overrides, load_task

Rows = Sequence[Mapping[str, str]]
Models = Mapping[Role, LanguageModel]
EXPECTED = "expected"
"""The column with the answer, when a task comes without a file that names another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedOrder:
    """What a run was asked to do, in the words of whoever asked."""

    file: Path
    """Absolute."""
    overrides: Overrides = AS_WRITTEN
    settings: Settings = field(default_factory=Settings)
    kind: Literal["optimize", "eval"] = "optimize"
    against: Path | None = None
    """Of an eval: the task file whose prompt is the baseline."""

    def load(self, models: Models | None = None) -> LoadedTask:
        """Read the task and its rows as they are now. Raises `BadInput` before anything is called."""
        return read_task(self.file, self.overrides, models=models)

    def save(self, folder: RunFolder) -> None:
        """Keep it beside the run."""
        _file(folder).write_bytes(_SAVED.dump_json(self, indent=2))

    @classmethod
    def read(cls, folder: RunFolder) -> SavedOrder:
        """Return what a run was asked to do. Raises `BadInput` when that is not known."""
        file = _file(folder)
        try:
            return _SAVED.validate_json(file.read_bytes())
        except (OSError, ValidationError) as error:
            if GivenOrder.of(folder):
                raise BadInput(
                    f"run {folder.id} was started from Python", cure=f"go on with socratune.resume({folder.id!r})"
                ) from error
            cure = "start a new one with `socratune optimize`"
            raise BadInput("it is not known how this run was started", place=str(file), cure=cure) from error


_SAVED = TypeAdapter(SavedOrder)


def _file(folder: RunFolder) -> Path:
    return folder.path / "order.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenOrder:
    """A run's order whose task or rows came as values, with the rows: no file could be read again."""

    task: Task
    examples: tuple[Example, ...]
    settings: Settings
    own_models: bool
    """Made with models of the caller's own, which cannot be kept."""

    @staticmethod
    def of(folder: RunFolder) -> Path | None:
        """Return where a run's is kept, if it has one."""
        file = folder.path / "given.json"
        return file if file.exists() else None

    @classmethod
    def keep(cls, order: Order, folder: RunFolder) -> Order:
        """Keep it beside the run, and return it as it will be read again, so that a resumed run is the same one."""
        own = order.models is not None
        given = cls(task=order.task, examples=order.examples, settings=order.settings, own_models=own)
        text = _GIVEN.dump_json(given)
        (folder.path / "given.json").write_bytes(text)
        again = _GIVEN.validate_json(text)
        return replace(order, task=again.task, examples=again.examples, settings=again.settings)

    @classmethod
    def read(cls, folder: RunFolder, models: Models | None) -> Order | None:
        """Return it; None when the run came from files alone. Raises `BadInput` without the models it was made with."""
        file = cls.of(folder)
        if file is None:
            return None
        given = _GIVEN.validate_json(file.read_bytes())
        if given.own_models and models is None:
            raise BadInput(f"run {folder.id} was made with models of your own", cure="pass the same as models=")
        return Order(task=given.task, examples=given.examples, settings=given.settings, models=models)


_GIVEN = TypeAdapter(GivenOrder)


def read_task(file: Path, overrides: Overrides = AS_WRITTEN, *, models: Models | None = None) -> LoadedTask:
    """Read a task file, with the models it names found and known, unless `models` stand in for them."""
    loaded = load_task(file, overrides=overrides)
    return replace(loaded, task=_checked(loaded.task, Path(os.path.abspath(file)).parent, models))


def _checked(task: Task, folder: Path, models: Models | None) -> Task:
    recipe_named(task.recipe)
    metric_named(task.metric, task.metric_options)
    if models is not None:
        return task
    found = replace(task, target=resolve_model(task.target, folder), optimizer=resolve_model(task.optimizer, folder))
    for spec in (found.target, found.optimizer):
        check_model(spec)
    return found


def check_unchanged(order: Order, ledger: Ledger, *, command: str = "optimize") -> None:
    """Raise `BadInput` when a run began with another task or with other rows."""
    known = ledger.settings()
    if known and known["fingerprint"] != order.fingerprint:
        raise BadInput(
            f"the task or its rows have changed since run {ledger.run} began",
            cure=f"restore them, or start a new run with `socratune {command}`",
        )


def resolve_model(spec: str, folder: Path) -> str:
    """Return a model's specification with the file of a simulated world made absolute; any other stays as it is."""
    world = world_name(spec)
    if not spec.startswith("sim:") or not world.endswith((".yaml", ".yml")):
        return spec
    return spec.replace(world, os.path.abspath(folder / world), 1)


def order_of(task: Task, data: Path | Rows, settings: Settings, models: Models | None = None) -> Order:
    """Return the order for a task that was made in Python."""
    place = str(data) if isinstance(data, Path) else "data"
    rows = read_rows(data) if isinstance(data, Path) else _rows(data)
    if not rows:
        raise BadInput("there are no rows", place=place, cure="give at least one")
    found = examples(rows, inputs=task.variables, expected=_expected(columns_of(rows), task.variables, place))
    check_rows(task.metric, found)
    return Order(task=_checked(task, Path.cwd(), models), examples=found, settings=settings, models=models)


def rows_file(data: Rows, folder: Path) -> Path:
    """Write rows to a file in a folder, for a task to be read with."""
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps(dict(row)) + "\n" for row in data), encoding="utf-8")
    return file


def _rows(data: Rows) -> tuple[Row, ...]:
    return tuple(
        Row(
            place=f"data: row {number}",
            values={well_formed(name): well_formed(str(value)) for name, value in row.items()},
        )
        for number, row in enumerate(data, start=1)
    )


def _expected(columns: Sequence[str], variables: Sequence[str], place: str) -> str:
    """Return the column with the answer: `expected`, or the only one that is not an input."""
    left = [name for name in columns if name not in variables]
    if EXPECTED in left or len(left) == 1:
        return EXPECTED if EXPECTED in left else left[0]
    raise BadInput(f"no column {EXPECTED!r}", place=place, cure=f"name the column with the answer {EXPECTED!r}")


def examples_of(path: Path, loaded: LoadedTask) -> tuple[Example, ...]:
    """Return the rows of another file as examples of a task."""
    found = examples(read_rows(path), inputs=loaded.task.variables, expected=loaded.source.document.form.expected)
    check_rows(loaded.task.metric, found)
    return found
