"""`compare`: several recipes on one task, at equal cost."""

# ruff: noqa: PLC0415  # what is heavy is imported by the command that needs it, so that --help answers at once

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import typer

from socratune.commands.optimize import ordered
from socratune.options import Choices, Pace, TaskFile, Trusting

Recipes = Annotated[str, typer.Option(metavar="A,B,...", help="Methods of the search to compare.")]


@dataclass(frozen=True, kw_only=True)
class Design:
    """How often each recipe runs, and against which control."""

    seeds: Annotated[int, typer.Option(min=1, help="Runs of each, with the seeds from --seed on.")] = 3
    control: Annotated[
        Literal["shuffled-errors"] | None,
        typer.Option(help="Also run each recipe that learns from errors on ones whose inputs were exchanged."),
    ] = None


def compare(file: TaskFile, choices: Choices, pace: Pace, manner: Trusting, recipes: Recipes, design: Design) -> None:
    """Run several recipes on the same rows with the same budget each, and say which is proven to be better."""
    from socratune.comparing import start
    from socratune.comparisons import arms_of
    from socratune.memory.errors import BadInput

    if choices.recipe is not None:
        raise BadInput("a compare takes several", place="--recipe", cure="write --recipes")
    arms = arms_of(recipes, shuffled=design.control is not None)
    start(ordered(file, choices, pace, manner), arms, range(pace.seed, pace.seed + design.seeds), manner)
