"""Nulls: how often an improvement is claimed where there is none to be had.

Run `python -m socratune.evals.nulls`. Two worlds in which no prompt is better than the seed, run whole; and verdicts on
random rewards of two prompts that are equally good.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import typer

from socratune.evals.arms import Outcome, Trial, run
from socratune.evals.results import CAVEAT, cells, complete, console
from socratune.tools.statistics import ALPHA, compare

WORLDS = ("null-ideal", "null-churn")
FEWEST_ROWS, MOST_ROWS = 12, 250


def main(
    seeds: int = 40,
    verdicts: int = 20_000,
    rollouts: int = 600,
    processes: int = 2,
    out: Path = Path("build/evals/nulls.jsonl"),
) -> None:
    """Print how often each null was called an improvement."""
    trials = [
        Trial(arm="socratune", world=world, strength="strong", seed=seed, rollouts=rollouts)
        for world in WORLDS
        for seed in range(seeds)
    ]
    outcomes = complete(trials, out, run=run, processes=processes)
    screen = console()
    for (_, world, _), cell in cells(outcomes):
        screen.print(f"{world}: {_improved(cell)} of {len(cell)} improved")
    screen.print(f"both worlds: {_improved(outcomes)} of {len(outcomes)} improved")
    claimed = false_claims(verdicts)
    rate = claimed / max(1, verdicts)
    screen.print(f"synthetic verdicts: {claimed} of {verdicts} improved (rate {rate:.4f}, nominal {ALPHA})")
    screen.print(CAVEAT)


def false_claims(count: int, *, seed: int = 0) -> int:
    """Return how many of `count` verdicts on two equally good prompts say `improved`.

    Accuracy, rows and the share of rows on which the two differ vary from verdict to verdict.
    """
    draw = np.random.default_rng(seed)
    return sum(_null_verdict(draw) for _ in range(count))


def _null_verdict(draw: np.random.Generator) -> bool:
    rows = int(draw.integers(FEWEST_ROWS, MOST_ROWS + 1))
    accuracy, redrawn = draw.uniform(0.2, 0.95), draw.uniform(0.05, 1.0)
    old = draw.random(rows) < accuracy
    new = np.where(draw.random(rows) < redrawn, draw.random(rows) < accuracy, old)
    return compare([float(x) for x in old], [float(x) for x in new]).status == "improved"


def _improved(outcomes: list[Outcome]) -> int:
    return sum(outcome.status == "improved" for outcome in outcomes)


if __name__ == "__main__":
    typer.run(main)
