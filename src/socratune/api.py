"""Socratune from Python: one coroutine, the same as a plain call, and both again for a run that stopped early."""

from __future__ import annotations

import asyncio
import contextvars
import os
import tempfile
from collections.abc import Coroutine, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from socratune.apart import Apart
from socratune.configuration import Configuration
from socratune.consent import Consent
from socratune.events import Hearer, RunStarted, typed
from socratune.given_orders import GivenModels, GivenOrder, Models, adapted_models
from socratune.graphs.engine import Order, Settings, Watch
from socratune.graphs.engine import optimize as run_engine
from socratune.graphs.result import Result
from socratune.memory.errors import BadInput, Interrupted, Paused
from socratune.memory.ledger import Event
from socratune.memory.records import Task
from socratune.memory.runs import Home, RunFolder
from socratune.options import home_folder
from socratune.orders import (
    REFUSED,
    Reading,
    Rows,
    SavedOrder,
    order_of,
    read_task,
    rows_file,
)
from socratune.outcome import keep_leading, read_result, refuse_part, write_outcome
from socratune.tools.config_form import hosts_of
from socratune.tools.journal import Listener
from socratune.tools.task_files import LoadedTask, Overrides

T = TypeVar("T")


async def aoptimize(  # noqa: PLR0913  # each is a choice of its own, and nobody makes all of them
    task: Task | str | Path,
    data: Path | Rows | None = None,
    *,
    home: Path | str | None = None,
    settings: Settings | None = None,
    on_event: Hearer | None = None,
    models: GivenModels | None = None,
    allow_code: bool = False,
) -> Result:
    """Improve the prompt of a task, and test the result once on rows that chose nothing.

    `result.prompt` is a new prompt only when it is proven to be better, else your own. A task file names its rows; a
    `Task` needs them as `data`, with the answer in the column `expected` or in the only one that is no input. `models`
    by role, `target`, `optimizer` and `judge`, stand in for those that the task names; LangChain's chat models will do.
    A `Task` may have your application for its target, `async def answer(messages, row) -> str | Answer`; the `python:`
    code that a task names runs once it was allowed. `home` is `SOCRATUNE_HOME` or `.socratune` when None, and what it
    and the environment say for all tasks holds; rows and a task that no file names are kept in the run's folder there.
    `on_event` hears a `RunStarted` with the run's id first of all.

    Raises `BadInput` before anything is called, and `Paused` when a run stops early. Cancelled, it sends nothing more
    and waits at most a minute for what was sent. `aresume` goes on with either.
    """
    place, own = place_of(home), adapted_models(models)
    configuration, consent = Configuration.read(place), _consent(place, allow_code=allow_code)
    chosen = configuration.under(settings)
    if not isinstance(task, Task):
        reading = Reading(defaults=configuration.defaults, consent=consent, models=own or {}, hosts=chosen.hosts)
        return await _from_file(Path(task), data, home=place, settings=chosen, on_event=on_event, reading=reading)
    if data is None:
        raise BadInput("a task comes with its rows", place="data", cure="give a file, or a list of mappings")
    return await _from_values(order_of(task, data, chosen, own, consent=consent), place, on_event)


async def _from_file(
    task: Path,
    data: Path | Rows | None,
    *,
    home: Home,
    settings: Settings,
    on_event: Hearer | None,
    reading: Reading,
) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        rows = data if data is None or isinstance(data, Path) else rows_file(data, Path(folder))
        loaded = read_task(task, Overrides(data=rows), reading)
    order = Order(task=loaded.task, examples=loaded.examples, settings=settings, models=reading.models)
    # Rows that were given as values are nowhere to be read again: no file can name them.
    if rows is not data or reading.models:
        return await _from_values(order, home, on_event, loaded=loaded if rows is data else None)
    overrides = Overrides(data=rows and _absolute(rows))
    saved = SavedOrder(file=_absolute(task), overrides=overrides, defaults=reading.defaults, settings=settings)
    run = home.new_run(order.task.name)
    saved.save(run)
    return await see_through(order, run, home, loaded=loaded, on_event=on_event)


async def _from_values(
    order: Order, home: Home, on_event: Hearer | None, *, loaded: LoadedTask | None = None
) -> Result:
    run = home.new_run(order.task.name)
    return await see_through(GivenOrder.keep(order, run), run, home, loaded=loaded, on_event=on_event)


async def aresume(
    run: str,
    *,
    home: Path | str | None = None,
    on_event: Hearer | None = None,
    models: GivenModels | None = None,
    allow_code: bool = False,
    hosts: Mapping[str, str] | None = None,
) -> Result:
    """Go on with a run that was cancelled, paused or killed; of one that has ended, return the result again.

    What was paid for is not paid again. A run that was made with `models` of your own, or with your function as its
    target, needs them again: `models={"target": answer}`; hosts that your `Settings` let have a key are named again as
    `hosts`, beside those of the home. Raises `BadInput` when its task, rows or code have changed, and what `aoptimize`
    raises.
    """
    place = place_of(home)
    consent = _consent(place, allow_code=allow_code)
    own = adapted_models(models)
    return await go_on(place.run(run), place, consent, models=own, hosts=hosts, on_event=on_event)


