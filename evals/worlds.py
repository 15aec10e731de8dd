"""Four worlds, two optimizers, ten seeds: ours beside the control arm, at the same budget.

Run `python -m socratune.evals.worlds` for the table; `--seeds` and `--rollouts` change the size.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, median, stdev

import typer
from rich.table import Table
from scipy import stats

from socratune.evals.arms import ARMS, Outcome, Trial, run
from socratune.evals.results import CAVEAT, cells, complete, console

WORLDS = ("ticket-routing", "moderation", "invoices", "house-arithmetic")
STRENGTHS = ("strong", "weak")
CONFIDENCE = 0.95


def main(
    seeds: int = 10, rollouts: int = 600, processes: int = 2, out: Path = Path("build/evals/worlds.jsonl")
) -> None:
    """Run what `out` does not have yet and print the table."""
    trials = [
        Trial(arm=arm, world=world, strength=strength, seed=seed, rollouts=rollouts)
        for strength in STRENGTHS
        for world in WORLDS
        for arm in ARMS
        for seed in range(seeds)
    ]
    outcomes = complete(trials, out, run=run, processes=processes)
    screen = console()
    screen.print(table(outcomes, title=f"{seeds} seeds, {rollouts} rollouts; exact expected accuracy, mean ± sd"))
    for strength in STRENGTHS:
        screen.print(comparison([o for o in outcomes if o.trial.strength == strength], strength))
    screen.print(CAVEAT)


def table(outcomes: Sequence[Outcome], *, title: str) -> Table:
    """Return one row for each strength, world and arm."""
    drawn = Table(title=title)
    for column in ("optimizer", "world", "arm", "seed", "best", "returned", "ideal", "search calls", "improved"):
        drawn.add_column(column, justify="left" if column in ("optimizer", "world", "arm") else "right")
    for (strength, world, arm), cell in cells(outcomes):
        drawn.add_row(
            strength,
            world,
            arm,
            f"{fmean(o.seed for o in cell):.3f}",
            _spread([o.best for o in cell]),
            _spread([o.returned for o in cell]),
            f"{fmean(o.ideal for o in cell):.3f}",
            f"{median(o.search_calls for o in cell):.0f}",
            f"{sum(o.status == 'improved' for o in cell)}/{len(cell)}" if arm == "socratune" else "-",
        )
    return drawn


def comparison(outcomes: Sequence[Outcome], strength: str) -> str:
    """Return ours against the control, paired by world and seed, and each as a share of the ideal."""
    by_arm = {arm: {_pair(o): o for o in outcomes if o.trial.arm == arm} for arm in ARMS}
    ours, control = by_arm["socratune"], by_arm["control"]
    shares = {arm: fmean(o.best / o.ideal for o in by_arm[arm].values()) for arm in ARMS}
    gains = [ours[pair].best - control[pair].best for pair in ours]
    low, high = stats.t.interval(CONFIDENCE, len(gains) - 1, loc=fmean(gains), scale=stats.sem(gains))
    return (
        f"{strength}: socratune {shares['socratune']:.3f} of the ideal, control {shares['control']:.3f}; "
        f"paired difference {fmean(gains):+.3f} (95 % interval {low:+.3f} to {high:+.3f}, {len(gains)} pairs)"
    )


def _pair(outcome: Outcome) -> tuple[str, int]:
    return outcome.trial.world, outcome.trial.seed


def _spread(values: Sequence[float]) -> str:
    return f"{fmean(values):.3f} ± {stdev(values):.3f}" if len(values) > 1 else f"{fmean(values):.3f}"


if __name__ == "__main__":
    typer.run(main)
