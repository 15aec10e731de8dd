"""Which rows the runs of a home have tested on, and what that leaves for the next."""

from __future__ import annotations

from collections.abc import Sequence

from socratune.memory.lessons import Lessons
from socratune.memory.runs import Home


def sealed_groups(home: Home) -> frozenset[str]:
    """Return the fingerprints of all rows that a run tested on."""
    if not home.memory.exists():
        return frozenset()
    lessons = Lessons.open(home.memory)
    try:
        return lessons.sealed_groups()
    finally:
        lessons.close()


def look_at(home: Home, groups: Sequence[str], rows: int) -> int:
    """Return the number of the look at this many of the test rows, fresh ones first, counted from 1."""
    sealed = sealed_groups(home) & set(groups)
    if sum(group not in sealed for group in groups) >= rows:
        return 1
    lessons = Lessons.open(home.memory)
    try:
        return 1 + lessons.looks(sealed)
    finally:
        lessons.close()
