"""Recipes: one value for each slot. Adding one touches no other file."""

from __future__ import annotations

import difflib

from socratune.memory.errors import BadInput
from socratune.memory.records import Recipe

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="auto",
            proposer="socratic",
            search="greedy",
            moves=1,
            patience=5,
        ),
    )
}
METHODS = frozenset(
    [
        "ape",
        "capo",
        "evoprompt",
        "gepa",
        "ipc",
        "mars",
        "miprov2",
        "opro",
        "pe2",
        "plum",
        "promptagent",
        "promptwizard",
        "protegi",
        "spo",
        "textgrad",
    ]
)
"""Published methods that people know by name, whether or not there is a recipe for each."""


def refuse_method(spec: str) -> None:
    """Raise `BadInput` when a recipe or a method is named where a model belongs."""
    name = spec.strip().lower()
    if name in RECIPES:
        raise BadInput(f"{spec!r} is a recipe, not a model", cure=f"write --recipe {name}")
    if name in METHODS:
        problem = f"{spec!r} is a recipe, not a model, and this version has no recipe of that name"
        raise BadInput(problem, cure=f"known recipes: {', '.join(RECIPES)}")


def recipe_named(name: str) -> Recipe:
    """Return a recipe. Raises `BadInput` with the nearest name when there is none."""
    if name in RECIPES:
        return RECIPES[name]
    near = difflib.get_close_matches(name, RECIPES, n=1)
    cure = f"did you mean {near[0]!r}?" if near else f"known recipes: {', '.join(RECIPES)}"
    raise BadInput(f"unknown recipe {name!r}", cure=cure)
