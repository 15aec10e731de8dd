"""Whether a judge can stand in for people: how its grades agree with theirs on the same outputs.

Pure functions of numbers. Intervals are at 90 %: exact for shares (Clopper and Pearson, 1934), normal for the bias.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from socratune.tools.statistics import ALPHA, clopper_pearson, interval

FEWEST = 20
"""Outputs below which nothing is said of trust."""
SUBSTANTIAL, MODERATE = 0.6, 0.4
"""Kappa from which agreement is called so by Landis and Koch (1977)."""
CLOSE, LOOSE = 0.7, 0.5
"""Correlations that stand for the same where people give grades between 0 and 1."""
MIDDLE = 0.5
"""Grade from which an output passes, where grades lie between 0 and 1."""

Trust = Literal["trusted", "with_care", "not_trusted", "too_few"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """So many of so many, with its interval."""

    hits: int
    of: int
    low: float
    high: float

    @classmethod
    def count(cls, hits: int, of: int) -> Share:
        """Return the share; of nothing it may be anything."""
        low, high = clopper_pearson(hits, of, ALPHA)
        return cls(hits=hits, of=of, low=low, high=high)

    @property
    def value(self) -> float | None:
        """In [0, 1]; None of nothing."""
        return self.hits / self.of if self.of else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How a judge's grades agree with people's."""

    n: int
    accuracy: Share
    """Same side of the pass mark."""
    kappa: float | None
    """Cohen's, for grades of 0 and 1; None for others, and where all are the same."""
    correlation: float | None
    """Pearson's, for grades between 0 and 1; None for others, and where all are the same."""
    false_pass: Share
    """Of what people failed, what the judge passed."""
    false_fail: Share
    """Of what people passed, what the judge failed."""
    bias: float
    """Mean of the judge's grades less people's, in [-1, 1]."""
    bias_low: float
    bias_high: float

    @property
    def trust(self) -> Trust:
        """Whether the judge can stand in for people."""
        if self.n < FEWEST:
            return "too_few"
        if self.correlation is not None:
            return _trust(self.correlation, CLOSE, LOOSE)
        return _trust(self.kappa or 0.0, SUBSTANTIAL, MODERATE)


def _trust(found: float, much: float, some: float) -> Trust:
    return "trusted" if found >= much else "with_care" if found >= some else "not_trusted"


def agreement(people: Sequence[float], judge: Sequence[float]) -> Agreement:
    """Compare two grades of each output, in [0, 1] and in one order.

    When people give 0 and 1 alone, the judge passes what meets every criterion, and nothing between counts.
    """
    binary = set(people) <= {0, 1}
    mark = 1.0 if binary else MIDDLE
    passed = [(theirs >= mark, its >= mark) for theirs, its in zip(people, judge, strict=True)]
    wanted, given = [theirs for theirs, _ in passed], [its for _, its in passed]
    differences = [
        float(its) - float(theirs) for theirs, its in (passed if binary else zip(people, judge, strict=True))
    ]
    low, high = interval(differences)
    return Agreement(
        n=len(passed),
        accuracy=Share.count(sum(theirs == its for theirs, its in passed), len(passed)),
        kappa=_kappa(wanted, given) if binary else None,
        correlation=None if binary else _correlation(people, judge),
        false_pass=Share.count(sum(its and not theirs for theirs, its in passed), wanted.count(False)),
        false_fail=Share.count(sum(theirs and not its for theirs, its in passed), wanted.count(True)),
        bias=math.fsum(differences) / len(differences) if differences else 0.0,
        bias_low=low,
        bias_high=high,
    )


def _kappa(wanted: Sequence[bool], given: Sequence[bool]) -> float | None:
    """Agreement beyond what chance alone would bring (Cohen, 1960)."""
    n = len(wanted)
    if not n:
        return None
    same = sum(a == b for a, b in zip(wanted, given, strict=True)) / n
    chance = sum(wanted.count(side) * given.count(side) for side in (True, False)) / n**2
    return None if chance == 1 else (same - chance) / (1 - chance)


def _correlation(people: Sequence[float], judge: Sequence[float]) -> float | None:
    means = [math.fsum(side) / len(side) for side in (people, judge)]
    theirs, its = ([value - mean for value in side] for side, mean in zip((people, judge), means, strict=True))
    size = math.hypot(*theirs) * math.hypot(*its)
    return math.fsum(a * b for a, b in zip(theirs, its, strict=True)) / size if size else None


def sentences(found: Agreement) -> tuple[str, ...]:
    """Put an agreement into words: how far the judge can be trusted, and which way it leans."""
    return (_trusted(found), _leaning(found))


def _trusted(found: Agreement) -> str:
    measure = f"kappa {found.kappa:.2f}" if found.kappa is not None else "no kappa, since all grades are the same"
    measure = measure if found.correlation is None else f"correlation {found.correlation:.2f}"
    said = {
        "too_few": f"Too few to say: {found.n} graded outputs, {FEWEST} are the least ({measure}).",
        "trusted": f"This judge can stand in for people ({measure}).",
        "with_care": f"Trust this judge with care: it sees much as people do, and much not ({measure}).",
        "not_trusted": f"Do not trust this judge: it hardly agrees with people beyond chance ({measure}). "
        "Mend the rubric, or take another judge.",
    }
    return said[found.trust]


def _leaning(found: Agreement) -> str:
    points, low, high = (round(abs(value) * 100) for value in (found.bias, found.bias_low, found.bias_high))
    if found.bias_low <= 0 <= found.bias_high:
        return f"No bias is shown: its grades differ from people's by {points} points on average."
    kind, side = ("lenient", "higher") if found.bias > 0 else ("strict", "lower")
    ends = f"{min(low, high)} to {max(low, high)}"
    return f"It is {kind}: its grades are {points} points {side} on average (90 % interval {ends})."


def contradictions(agreed: int, contradicted: int) -> tuple[str, ...]:
    """Say how often a judge that was shown pairs in both orders chose another in the other one; nothing for never."""
    pairs = agreed + contradicted
    if not contradicted:
        return ()
    share = round(100 * contradicted / pairs)
    return (f"the judge contradicted itself on {share} % of pairs ({contradicted} of {pairs}), which count as ties",)
