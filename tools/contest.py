"""Several arms on the same rows: which of them is proven to be the best, and which beat a baseline.

An arm's score of a row is its mean over the arm's seeds, so the row stays the unit. Whoever is looked at because of
its score is tested on both sides, and all tests that are made together are adjusted together. That makes up for the
number of tests, and not wholly for the choice of the best by the same rows: what holds is the claim of a winner, which
needs every duel, and that an arm beats a baseline; a single duel between arms is a little optimistic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from socratune.memory.records import ExampleId, Verdict
from socratune.tools.statistics import ALPHA, compare

Scores = Mapping[ExampleId, float]
"""Rewards in [0, 1] by row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duel:
    """One arm against another, on the rows that both were scored on."""

    one: str
    other: str
    verdict: Verdict
    """Of `one` over `other`; its p is one-sided."""
    p: float
    """What the duel is judged by, before the adjustment."""
    adjusted: float
    """For being one of several (Holm, 1979). Against a baseline such a p holds for all duels together.

    Between arms it is a little small, for the best was chosen by the rows that judge it: of three equal arms about 6 %
    of contests have a duel at .05 or less, of five about 9 %. That all are so small, as a winner needs, is far rarer.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """The arm with the best mean against each of the others."""

    best: str
    duels: tuple[Duel, ...]
    alpha: float

    @property
    def winner(self) -> str | None:
        """The best arm, when it beats every other; None without one, or when there is nobody to beat."""
        return self.best if self.duels and all(duel.adjusted <= self.alpha for duel in self.duels) else None


def holm(values: Sequence[float]) -> tuple[float, ...]:
    """Return p values adjusted for being several, in their order: never below the given ones, never above 1.

    S. Holm, A simple sequentially rejective multiple test procedure, 1979.
    """
    order = sorted(range(len(values)), key=values.__getitem__)
    adjusted, largest = [0.0] * len(values), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, values[index] * (len(values) - rank)))
        adjusted[index] = largest
    return tuple(adjusted)


def averaged(runs: Sequence[Scores]) -> dict[ExampleId, float]:
    """Return each row's mean over the runs, for the rows that all of them were scored on, in the first one's order."""
    if not runs:
        return {}
    return {row: fmean(run[row] for run in runs) for row in runs[0] if all(row in run for run in runs)}


def contest(arms: Mapping[str, Scores], *, alpha: float = ALPHA) -> Contest:
    """Hold the arm with the best mean against each other one. Of equal arms the first is taken; there must be one.

    The best is the best because of these very rows, so each p is two-sided and the intervals are as wide.
    """
    rows = set.intersection(*(set(scores) for scores in arms.values()))
    means = {name: fmean([scores[row] for row in scores if row in rows] or [0.0]) for name, scores in arms.items()}
    best = max(means, key=means.__getitem__)
    verdicts = {name: _verdict(arms[best], arms[name], alpha / 2) for name in arms if name != best}
    values = {name: min(1.0, 2 * verdict.p) for name, verdict in verdicts.items()}
    duels = tuple(
        Duel(one=best, other=name, verdict=verdicts[name], p=values[name], adjusted=adjusted)
        for name, adjusted in zip(values, holm(list(values.values())), strict=True)
    )
    return Contest(best=best, duels=duels, alpha=alpha)


def gains(arms: Mapping[str, Scores], baseline: Scores, *, name: str, alpha: float = ALPHA) -> tuple[Duel, ...]:
    """Say of each arm whether it beats a baseline, which was there before any row was looked at: one-sided."""
    verdicts = {arm: _verdict(scores, baseline, alpha) for arm, scores in arms.items()}
    adjusted = holm([verdict.p for verdict in verdicts.values()])
    return tuple(
        Duel(one=arm, other=name, verdict=verdict, p=verdict.p, adjusted=each)
        for (arm, verdict), each in zip(verdicts.items(), adjusted, strict=True)
    )


def _verdict(one: Scores, other: Scores, alpha: float) -> Verdict:
    shared = [row for row in other if row in one]
    return compare([other[row] for row in shared], [one[row] for row in shared], alpha=alpha)
