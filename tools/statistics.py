"""What paired rewards prove: verdicts with their intervals, and the power to reach one.

Pure functions of numbers. Nothing here knows what a prompt or a model is, and nothing is random but the sign flips of
the permutation test, which come from a seed. The unit is the row: both sides are always scored on the same rows.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.stats import beta, binom

from socratune.memory.records import Verdict

ALPHA = 0.05
"""One-sided error rate of the first look."""
PROMISING = 0.20
"""Largest p that is still called promising."""
BROKEN = 0.05
"""Share of rows that an edit is assumed to break when power is computed."""
DRAWS = 10_000
"""Random sign flips of the permutation test; the observed arrangement is counted in addition."""
UNIT = 1e9
"""Graded rewards are compared as whole multiples of 1e-9, so that equal sums are equal."""
BINARY = "mcnemar-midp"
"""The test of rows that are right or wrong; any other is of graded rewards."""
CELLS = 4_000_000
"""Sign flips held in memory at once."""

Numbers = npt.NDArray[np.float64]


class _Outcome(NamedTuple):
    """What one test says, before it is put into words. Both limits are at one-sided alpha."""

    p: float
    chance: float
    low: float
    high: float


def compare(pairs_a: Sequence[float], pairs_b: Sequence[float], *, alpha: float = ALPHA, rng_seed: int = 0) -> Verdict:
    """Say whether the candidate (`pairs_b`) beats the baseline (`pairs_a`) on the same rows, in the same order.

    Rewards of 0 and 1 take the mid-p McNemar test, others a paired sign-flip permutation test. The interval inverts
    the test that gives p, so its low end is above 0 exactly when p <= alpha. No rows: nothing is proven or ruled out.
    """
    scaled = np.rint((np.asarray(pairs_b, dtype=float) - np.asarray(pairs_a, dtype=float)) * UNIT)
    n, wins, losses = len(scaled), int((scaled > 0).sum()), int((scaled < 0).sum())
    binary = {*pairs_a, *pairs_b} <= {0, 1}
    # Beside a baseline of one half, as pairs have it, a row that changes moves by one half at most.
    reach = max((max(reward, 1 - reward) for reward in pairs_a), default=1.0)
    outcome = _mcnemar(wins, losses, n, alpha) if binary or not wins + losses else _permutation(scaled, alpha, rng_seed)
    return Verdict(
        status=_status(outcome.p, alpha),
        n=n,
        difference=float(scaled.mean() / UNIT) if n else 0.0,
        low=outcome.low,
        high=outcome.high,
        wins=wins,
        losses=losses,
        p=outcome.p,
        alpha=alpha,
        method=BINARY if binary else "permutation",
        detectable=detectable(n, alpha=alpha) * reach,
        chance=outcome.chance,
    )


def alpha_for_look(look: int) -> float:
    """Return the error rate of the look, counted from 1: all looks together spend less than twice the first."""
    return math.ldexp(ALPHA, 1 - look)


def looked_before(alpha: float) -> str:
    """Say what it means that some of the rows were tested on before."""
    width = _percent(1 - 2 * alpha)
    return (
        f"An earlier run tested on some of these rows, so this look may err with a chance of {alpha:g} instead of "
        f"{ALPHA:g}, and its interval is the wider {width} one"
    )


def _status(p: float, alpha: float) -> Literal["improved", "promising", "no_improvement"]:
    if p <= alpha:
        return "improved"
    return "promising" if p <= PROMISING else "no_improvement"


def _mcnemar(wins: int, losses: int, n: int, alpha: float) -> _Outcome:
    """Test and interval for rewards of 0 and 1: mid-p McNemar, inverted, times the share of rows that differ.

    The two intervals are joined by MOVER for a product (Zou and Donner, 2008). The sign of the result is the sign of
    the test: for a lower gain L > 0, (d(g-L))^2 + (L(d-d_low))^2 < (d(g-L))^2 + (dL)^2 <= (dg)^2, as 0 < L <= g.
    """
    differing = wins + losses
    share = differing / n if n else 0.0
    share_low, share_high = clopper_pearson(differing, n, alpha)
    gain = (wins - losses) / differing if differing else 0.0
    gain_low, gain_high = _gain_limit(wins, differing, alpha), -_gain_limit(losses, differing, alpha)
    end_low = share_low if gain_low > 0 else share_high
    end_high = share_high if gain_high > 0 else share_low
    low = share * gain - math.hypot(share * (gain - gain_low), gain_low * (share - end_low))
    high = share * gain + math.hypot(share * (gain_high - gain), gain_high * (end_high - share))
    return _Outcome(
        p=_mid_p(wins, differing, 0.5),
        chance=float(binom.sf(wins - 1, differing, 0.5)),
        low=max(low, -1.0),
        high=min(high, 1.0),
    )


def _mid_p(wins: int, differing: int, theta: float) -> float:
    """P(X > wins) + P(X = wins) / 2 for X ~ Binomial(differing, theta); 0.5 when no row differs."""
    return float((binom.sf(wins, differing, theta) + binom.sf(wins - 1, differing, theta)) / 2)


def _gain_limit(wins: int, differing: int, alpha: float) -> float:
    """Lower limit of 2 * theta - 1, where theta is the chance that a differing row is a win; -1 without wins."""
    if not wins:
        return -1.0
    theta = brentq(lambda theta: _mid_p(wins, differing, theta) - alpha, 0.0, 1.0)
    return 2 * float(theta) - 1


def clopper_pearson(hits: int, n: int, alpha: float) -> tuple[float, float]:
    """Return the exact limits of a share, each at one-sided alpha; 0 and 1 of nothing."""
    low = float(beta.ppf(alpha, hits, n - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1 - alpha, hits + 1, n - hits)) if hits < n else 1.0
    return low, high


def _permutation(scaled: Numbers, alpha: float, rng_seed: int) -> _Outcome:
    """Test and interval for graded rewards, by flipping the signs of the paired differences.

    An arrangement reaches the observed sum under a shift exactly when the mean of its flipped rows is at most that
    shift. So the ends of the interval are order statistics of those means (Hartigan, 1969): no search is needed.
    """
    sums, sizes = _flipped(scaled, rng_seed)
    means = np.divide(sums, sizes, out=np.zeros_like(sums), where=sizes > 0) / UNIT
    # A draw that flips nothing is the observed arrangement: it reaches the sum whatever the shift.
    downward = np.sort(np.where(sizes > 0, means, -np.inf))
    upward = np.sort(np.where(sizes > 0, -means, -np.inf))
    p = (1 + int((downward <= 0).sum())) / (DRAWS + 1)
    spared = math.floor(alpha * (DRAWS + 1)) - 1
    low, high = (float(ends[spared]) if spared >= 0 else -1.0 for ends in (downward, upward))
    return _Outcome(p=p, chance=p, low=max(low, -1.0), high=min(-high, 1.0))


def _flipped(scaled: Numbers, rng_seed: int) -> tuple[Numbers, Numbers]:
    """Return the sum and the number of the flipped rows, one of each per draw. Sums of whole numbers are exact."""
    rng = np.random.default_rng(rng_seed)
    block = max(1, CELLS // len(scaled))
    columns = np.stack([scaled, np.ones_like(scaled)], axis=1)
    parts = [
        rng.integers(0, 2, size=(min(block, DRAWS - start), len(scaled)), dtype=np.uint8).astype(float) @ columns
        for start in range(0, DRAWS, block)
    ]
    sums, sizes = np.concatenate(parts).T
    return sums, sizes


@lru_cache(maxsize=1024)
def detectable(n: int, power: float = 0.8, alpha: float = ALPHA) -> float:
    """Smallest true gain that `n` rows prove with this probability; 1.0 when there is none.

    By the mid-p McNemar test, for an edit that breaks 5 % of the rows; a share, rounded up to whole points.
    """
    points = range(1, 91)
    index = bisect_left(points, power, key=lambda gain: _power(n, gain / 100, alpha))
    return points[index] / 100 if index < len(points) else 1.0


@lru_cache(maxsize=64)
def rows_for(gain: float = 0.10, power: float = 0.8, alpha: float = ALPHA) -> int:
    """Rows that prove this true gain with this probability, rounded up to ten; at most 100,000."""
    rows = bisect_left(range(100_000), power, key=lambda n: _power(n, gain, alpha))
    return math.ceil(rows / 10) * 10


def _power(n: int, gain: float, alpha: float) -> float:
    """Chance that the mid-p McNemar test on `n` rows proves an edit that fixes BROKEN + `gain` and breaks BROKEN."""
    differing = np.arange(n + 1)
    share = 2 * BROKEN + gain
    proven = binom.sf(_critical(n, alpha) - 1, differing, (BROKEN + gain) / share)
    return float(binom.pmf(differing, n, share) @ proven)


@lru_cache(maxsize=64)
def _critical(n: int, alpha: float) -> Numbers:
    """Fewest wins that prove a gain, for each number of differing rows from 0 to `n`."""
    differing = np.arange(n + 1)
    wins = binom.isf(alpha, differing, 0.5)
    mid_p = (binom.sf(wins, differing, 0.5) + binom.sf(wins - 1, differing, 0.5)) / 2
    return np.asarray(wins + (mid_p > alpha), dtype=float)


def sentence(verdict: Verdict, *, run: str = "RUN", pairs: bool = False) -> str:
    """Put a verdict into words, in whole points; limits that are ruled out are rounded up.

    Of `pairs` a row that is better counts one and a tie half, so a gain takes twice the margin; they need no labels.
    """
    counted = counts(verdict, pairs=pairs)
    if verdict.status == "improved":
        return (
            f"Improved by {_points(verdict.difference)} ({_percent(1 - 2 * verdict.alpha)} interval "
            f"{round(verdict.low * 100)} to {round(verdict.high * 100)}): {counted}."
        )
    if verdict.status == "promising":
        return (
            f"Promising, not proven: {counted} (p = {_short(verdict.p, verdict.alpha)}). "
            f"A useless edit looks this good about 1 time in {_one_in(verdict.chance)}. "
            f"About {rows_for(0.2 if pairs else 0.1, alpha=verdict.alpha)} fresh {'' if pairs else 'labelled '}rows "
            "would prove a 10-point gain: "
            f"`socratune test {run} --data new.csv`."
        )
    ruled_out = math.ceil(round(max(verdict.high, 0.0) * 100, 6)) / 100
    return f"No reliable improvement; a gain above {_points(ruled_out)} is ruled out."


def difference(verdict: Verdict) -> str:
    """Return the difference with its interval, whose width follows from the error rate of the look."""
    whole, width = round(verdict.difference * 100), _percent(1 - 2 * verdict.alpha)
    ends = f"{round(verdict.low * 100):+d} to {round(verdict.high * 100):+d}"
    return f"The difference: {whole:+d} point{'' if abs(whole) == 1 else 's'}, {width} interval {ends}."


def counts(verdict: Verdict, *, pairs: bool = False) -> str:
    """Return how many rows went up and down, and of how many."""
    return f"{moved(verdict, pairs=pairs)} of {verdict.n}"


def moved(verdict: Verdict, *, pairs: bool = False) -> str:
    """Return how many rows went up and down; only rows that are right or wrong are fixed or broken."""
    up, down = ("better", "worse") if pairs or verdict.method != BINARY else ("fixed", "broken")
    return f"{verdict.wins} {up}, {verdict.losses} {down}"


def _points(share: float) -> str:
    whole = round(share * 100)
    return f"{whole} point" if whole == 1 else f"{whole} points"


def _percent(share: float) -> str:
    return f"{round(share * 100, 2):g} %"


def _short(p: float, alpha: float) -> str:
    """Two decimals, or four where two would look as if the edit were proven."""
    digits = 2 if round(p, 2) > alpha else 4
    return f"{p:.{digits}f}".removeprefix("0")


def _one_in(chance: float) -> int:
    """Return the k whose 1 / k is nearest to the chance."""
    k = math.floor(1 / chance)
    return min(k, k + 1, key=lambda k: abs(1 / k - chance))


def paired_gain(differences: Sequence[float]) -> float:
    """Sum of the paired differences over the root of their sum of squares: the statistic of the gate.

    About standard normal for an edit that changes nothing, on binary and graded rewards alike; 0 when nothing differs.
    """
    length = math.hypot(*differences)
    return math.fsum(differences) / length if length else 0.0


def advantage(differences: Sequence[float]) -> tuple[float, float]:
    """Mean of the paired differences and its standard error, which is infinite for fewer than two rows."""
    if not differences:
        return 0.0, math.inf
    mean = math.fsum(differences) / len(differences)
    if len(differences) == 1:
        return mean, math.inf
    squares = math.fsum((value - mean) ** 2 for value in differences)
    return mean, math.sqrt(squares / (len(differences) - 1) / len(differences))


def interval(differences: Sequence[float]) -> tuple[float, float]:
    """Rough 90 % interval of the mean paired difference, for the live view; it proves nothing."""
    mean, error = advantage(differences)
    return max(mean - 1.645 * error, -1.0), min(mean + 1.645 * error, 1.0)
