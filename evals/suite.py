"""Recipes on worlds with both optimizers and many seeds, every run with the same number of search calls.

Run `python -m socratune.evals.suite --out results/FILE.jsonl`; stopped and started again it runs what the file does
not have. `python -m socratune.evals.tables results/FILE.jsonl` prints the tables.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from socratune.evals.arms import Trial, run
from socratune.evals.results import complete
from socratune.evals.worlds import STRENGTHS
from socratune.graphs.recipes import RECIPES
from socratune.tools.simulator.builtin import FROZEN, OPEN

LISTED = "Names with commas between them."


def main(
    *,
    out: Annotated[Path, typer.Option(help="One JSON line a run; read again by the next start.")],
    worlds: Annotated[str, typer.Option(help=LISTED)] = ",".join((*OPEN, *FROZEN)),
    recipes: Annotated[str, typer.Option(help=LISTED)] = ",".join(RECIPES),
    strengths: Annotated[str, typer.Option(help=LISTED)] = ",".join(STRENGTHS),
    seeds: int = 10,
    calls: int = 600,
) -> None:
    """Run what `out` does not have yet."""
    trials = trials_of(_listed(worlds), _listed(recipes), strengths=_listed(strengths), seeds=seeds, calls=calls)
    for number, outcome in enumerate(complete(trials, out, run=run), start=1):
        trial = outcome.trial
        said = f"{trial.recipe} on {trial.world}, {trial.strength}, seed {trial.seed}"
        typer.echo(f"{number}: {said}: {outcome.status}, {outcome.best:.3f} of {outcome.ideal:.3f}")


def trials_of(
    worlds: Sequence[str], recipes: Sequence[str], *, strengths: Sequence[str] = STRENGTHS, seeds: int, calls: int
) -> list[Trial]:
    """Return all trials: seed by seed, so that a suite that is stopped has compared all recipes on what it has."""
    every = itertools.product(range(seeds), worlds, strengths, recipes)
    return [
        Trial.of(recipe, world, strength=strength, seed=seed, calls=calls) for seed, world, strength, recipe in every
    ]


def _listed(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]


if __name__ == "__main__":
    typer.run(main)