async def go_on(
    folder: RunFolder,
    home: Home,
    consent: Consent = REFUSED,
    *,
    models: Models | None = None,
    hosts: Mapping[str, str] | None = None,
    on_event: Hearer | None = None,
) -> Result:
    """Do what `aresume` does in a folder that is known; code is refused unless the door says otherwise."""
    if folder.result.exists():
        return read_result(folder)
    refuse_part(folder)
    if (given := GivenOrder.read(folder)) is not None:
        vouched = {**hosts_of(home.path), **(hosts or {})}
        order = given.order(folder.id, models or {}, consent=consent, hosts=vouched)
        return await see_through(order, folder, home, on_event=on_event)
    if models:
        cure = "leave models= out"
        raise BadInput(f"run {folder.id} was made with the models that its task names", cure=cure)
    saved = SavedOrder.read(folder, hosts=hosts or {})
    if saved.kind != "optimize":
        raise BadInput(f"{folder.id} scores a prompt and improves none", cure=f"`socratune resume {folder.id}` goes on")
    loaded = saved.load(consent)
    order = Order(task=loaded.task, examples=loaded.examples, settings=saved.settings)
    return await see_through(order, folder, home, loaded=loaded, on_event=on_event)


def optimize(  # noqa: PLR0913  # as `aoptimize`
    task: Task | str | Path,
    data: Path | Rows | None = None,
    *,
    home: Path | str | None = None,
    settings: Settings | None = None,
    on_event: Hearer | None = None,
    models: GivenModels | None = None,
    allow_code: bool = False,
) -> Result:
    """Do what `aoptimize` does, and wait for it.

    Inside a running event loop, in a notebook for example, in a thread of its own, where `on_event` is called, too.
    """
    return finished(
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


def resume(
    run: str,
    *,
    home: Path | str | None = None,
    on_event: Hearer | None = None,
    models: GivenModels | None = None,
    allow_code: bool = False,
    hosts: Mapping[str, str] | None = None,
) -> Result:
    """Do what `aresume` does, and wait for it, as `optimize` does."""
    return finished(
        aresume(run, home=home, on_event=on_event, models=models, allow_code=allow_code, hosts=hosts),
    )


def finished(work: Coroutine[None, None, T]) -> T:
    """Wait for some work from where there may be a running event loop or none; Ctrl-C cancels it."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        apart = False
    else:
        apart = True
    # Outside of the handler: what the work raises has nothing to do with whether there was a loop.
    return Apart(work).wait() if apart else asyncio.run(work)


def place_of(home: Path | str | None) -> Home:
    """Return a home that a program names, or the one that holds when it names none."""
    return Home(path=Path(os.path.abspath(home if home is not None else home_folder())))


def _consent(home: Home, *, allow_code: bool) -> Consent:
    return Consent(code="allowed" if allow_code else "asked", home=home)


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # links must stay visible


async def see_through(
    order: Order,
    folder: RunFolder,
    home: Home,
    *,
    loaded: LoadedTask | None = None,
    on_event: Hearer | None = None,
) -> Result:
    """Carry out the run of a folder, or go on with it, and write the files that it leaves."""
    watch = Watch(listeners=tuple(_listeners(folder, loaded, on_event)))
    try:
        if on_event is not None:
            on_event(RunStarted(run=folder.id))
        work = asyncio.create_task(carry_out(order, folder, home, watch), context=_without_a_host())
        result = await work
    except (Paused, Interrupted, asyncio.CancelledError) as error:
        error.add_note(f"go on with: {again(folder)}")
        raise
    write_outcome(folder, result, loaded)
    return result


def _listeners(folder: RunFolder, loaded: LoadedTask | None, on_event: Hearer | None) -> Iterator[Listener]:
    if loaded is not None:
        yield keep_leading(folder, loaded)
    if on_event is not None:
        hear = on_event

        def told(event: Event) -> None:
            if (known := typed(event)) is not None:
                hear(known)

        yield told


def again(folder: RunFolder) -> str:
    """Return what goes on with a run."""
    given = GivenOrder.read(folder)
    return f"socratune resume {folder.id}" if given is None else given.again(folder.id)


def _without_a_host() -> contextvars.Context:
    """Return this context as it is outside of any graph: the callbacks of one would be told of our own, and of rows."""
    from langchain_core.runnables.config import var_child_runnable_config  # noqa: PLC0415  # heavy

    context = contextvars.copy_context()
    context.run(var_child_runnable_config.set, None)
    return context


async def carry_out(order: Order, folder: RunFolder, home: Home, watch: Watch) -> Result:
    """Run the engine; a new run that is refused before it begins leaves no folder."""
    fresh = not folder.ledger.exists()
    try:
        return await run_engine(order, folder, home, watch)
    except BadInput:
        if fresh:
            home.forget_run(folder)
        raise
