"""The rows that come with a world: what is right for them is known where nobody has labelled them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from socratune.memory.errors import BadInput
from socratune.memory.records import Example
from socratune.tools.assertions import judgements
from socratune.tools.datasets import columns, load
from socratune.tools.simulator.world import BUILTIN, World


def rows_at(path: Path, world: World) -> tuple[Example, ...]:
    """Read rows in the columns of a world's task."""
    expected = world.task.expected
    inputs = world.task.inputs or tuple(name for name in columns(path) if name != expected)
    return load(path, inputs=inputs, expected=expected)


def own_rows(world: World) -> tuple[Example, ...]:
    """Return the rows that come with a world. Raises `BadInput` when there are none."""
    beside = Path(world.name).parent if world.name.endswith((".yaml", ".yml")) else BUILTIN
    places = [folder / world.task.data for folder in (beside, BUILTIN)] if world.task.data else []
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise BadInput("the world brings no rows", place=world.name, cure="give them with --data")
    return rows_at(found, world)


def right_answer(inputs: Iterable[str], world: World) -> str | None:
    """Return what is right for a row, by the values of its inputs; None when the world does not know the row."""
    return _answers(world).get(tuple(sorted(inputs)))


def labelled(examples: Sequence[Example], world: World) -> tuple[Example, ...]:
    """Return the examples, those that have no label, or a rubric in its place, with the world's own if it has one."""
    return tuple(
        replace(row, expected=right_answer(row.inputs.values(), world) or row.expected)
        if not row.expected or judgements(row)
        else row
        for row in examples
    )


@cache
def _answers(world: World) -> Mapping[tuple[str, ...], str]:
    try:
        return {tuple(sorted(row.inputs.values())): row.expected for row in own_rows(world)}
    except BadInput:
        return {}
