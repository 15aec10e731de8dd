"""What `doctor` looks at. Of keys it says whether they are there, never what they are."""

from __future__ import annotations

import asyncio
import os
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import sqlalchemy as sa

from socratune.before import caps_of
from socratune.configuration import Configuration
from socratune.graphs.engine import Settings
from socratune.memory.errors import BadInput, CallFailed
from socratune.memory.index import LessonIndex
from socratune.memory.lessons import Lessons
from socratune.memory.runs import Home
from socratune.options import HOME_VARIABLE
from socratune.orders import resolve_model
from socratune.tools.caller import probe
from socratune.tools.model_spec import is_application
from socratune.tools.models import check_model, connect
from socratune.tools.task_files import AS_WRITTEN, DEFAULT_BUDGET, DEFAULT_RECIPE, document_of, spoken_for
from socratune.tools.task_form import Document

PACKAGES = ("socratune", "langgraph", "chromadb", "langchain-core", "pydantic", "sqlalchemy", "typer", "rich")
KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    said: str


def checkup(home: Home, file: Path | None, *, call: bool) -> list[Check]:
    """Look at everything, as it is for a task file when one is given; with `call`, ask each model once."""
    found = [*_versions(), *_keys(), _writable(home.path), *_memory(home)]
    try:
        configuration = Configuration.read(home)
    except BadInput as error:
        return [*found, Check(name="configuration", ok=False, said=str(error))]
    document = document_of(file) if file is not None else None
    found += [*in_force(configuration, document), *_hosts(configuration)]
    return [*found, *_calls(configuration, document, file)] if call else found


def _versions() -> Iterator[Check]:
    yield Check(name="python", ok=True, said=platform.python_version())
    for package in PACKAGES:
        try:
            yield Check(name=package, ok=True, said=version(package))
        except PackageNotFoundError:
            yield Check(name=package, ok=False, said="not installed; install socratune again")


def in_force(configuration: Configuration, document: Document | None) -> Iterator[Check]:
    """Say which value holds for each setting, and who said it."""
    said, built_in = configuration.defaults, Settings()
    values: dict[str, object] = {
        "target": said.target,
        "optimizer": said.optimizer or "as the target",
        "judge": said.judge or "as the optimizer",
        "recipe": said.recipe or DEFAULT_RECIPE,
        "budget": caps_of(said.budget or DEFAULT_BUDGET),
        "concurrency": configuration.concurrency or built_in.concurrency,
    }
    places = dict(configuration.places)
    if document is not None:
        chosen = spoken_for(document, AS_WRITTEN, said)
        keys = ("target", "optimizer", "judge", "recipe")
        written: dict[str, object] = {key: getattr(chosen, key) for key in keys}
        written["budget"] = caps_of(chosen.budget) if chosen.budget else None
        for key in written.keys() & document.written.keys():
            values[key], places[key] = written[key], document.at(key)
    for key, value in values.items():
        if value is not None or key == "target":
            yield Check(name=key, ok=True, said=f"{value or 'none'} ({places.get(key, 'built in')})")


def _hosts(configuration: Configuration) -> Iterator[Check]:
    for url, variable in configuration.hosts.items():
        yield Check(name="host", ok=True, said=f"{url} gets the key in {variable}, which is {_there(variable)}")


def _calls(configuration: Configuration, document: Document | None, file: Path | None) -> Iterator[Check]:
    """Call each model that is named, once."""
    said = configuration.defaults
    chosen = said if document is None else spoken_for(document, AS_WRITTEN, said)
    specs = dict.fromkeys(filter(None, (chosen.target, chosen.optimizer, chosen.judge)))
    folder = Path.cwd() if file is None else Path(os.path.abspath(file)).parent
    if not specs:
        yield Check(name="call", ok=True, said="no model is named; give a task file or a default target")
    for spec in specs:
        yield _called(resolve_model(spec, folder))


def _called(spec: str) -> Check:
    name = f"call {spec}"
    if is_application(spec):
        return Check(name=name, ok=True, said="your application; a run calls it, nothing here does")
    if spec.startswith("sim:"):
        check_model(spec)
        return Check(name=name, ok=True, said="simulated; there is nothing to call")
    began = time.perf_counter()
    try:
        model = connect(spec, examples=(), seed=0)
        paid = asyncio.run(probe(model))
    except (BadInput, CallFailed) as error:
        return Check(name=name, ok=False, said=error.problem if isinstance(error, BadInput) else error.reason)
    took = time.perf_counter() - began
    price = model.price
    cost = (
        f"{paid.usd:.6f} USD at {price.input:g} in and {price.output:g} out a million" if price else "price not known"
    )
    return Check(
        name=name, ok=True, said=f"answered in {took:.2f} s, {paid.tokens_in + paid.tokens_out} tokens, {cost}"
    )


def _there(variable: str) -> str:
    return "set" if os.environ.get(variable) else "not set"


def _keys() -> Iterator[Check]:
    for key in KEYS:
        there = _there(key)
        needed = "" if there == "set" else "; fine unless a model of this provider is named"
        yield Check(name=key, ok=True, said=f"{there}{needed}")


def _writable(path: Path) -> Check:
    nearest = next(each for each in (path, *path.parents) if each.exists())
    ok = nearest.is_dir() and os.access(nearest, os.W_OK)
    if not ok:
        return Check(name="home", ok=False, said=f"{nearest} cannot be written to; pass --home with another folder")
    notes = [HOME_VARIABLE] if Path(os.path.abspath(os.environ.get(HOME_VARIABLE) or os.devnull)) == path else []
    notes += [] if path.exists() else ["made at the first run"]
    return Check(name="home", ok=True, said=f"{path} ({', '.join(notes)})" if notes else str(path))


def _memory(home: Home) -> Iterator[Check]:
    if not home.memory.exists():
        yield Check(name="memory", ok=True, said="empty: nothing was learned yet")
        return
    try:
        lessons = Lessons.open(home.memory)
        said = f"{len(lessons.all())} entries, {len(lessons.sealed_groups())} tested rows sealed"
        lessons.close()
    except sa.exc.DatabaseError as error:
        yield Check(
            name="memory", ok=False, said=f"{home.memory} cannot be read ({type(error).__name__}); move it away"
        )
        return
    yield Check(name="memory", ok=True, said=said)
    yield _index(home)


def _index(home: Home) -> Check:
    index = LessonIndex.open(home.path / "index")
    if index is None:
        return Check(name="index", ok=True, said="held by another process; this one would scan the memory instead")
    index.close()
    return Check(name="index", ok=True, said="free; it can be deleted at any time and is rebuilt")
