"""Runs in the background of one process, for programs that start one and ask for it later.

Whoever runs the process says what may be started: task files in its working folder, no code, and models that cost money
only under a cap. Knows nothing of the protocol that carries the questions.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from socratune.apart import Apart
from socratune.api import see_through
from socratune.before import outlook_of
from socratune.commissions import Commission, lay_down
from socratune.configuration import Configuration
from socratune.events import typed
from socratune.given_orders import refuse_given
from socratune.graphs.engine import Order
from socratune.graphs.result import Result
from socratune.listing import unfinished
from socratune.memory.errors import BadInput, Paused
from socratune.memory.ledger import Spent
from socratune.memory.records import Budget, Task
from socratune.memory.runs import Home, RunFolder
from socratune.orders import Reading, Rows, SavedOrder, read_task
from socratune.outcome import read_result, refuse_part
from socratune.progress import Progress
from socratune.standing import opened, standing
from socratune.text import one_line
from socratune.tools.model_spec import ModelSpec
from socratune.tools.models import world_name
from socratune.tools.task_files import AS_WRITTEN, LoadedTask, Overrides
from socratune.tools.task_models import optimizer_for

LOOPBACK = ("localhost", "127.0.0.1", "::1")
TEXTS = ("goal", "prompt", "system", "user", "messages", "demos", "constraints")
"""Keys of a task file whose texts mean nothing to us."""
CLOSING = 5.0
"""Seconds for which somebody who cancels a run waits for its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How a run stands."""

    run: str
    status: str
    """That of its result; else `running`, `paused`, `cancelled`, `failed`, or `unfinished`: nobody works on it."""
    stage: str
    leader: str
    """How the best prompt so far stands on dev; empty while the given one leads."""
    target_calls: int
    most_target_calls: int | None
    usd: float | None
    """Spent so far; None when a price is not known."""
    note: str
    """What ended it early."""


class Background:
    """The runs that this process works on, and those of its home that others did."""

    def __init__(self, home: Home, *, folder: Path, max_usd: float | None = None) -> None:
        self.home = home
        self._folder = Path(os.path.realpath(folder))
        self._max_usd = max_usd
        self._working: dict[str, Apart[Result]] = {}

    def start(self, task: Path | Mapping[str, Any], rows: Rows | None = None) -> str:
        """Start a run and return its id. Raises `BadInput`, and then nothing was called."""
        overrides, configuration = AS_WRITTEN, Configuration.read(self.home)
        if isinstance(task, Path):
            task = self._inside(task)
            loaded = read_task(task, reading=Reading(defaults=configuration.defaults, hosts=configuration.hosts))
            overrides = Overrides(budget=self._allowed(loaded))
        else:
            task = {**task, "budget": self._capped_keys(task, configuration.defaults)}
        folder, loaded = lay_down(Commission(task=task, rows=rows, overrides=overrides), self.home)
        try:
            self._check_cap(folder, loaded)
            saved = SavedOrder.read(folder)
            self._check_start(loaded, saved)
        except BadInput:
            self.home.forget_run(folder)
            raise
        return self._go_on(folder, loaded, saved)

    def resume(self, run: str) -> str:
        """Go on with a run that nobody works on, and return its whole id; one that has ended stays as it is."""
        folder = self.home.run(run)
        if folder.result.exists():
            return folder.name
        refuse_part(folder)
        if self.status(folder.id).status == "running":
            raise BadInput(f"run {folder.id} is being worked on", cure="ask for its status")
        refuse_given(folder)
        saved = SavedOrder.read(folder)
        if saved.kind != "optimize":
            raise BadInput(f"{folder.id} scores a prompt and improves none", cure="resume it by hand")
        for file in (saved.file, saved.overrides.data):
            if file is not None and not file.is_relative_to(folder.path):
                self._inside(file)
        loaded = saved.load()
        self._check_cap(folder, loaded)
        return self._go_on(folder, loaded, saved)

    def _check_cap(self, folder: RunFolder, loaded: LoadedTask) -> None:
        if self._allowed(loaded) != loaded.task.budget:
            raise BadInput(f"run {folder.id} has a higher cap than this server allows", cure="start it by hand")

    def _check_start(self, loaded: LoadedTask, saved: SavedOrder) -> None:
        """Raise `BadInput` for what cannot start: it is said now, not in a minute."""
        if missing := outlook_of(loaded, self.home, hosts=saved.settings.hosts).missing:
            raise BadInput(missing[0])

    def _go_on(self, folder: RunFolder, loaded: LoadedTask, saved: SavedOrder) -> str:
        """Work on what was found to be allowed, not on what its file may say by now."""
        order = Order(task=loaded.task, examples=loaded.examples, settings=saved.settings)
        self._working[folder.id] = Apart(see_through(order, folder, self.home, loaded=loaded))
        return folder.id

    def cancel(self, run: str) -> State:
        """Stop a run; what was sent is waited for, in the background when that takes long."""
        folder = self.home.run(run)
        work = self._working.get(folder.id)
        if work is None:
            raise BadInput(f"run {folder.id} was not started here", cure="stop the process that works on it")
        work.cancel()
        with contextlib.suppress(TimeoutError):
            work.ended.exception(timeout=CLOSING)
        return self.status(folder.id)

    def close(self) -> None:
        """Stop all runs. Each can be resumed."""
        for work in self._working.values():
            work.cancel()
        for work in self._working.values():
            work.ended.exception()

    def result(self, run: str) -> Result:
        """Return the result of a run. Raises `BadInput` when it has not ended."""
        return read_result(self.home.run(run))

    def status(self, run: str) -> State:
        """Return how a run stands, read from its ledger."""
        folder = self.home.run(run)
        status, note = self._status(folder)
        progress, leader, spent, most = Progress(), "", [Spent()], None
        if folder.ledger.exists():
            with opened(folder) as ledger:
                for event in ledger.events():
                    progress.hear(typed(event))
                leader, spent = str(standing(ledger) or ""), list(ledger.spent().values())
                most = ledger.settings().get("task", {}).get("budget", {}).get("rollouts")
        total = Spent.total(spent)
        return State(
            run=folder.name,
            status=status,
            stage=progress.stage,
            leader=leader,
            target_calls=total.rollouts,
            most_target_calls=most,
            usd=total.usd if all(each.priced for each in spent) else None,
            note=note,
        )

    def _status(self, folder: RunFolder) -> tuple[str, str]:
        if folder.result.exists():
            return read_result(folder).status, ""
        work = self._working.get(folder.id)
        if work is None or not work.ended.done():
            return ("running", "") if work else (unfinished(folder), "")
        error = work.ended.exception()
        if isinstance(error, asyncio.CancelledError):
            return "cancelled", ""
        return ("paused" if isinstance(error, Paused) else "failed"), one_line(str(error))

    def _inside(self, file: Path) -> Path:
        """Return a file of the working folder; links are followed before it is asked where it lies."""
        real = Path(os.path.realpath(self._folder / file))
        if not real.is_relative_to(self._folder):
            raise BadInput("lies outside of the server's folder", place=str(file), cure="name a file in it")
        return real

    def _capped_keys(self, task: Mapping[str, Any], defaults: Overrides) -> dict[str, Any]:
        budget, target = dict(task["budget"]), task["target"]
        models = [target, task.get("optimizer") or defaults.optimizer or optimizer_for(target)]
        self._check_worlds(models)
        return budget if all(map(is_free, models)) or self._max_usd is None else {**budget, "usd": self._max_usd}

    def _allowed(self, loaded: LoadedTask) -> Budget:
        """Return the caps that a task may have here. Raises `BadInput` when it may not be run at all."""
        if names_code({key: value for key, value in loaded.source.document.written.items() if key not in TEXTS}):
            raise BadInput("python: is not run for other programs", place=loaded.task.name, cure="start it by hand")
        self._check_worlds(loaded.task.models.values())
        return self._capped(loaded.task)

    def _check_worlds(self, models: Iterable[str]) -> None:
        """Raise `BadInput` for a simulated world whose file lies elsewhere."""
        for world in (world_name(spec) for spec in models if spec.startswith("sim:")):
            if world.endswith((".yaml", ".yml")):
                self._inside(Path(world))

    def _capped(self, task: Task) -> Budget:
        paid = [spec for spec in task.models.values() if not is_free(spec)]
        if not paid:
            return task.budget
        if self._max_usd is None:
            raise BadInput(f"{paid[0]} may cost money", cure="allow it with `socratune mcp --max-usd 5`")
        caps = [cap for cap in (task.budget.usd, self._max_usd) if cap is not None]
        return replace(task.budget, usd=min(caps))


def is_free(spec: str) -> bool:
    """Say whether a model costs nothing: simulated, or on this machine."""
    model = ModelSpec.parse(spec)
    return model.provider == "sim" or (model.url is not None and urlsplit(model.url).hostname in LOOPBACK)


def names_code(written: object) -> bool:
    """Say whether `python:` stands anywhere in what was written."""
    if isinstance(written, Mapping):
        return any(map(names_code, written.keys())) or any(map(names_code, written.values()))
    if isinstance(written, list | tuple):
        return any(map(names_code, written))
    return isinstance(written, str) and written.lstrip().startswith("python:")
