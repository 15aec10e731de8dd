"""How a budget is divided before anything is spent: the final test first, then what leads up to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from socratune.memory.records import Budget
from socratune.tools.gate import GATE_STAGES
from socratune.tools.purse import Phase
from socratune.tools.splits import Splits, test_rows

PREFLIGHT_SHARE = 0.08
TEST_SHARE = 0.25
FINALIST_SHARE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Allotment:
    """Rows a side in the final test, and what each phase must leave for those after it."""

    test_rows: int
    held: Mapping[Phase, Budget]

    @staticmethod
    def read_held(written: Mapping[Phase, Mapping[str, Any]]) -> dict[Phase, Budget]:
        """Return what each phase must leave, as a run's settings keep it."""
        return {phase: Budget(**budget) for phase, budget in written.items()}


def allot(budget: Budget, splits: Splits, *, judged: int = 0) -> Allotment:
    """Divide a budget.

    Rollouts and calls are held for the very rows of the test; USD and tokens, whose use is not known yet, by share.
    `judged` is how often a judge is asked for one answer: of a pair twice for every other answer, so once on the mean.
    """
    asked = 1 + judged
    counted = [cap for cap in (budget.rollouts, budget.calls and budget.calls // asked) if cap is not None]
    rows = test_rows(len(splits.test), min(counted) if counted else None)
    finalist = 2 * max(0, len(splits.dev) - GATE_STAGES[-1][0])
    if counted:
        finalist = min(finalist, int(FINALIST_SHARE * min(counted)))
    test = _held(budget, 2 * rows, asked=asked, share=TEST_SHARE)
    search = _held(budget, 2 * rows + finalist, asked=asked, share=TEST_SHARE + FINALIST_SHARE)
    return Allotment(
        test_rows=rows, held={"preflight": _all_but(budget, PREFLIGHT_SHARE), "search": search, "finalist": test}
    )


def share(budget: Budget, parts: int) -> Budget:
    """Return what one of several equal runs may use of a budget; together they stay within it. Minutes are left out."""
    return Budget(
        usd=budget.usd / parts if budget.usd is not None else None,
        rollouts=budget.rollouts // parts if budget.rollouts is not None else None,
        calls=budget.calls // parts if budget.calls is not None else None,
        tokens=budget.tokens // parts if budget.tokens is not None else None,
    )


def times(budget: Budget, runs: int) -> Budget:
    """Return what so many runs of this budget may use together, one after the other."""
    caps = {each.name: getattr(budget, each.name) for each in fields(Budget)}
    return Budget(**{name: None if cap is None else cap * runs for name, cap in caps.items()})


def tighter(a: Budget, b: Budget) -> Budget:
    """Return the lower of two caps each."""
    caps = {each.name: (getattr(a, each.name), getattr(b, each.name)) for each in fields(Budget)}
    return Budget(**{name: min((cap for cap in pair if cap is not None), default=None) for name, pair in caps.items()})


def _held(budget: Budget, rollouts: int, *, asked: int, share: float) -> Budget:
    return Budget(
        usd=budget.usd * share if budget.usd is not None else None,
        rollouts=rollouts,
        calls=rollouts * asked,
        tokens=int(budget.tokens * share) if budget.tokens is not None else None,
    )


def _all_but(budget: Budget, share: float) -> Budget:
    rest = 1 - share
    return Budget(
        usd=budget.usd * rest if budget.usd is not None else None,
        rollouts=round(budget.rollouts * rest) if budget.rollouts is not None else None,
        calls=round(budget.calls * rest) if budget.calls is not None else None,
        tokens=round(budget.tokens * rest) if budget.tokens is not None else None,
    )
