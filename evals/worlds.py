"""Which group of the tables a world is in, and what tells one state of a world from another."""

from __future__ import annotations

from functools import cache

from socratune.memory.records import digest
from socratune.tools.simulator.builtin import FROZEN, NULLS
from socratune.tools.simulator.own_rows import own_rows
from socratune.tools.simulator.world import load_world

STRENGTHS = ("strong", "weak")
"""Of the simulated optimizer."""


@cache
def world_hash(name: str) -> str:
    """Return a hash of a world and its rows: outcomes in another state of the world are outcomes of another world."""
    world = load_world(name)
    rows = [[row.id, dict(row.inputs), row.expected] for row in own_rows(world)]
    return digest([repr(world.file), rows])


def group_of(world: str) -> str:
    """Return `open`, `frozen` or `null`; a world that is none of ours is open."""
    return "null" if world in NULLS else "frozen" if world in FROZEN else "open"
