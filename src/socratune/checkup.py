"""What `doctor` looks at. Of keys it says whether they are there, never what they are."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import sqlalchemy as sa

from socratune.memory.index import LessonIndex
from socratune.memory.lessons import Lessons
from socratune.memory.runs import Home

PACKAGES = ("socratune", "langgraph", "chromadb", "langchain-core", "pydantic", "sqlalchemy", "typer", "rich")
KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    said: str


def checkup(home: Home) -> list[Check]:
    """Look at everything; changes nothing."""
    return [*_versions(), *_keys(), _writable(home.path), *_memory(home)]


def _versions() -> Iterator[Check]:
    yield Check(name="python", ok=True, said=platform.python_version())
    for package in PACKAGES:
        try:
            yield Check(name=package, ok=True, said=version(package))
        except PackageNotFoundError:
            yield Check(name=package, ok=False, said="not installed; install socratune again")


def _keys() -> Iterator[Check]:
    for key in KEYS:
        there = "set" if os.environ.get(key) else "not set; sim: models need none"
        yield Check(name=key, ok=True, said=there)


def _writable(path: Path) -> Check:
    nearest = next(each for each in (path, *path.parents) if each.exists())
    ok = nearest.is_dir() and os.access(nearest, os.W_OK)
    said = str(path) if ok else f"{nearest} cannot be written to; pass --home with another folder"
    return Check(name="home", ok=ok, said=said if path.exists() or not ok else f"{path} (made at the first run)")


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
