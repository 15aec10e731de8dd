"""Runs that are removed by hand or by age. What they taught, and which rows they tested, stays in the home's memory."""

from __future__ import annotations

import re
from collections.abc import Iterable

from socratune.listing import GOING_ON, Entry, entries
from socratune.memory.errors import BadInput
from socratune.memory.runs import Home

KEPT = "Their lessons stay in memory, and the rows that they tested stay sealed: no later run trains on them."
SECONDS = {"h": 3_600, "d": 86_400, "w": 7 * 86_400}


def seconds_of(age: str) -> int:
    """Read `30d`, `12h` or `4w`."""
    found = re.fullmatch(r"(\d{1,6})([hdw])", age.strip())
    if found is None:
        raise BadInput(f"{age!r} is no age", place="--older-than", cure="write 30d, 12h or 4w")
    return int(found[1]) * SECONDS[found[2]]


def named(home: Home, names: Iterable[str]) -> list[Entry]:
    """Return the runs that are named, newest first. Raises `BadInput` when a name is not that of a single run."""
    folders = [home.run(name) for name in names]
    for folder in folders:
        if folder.compare is not None:
            cure = f"delete all of it by hand: {folder.compare.path}"
            raise BadInput("a run of a compare is not removed alone", place=folder.name, cure=cure)
    wanted = {folder.id for folder in folders}
    return [entry for entry in entries(home) if entry.run in wanted]


def outdated(home: Home, older_than: str) -> tuple[list[Entry], list[Entry]]:
    """Return the finished runs that are older, and those that are older and not finished, which are kept."""
    seconds = seconds_of(older_than)
    old = [entry for entry in entries(home) if entry.age > seconds]
    return [e for e in old if e.status not in GOING_ON], [e for e in old if e.status in GOING_ON]


def remove(home: Home, gone: Iterable[Entry]) -> None:
    """Delete runs, each while it is held. Raises `RunOwned` when another process works on one; that one stays."""
    for entry in gone:
        folder = home.run(entry.run)
        with folder.held():
            home.forget_run(folder)
