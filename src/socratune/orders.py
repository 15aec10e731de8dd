"""From a task file, or a task and its rows, to an order; and how an order is kept so that a run can be resumed."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from socratune.consent import Consent
from socratune.graphs.engine import Order, Settings
from socratune.graphs.recipes import recipe_named
from socratune.memory.errors import BadInput
from socratune.memory.ledger import Ledger
from socratune.memory.records import Example, Role, Task
from socratune.memory.runs import RunFolder
from socratune.tools.datasets import Row, columns_of, examples, read_rows, well_formed
from socratune.tools.metrics import check_rows, metric_named
from socratune.tools.model_spec import is_code
from socratune.tools.models import LanguageModel, check_model, world_name
from socratune.tools.task_files import AS_WRITTEN, LoadedTask, Overrides, load_task, root_of
from socratune.tools.usercode.application import Application

Rows = Sequence[Mapping[str, str]]
Models = Mapping[Role, LanguageModel]
EXPECTED = "expected"
"""The column with the answer, when a task comes without a file that names another."""
REFUSED = Consent()


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedOrder:
    """What a run was asked to do, in the words of whoever asked."""

    file: Path
    """Absolute."""
    overrides: Overrides = AS_WRITTEN
    settings: Settings = field(default_factory=Settings)
    kind: Literal["optimize", "eval"] = "optimize"
    line: int | None = None
    """Of a file with one task a line, which line, counted from 1."""
    against: Path | None = None
    """Of an eval: the task file whose prompt is the baseline."""

    def load(self, consent: Consent = REFUSED) -> LoadedTask:
        """Read the task and its rows as they are now. Raises `BadInput` before anything is called."""
        # A line may come from anywhere: its code is not run, whatever is allowed of the user's own files.
        allowed = consent if self.line is None else REFUSED
        return read_task(self.file, self.overrides, line=self.line, consent=allowed)

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
            cure = "start a new one with `socratune optimize`"
            raise BadInput("it is not known how this run was started", place=str(file), cure=cure) from error


_SAVED = TypeAdapter(SavedOrder)


def _file(folder: RunFolder) -> Path:
    return folder.path / "order.json"


def read_task(
    file: Path,
    overrides: Overrides = AS_WRITTEN,
    *,
    models: Models | None = None,
    line: int | None = None,
    consent: Consent = REFUSED,
) -> LoadedTask:
    """Read a task file, with the models it names found and known, unless `models` stand in for them.

    Code that it names is refused unless the door says otherwise.
    """
    loaded = load_task(file, overrides=overrides, line=line)
    code = consent.given(loaded.task, root_of(file), at=loaded.source.document.at)
    task = _checked(loaded.task, Path(os.path.abspath(file)).parent, models or {})
    return replace(loaded, task=replace(task, code=code))


def _checked(task: Task, folder: Path, models: Models) -> Task:
    recipe_named(task.recipe)
    if not is_code(task.metric):
        metric_named(task.metric, task.metric_options)
    found = replace(task, target=resolve_model(task.target, folder), optimizer=resolve_model(task.optimizer, folder))
    specs: dict[Role, str] = {"target": found.target, "optimizer": found.optimizer}
    for role in specs.keys() - models.keys():
        check_model(specs[role])
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


def order_of(
    task: Task, data: Path | Rows, settings: Settings, models: Models | None = None, *, consent: Consent = REFUSED
) -> Order:
    """Return the order for a task that was made in Python; files of its code are found in the working folder."""
    task, own = _named(task, models or {})
    place = str(data) if isinstance(data, Path) else "data"
    rows = read_rows(data) if isinstance(data, Path) else _rows(data)
    if not rows:
        raise BadInput("there are no rows", place=place, cure="give at least one")
    expected = _expected(columns_of(rows), task.variables, place)
    found = examples(rows, inputs=task.variables, expected=expected, whole=is_code(task.metric))
    check_rows(task.metric, found)
    task = replace(task, code=consent.given(task, Path.cwd(), at=lambda key: key))
    return Order(task=_checked(task, Path.cwd(), own), examples=found, settings=settings, models=own)


def _named(task: Task, models: Models) -> tuple[Task, Models]:
    """Return the task with a name where it had a function, and the function as the model of that role."""
    if not callable(task.target):
        return task, models
    application = Application.here(task.target)
    return replace(task, target=application.name), {"target": application, **models}


def rows_file(data: Rows, folder: Path) -> Path:
    """Write rows to a file that a task can be read with."""
    with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".jsonl", delete=False, encoding="utf-8") as file:
        file.writelines(json.dumps(dict(row)) + "\n" for row in data)
    return Path(file.name)


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
    task, expected = loaded.task, loaded.source.document.form.expected
    found = examples(read_rows(path), inputs=task.variables, expected=expected, whole=is_code(task.metric))
    check_rows(loaded.task.metric, found)
    return found
