"""How much more there can be to gain: when a search is done."""

from __future__ import annotations

from socratune.tools.statistics import clopper_pearson

ERROR = 0.05
"""Chance that each of the two bounds is too low."""


def most_left(failures: int, rows: int, *, in_vain: int) -> float:
    """Return an upper bound of what the next edit gains on the mean, in mean reward.

    It can mend no more than what still fails: `failures` of `rows`, bounded from above (Clopper and Pearson, 1934). And
    after `in_vain` edits in a row that brought nothing it succeeds with a chance p at most, where (1 - p) ** in_vain is
    `ERROR`: the exact form of the rule of three. 1 of no rows.
    """
    _, failing = clopper_pearson(failures, rows, ERROR)
    chance: float = 1 - ERROR ** (1 / in_vain) if in_vain else 1.0
    return failing * chance
