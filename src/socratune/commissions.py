"""What another program asks for: a task file, or what would stand in one, and rows; laid down so that it can resume.

A model may ask, too, through a tool: it gives a prompt and rows and chooses a metric that runs no code. Which models
are called, and what they may cost, its host has said.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from socratune.configuration import Configuration
from socratune.given_orders import GivenOrder, Models
from socratune.graphs.engine import Order, Settings
from socratune.memory.errors import BadInput
from socratune.memory.records import digest
from socratune.memory.runs import Home, RunFolder, stem_of
from socratune.orders import Rows, SavedOrder, rows_file
from socratune.tools.model_spec import NO_HOSTS
from socratune.tools.task_files import AS_WRITTEN, LoadedTask, Overrides
from socratune.tools.yaml_edits import dump

TASK = "task.yaml"
HarmlessMetric = Literal["exact", "choice", "contains", "numeric", "json", "f1"]
"""Those that a model may choose: neither code nor a pattern that may never come to an end."""


class PromptForm(BaseModel):
    """A prompt and rows, as a model hands them over."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: str = Field(
        min_length=1,
        description="The prompt to improve, with {{column}} where a row's text goes. Without any, it is a system "
        "prompt, and the row's text is the user's turn.",
    )
    rows: list[dict[str, str]] = Field(
        min_length=1,
        description="Labelled rows, 12 at the very least and better 100 or more: the prompt's columns, and in the "
        "column `expected` the right answer.",
    )
    goal: str = Field(default="", description="What the prompt is for, in a sentence.")
    metric: HarmlessMetric = Field(
        default="exact",
        description="How an answer is compared with the expected one: the same text (exact), one of the known labels "
        "(choice), contained (contains), the same number (numeric), the same JSON fields (json), shared words (f1).",
    )

    def task(self, **models: str) -> dict[str, Any]:
        """Return the keys of the task file that this is, with the models that run and improve the prompt."""
        written = self.prompt.replace(" ", "")
        shown = any(f"{{{column}}}" in written for column in self.rows[0])
        return {
            "name": "prompt",
            "goal": self.goal,
            ("prompt" if shown else "system"): self.prompt,
            "metric": self.metric,
            **models,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Commission:
    """One run that is asked for."""

    task: str | Path | Mapping[str, Any]
    """Path of a task file, or the keys of one."""
    rows: Rows | None = None
    """In place of the task's own."""
    overrides: Overrides = AS_WRITTEN
    settings: Settings | None = None
    """None: as the home says."""
    models: Models | None = None
    """The caller's own, by role."""

    @property
    def hosts(self) -> Mapping[str, str]:
        """Those that the caller lets have a key, beside the home's."""
        return self.settings.hosts if self.settings else NO_HOSTS

    @property
    def name(self) -> str:
        """What the run is named after."""
        if isinstance(self.task, Mapping):
            return str(self.task.get("name", "task"))
        return Path(self.task).stem


def lay_down(asked: Commission, home: Home, *, run: str | None = None) -> tuple[RunFolder, LoadedTask]:
    """Make a run that `aresume` can begin; one that is there already is left as it is.

    What came as values is written into the run's folder. Raises `BadInput`, and leaves no new run; a task that names
    code is refused.
    """
    folder = home.new_run(asked.name) if run is None else home.run_named(run)
    if folder.ledger.exists():
        return folder, SavedOrder.read(folder, hosts=asked.hosts).load(models=asked.models)
    try:
        saved = _written(asked, folder, Configuration.read(home))
        loaded = saved.load(models=asked.models)
    except BadInput as error:
        home.forget_run(folder)
        place = error.place.replace(f"{folder.path}{os.sep}", "")
        raise BadInput(error.problem, place=place, cure=error.cure) from error
    saved.save(folder)
    if asked.models:
        order = Order(task=loaded.task, examples=loaded.examples, settings=saved.settings, models=asked.models)
        GivenOrder.keep(order, folder)
    return folder, loaded


def _written(asked: Commission, folder: RunFolder, configuration: Configuration) -> SavedOrder:
    rows = rows_file(asked.rows, folder.path) if asked.rows is not None else asked.overrides.data
    if isinstance(asked.task, Mapping):
        file = folder.path / TASK
        file.write_text(dump(asked.task), encoding="utf-8")
    else:
        file = Path(os.path.abspath(asked.task))  # links must stay visible
    return SavedOrder(
        file=file,
        overrides=replace(asked.overrides, data=rows),
        defaults=configuration.defaults,
        settings=configuration.under(asked.settings),
    )


def run_at(place: Mapping[str, Any], name: str, *also: object) -> str | None:
    """Return the id that a run always gets at a place in a LangGraph thread; None where nobody comes again.

    `place` is what the host's graph has configured there.
    """
    if place.get("thread_id") is None:
        return None
    return f"{stem_of(name)}-{digest([str(place['thread_id']), str(place.get('checkpoint_ns', '')), *also])}"
