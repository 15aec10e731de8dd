"""Nulls: how often an improvement is claimed for two prompts that are equally good.

Run `python -m socratune.evals.nulls` for verdicts on random rewards. Whole runs on worlds in which no prompt is better
than the seed are a suite, `python -m socratune.evals.suite --worlds null-ideal,null-churn ...`, and in its tables.
"""

from __future__ import annotations

import numpy as np
import typer

from socratune.tools.statistics import ALPHA, compare

FEWEST_ROWS, MOST_ROWS = 12, 250


def main(verdicts: int = 20_000) -> None:
    """Print how often equally good prompts were called an improvement."""
    claimed = false_claims(verdicts)
    rate = claimed / max(1, verdicts)
    typer.echo(f"synthetic verdicts: {claimed} of {verdicts} improved (rate {rate:.4f}, nominal {ALPHA})")


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


if __name__ == "__main__":
    typer.run(main)
