"""The rows that come with a world: what is right for them is known where nobody has labelled them, or not rightly."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Protocol

from socratune.memory.errors import BadInput
from socratune.memory.records import Example
from socratune.tools.assertions import judgements
from socratune.tools.datasets import columns, load
from socratune.tools.simulator.builtin import BUILTIN
from socratune.tools.simulator.world_file import WorldFile


class Placed(Hashable, Protocol):
    """A world, as far as its rows are concerned."""

    @property
    def name(self) -> str:
        """A builtin name, or the path it was read from."""

    @property
    def file(self) -> WorldFile:
        """What stands in its file."""


def rows_at(path: Path, world: Placed) -> tuple[Example, ...]:
    """Read rows in the columns of a world's task, each with what is truly right for it."""
    found = columns(path)
    labels = [name for name in (world.file.truth, world.file.task.expected) if name is not None]
    expected = next((name for name in labels if name in found), labels[-1])
    inputs = world.file.task.inputs or tuple(name for name in found if name not in labels)
    return load(path, inputs=inputs, expected=expected)


def own_rows(world: Placed) -> tuple[Example, ...]:
    """Return the rows that come with a world. Raises `BadInput` when there are none."""
    data = world.file.task.data
    beside = Path(world.name).parent if world.name.endswith((".yaml", ".yml")) else BUILTIN
    places = [folder / data for folder in (beside, BUILTIN)] if data else []
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise BadInput("the world brings no rows", place=world.name, cure="give them with --data")
    return rows_at(found, world)


def key_of(inputs: Iterable[str]) -> tuple[str, ...]:
    """Return by what a row is known: the values of its inputs, in whatever order they come."""
    return tuple(sorted(inputs))


def right_answer(inputs: Iterable[str], world: Placed) -> str | None:
    """Return what is right for a row, by the values of its inputs; None when the world does not know the row."""
    return _answers(world).get(key_of(inputs))


def labelled(examples: Sequence[Example], world: Placed) -> tuple[Example, ...]:
    """Return the examples with what is right for them, as far as the world knows it better.

    It does for those that have no label, or a rubric in its place, and for all where labels may be wrong.
    """
    return tuple(
        replace(row, expected=right_answer(row.inputs.values(), world) or row.expected)
        if not row.expected or world.file.truth is not None or judgements(row)
        else row
        for row in examples
    )


@cache
def _answers(world: Placed) -> Mapping[tuple[str, ...], str]:
    try:
        return {key_of(row.inputs.values()): row.expected for row in own_rows(world)}
    except BadInput:
        return {}
