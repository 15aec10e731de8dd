"""Socratune from Python: one coroutine, and the same as a plain call."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from socratune.consent import Consent
from socratune.graphs.engine import Order, Settings, Watch
from socratune.graphs.engine import optimize as run_engine
from socratune.graphs.result import Result
from socratune.memory.errors import BadInput, Interrupted, Paused
from socratune.memory.records import Task
from socratune.memory.runs import Home, RunFolder
from socratune.options import home_folder
from socratune.orders import (
    GivenModels,
    Models,
    Reading,
    Rows,
    SavedOrder,
    adapted_models,
    order_of,
    read_task,
    rows_file,
)
from socratune.outcome import keep_leading, write_outcome
from socratune.tools.journal import Listener
from socratune.tools.model_spec import CALL
from socratune.tools.task_files import LoadedTask, Overrides


async def aoptimize(  # noqa: PLR0913  # each is a choice of its own, and nobody makes all of them
    task: Task | str | Path,
    data: Path | Rows | None = None,
    *,
    home: Path | str | None = None,
    settings: Settings | None = None,
    on_event: Listener | None = None,
    models: GivenModels | None = None,
    allow_code: bool = False,
) -> Result:
    """Improve the prompt of a task, and test the result once on rows that chose nothing.

    `result.prompt` is a new prompt only when it is proven to be better, else your own. A task file names its rows; a
    `Task` needs them as `data`, with the answer in the column `expected` or in the only one that is no input. `models`
    by role, `target` and `optimizer`, stand in for those that the task names; LangChain's chat models will do. A `Task`
    may have your application for its target, `async def answer(messages, row) -> str | Answer`; the `python:` code that
    a task names runs once it was allowed. `home` is `SOCRATUNE_HOME` or `.socratune` when None. Raises `BadInput`
    before anything is called, and `Paused` when a run stops early; it can be resumed when it came from files alone.
    """
    chosen, place, own = settings or Settings(), _place(home), adapted_models(models)
    consent = Consent(code="allowed" if allow_code else "asked", home=place)
    if not isinstance(task, Task):
        order, loaded, saved = _from_file(Path(task), data, settings=chosen, models=own, consent=consent)
        return await _run(order, loaded, place, on_event, saved=saved)
    if data is None:
        raise BadInput("a task comes with its rows", place="data", cure="give a file, or a list of mappings")
    return await _run(order_of(task, data, chosen, own, consent=consent), None, place, on_event)


def _from_file(
    task: Path, data: Path | Rows | None, *, settings: Settings, models: Models | None, consent: Consent
) -> tuple[Order, LoadedTask | None, SavedOrder | None]:
    """Return the order, what its prompt is written back with, and what it can be resumed from."""
    with tempfile.TemporaryDirectory() as folder:
        rows = data if data is None or isinstance(data, Path) else rows_file(data, Path(folder))
        reading = Reading(models=models or {}, consent=consent, hosts=settings.hosts)
        loaded = read_task(task, Overrides(data=rows), reading)
    order = Order(task=loaded.task, examples=loaded.examples, settings=settings, models=models)
    # Rows that were given as values are nowhere to be read again: no file can name them, and no resume.
    if rows is not data:
        return order, None, None
    saved = SavedOrder(file=_absolute(task), overrides=Overrides(data=rows and _absolute(rows)), settings=settings)
    return order, loaded, saved if models is None else None


def optimize(  # noqa: PLR0913  # as `aoptimize`
    task: Task | str | Path,
    data: Path | Rows | None = None,
    *,
    home: Path | str | None = None,
    settings: Settings | None = None,
    on_event: Listener | None = None,
    models: GivenModels | None = None,
    allow_code: bool = False,
) -> Result:
    """Do what `aoptimize` does, and wait for it; inside a running event loop, in a thread of its own."""
    return _finished(
        aoptimize(
            task,
            data,
            home=home,
            settings=settings,
            on_event=on_event,
            models=models,
            allow_code=allow_code,
        )
    )


def _finished(work: Coroutine[None, None, Result]) -> Result:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, work).result()


def _place(home: Path | str | None) -> Home:
    return Home(path=Path(os.path.abspath(home if home is not None else home_folder())))


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # links must stay visible


async def _run(
    order: Order,
    loaded: LoadedTask | None,
    home: Home,
    on_event: Listener | None,
    *,
    saved: SavedOrder | None = None,
) -> Result:
    folder = home.new_run(order.task.name)
    if saved is not None:
        saved.save(folder)
    kept = (keep_leading(folder, loaded),) if loaded else ()
    watch = Watch(listeners=(*kept, on_event) if on_event else kept)
    try:
        result = await carry_out(order, folder, home, watch)
    except (Paused, Interrupted) as error:
        if saved is not None:
            error.add_note(f"go on with: socratune resume {folder.id}")
        elif order.task.target.startswith(CALL):
            error.add_note("its target is a function of this program, so that no command can go on with it")
        raise
    write_outcome(folder, result, loaded)
    return result


async def carry_out(order: Order, folder: RunFolder, home: Home, watch: Watch) -> Result:
    """Run the engine; a new run that is refused before it begins leaves no folder."""
    fresh = not folder.ledger.exists()
    try:
        return await run_engine(order, folder, home, watch)
    except BadInput:
        if fresh:
            home.forget_run(folder)
        raise
