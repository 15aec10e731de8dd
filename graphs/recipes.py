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


def recipe_named(name: str) -> Recipe:
    """Return a recipe. Raises `BadInput` with the nearest name when there is none."""
    if name in RECIPES:
        return RECIPES[name]
    near = difflib.get_close_matches(name, RECIPES, n=1)
    cure = f"did you mean {near[0]!r}?" if near else f"known recipes: {', '.join(RECIPES)}"
    raise BadInput(f"unknown recipe {name!r}", cure=cure)
