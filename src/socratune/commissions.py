"""What another program asks for: a task file, or what would stand in one, and rows; laid down so that it can resume."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from socratune.graphs.engine import Order, Settings
from socratune.memory.errors import BadInput
from socratune.memory.runs import Home, RunFolder
from socratune.orders import GivenOrder, Models, Rows, SavedOrder, rows_file
from socratune.tools.task_files import AS_WRITTEN, LoadedTask, Overrides
from socratune.tools.yaml_edits import dump

TASK = "task.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Commission:
    """One run that is asked for."""

    task: str | Path | Mapping[str, Any]
    """Path of a task file, or the keys of one."""
    rows: Rows | None = None
    """In place of the task's own."""
    overrides: Overrides = AS_WRITTEN
    settings: Settings = field(default_factory=Settings)
    models: Models | None = None
    """The caller's own, by role."""

    @property
    def name(self) -> str:
        """What the run is named after."""
        if isinstance(self.task, Mapping):
            return str(self.task.get("name", "task"))
        return Path(self.task).stem


def lay_down(asked: Commission, home: Home, *, run: str | None = None) -> tuple[RunFolder, LoadedTask]:
    """Make a run that `aresume` can begin; one that is there already is left as it is.

    What came as values is written into the run's folder. Raises `BadInput`, and leaves no new run.
    """
    folder = home.new_run(asked.name) if run is None else home.run_named(run)
    if folder.ledger.exists():
        return folder, SavedOrder.read(folder).load(asked.models)
    try:
        saved = _written(asked, folder)
        loaded = saved.load(asked.models)
    except BadInput as error:
        home.forget_run(folder)
        place = error.place.replace(f"{folder.path}{os.sep}", "")
        raise BadInput(error.problem, place=place, cure=error.cure) from error
    saved.save(folder)
    if asked.models is not None:
        order = Order(task=loaded.task, examples=loaded.examples, settings=asked.settings, models=asked.models)
        GivenOrder.keep(order, folder)
    return folder, loaded


def _written(asked: Commission, folder: RunFolder) -> SavedOrder:
    rows = rows_file(asked.rows, folder.path) if asked.rows is not None else asked.overrides.data
    if isinstance(asked.task, Mapping):
        file = folder.path / TASK
        file.write_text(dump(asked.task), encoding="utf-8")
    else:
        file = Path(os.path.abspath(asked.task))  # links must stay visible
    return SavedOrder(file=file, overrides=replace(asked.overrides, data=rows), settings=asked.settings)
