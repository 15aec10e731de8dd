"""What a run may use and what its rows can prove, said before the first call.

Pure arithmetic, from ordinary runs: the low end is a search that finds nothing, the high end one that keeps finding.
The caps are the promise; this is only a forecast.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from socratune.memory.records import Budget, Role, Task
from socratune.tools.allotment import Allotment
from socratune.tools.gate import GATE_STAGES
from socratune.tools.metrics import judge_calls
from socratune.tools.models import Price
from socratune.tools.splits import Splits
from socratune.tools.statistics import detectable
from socratune.tools.tokens import estimate

PREFLIGHT = 40
"""Target calls before the search."""
ROUNDS = (3, 12)
CHILDREN = 2
"""In one round."""
TRAIN_ROWS = (12, 40)
"""Run in one round to find failures."""
AGENT_CALLS = (1, 6)
"""For one child, beside one call of the planner in each round."""
AGENT_TOKENS = ((800, 80), (2_500, 500))
"""In and out of one call."""
JUDGE_TOKENS = ((700, 80), (1_000, 300))
"""In and out of one judgement, beside the row and the answers it is about."""
GROWTH = (0, 250)
"""Tokens that the search adds to a prompt."""
CHATTER = (0, 100)
"""Tokens of an answer beside the expected one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What a run takes: calls of the target, of the agents and of the judge, tokens in and out, and their price."""

    rollouts: int
    optimizer_calls: int
    judge_calls: int
    tokens: int
    usd: float | None
    """None when a price is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What is likely, from `low` to `high`, and what the final test can prove."""

    low: Use
    high: Use
    test_rows: int
    """A side."""
    provable: float
    """Smallest gain that has an 80 % chance to be proven; 1.0 when there is none."""
    even: float
    """The same at 50 %."""


def forecast(task: Task, splits: Splits, allotment: Allotment, prices: Mapping[Role, Price | None]) -> Forecast:
    """Say what a run of `task` may use under its caps, and what it can prove."""
    rows = allotment.test_rows
    short, high = (_within(_use(task, splits, rows, prices, end), task.budget) for end in (0, 1))
    low = Use(**{each.name: _least(getattr(short, each.name), getattr(high, each.name)) for each in fields(Use)})
    provable, even = (_provable(rows, power=power, pairs=task.metric == "pairwise") for power in (0.8, 0.5))
    return Forecast(low=low, high=high, test_rows=rows, provable=provable, even=even)


def _least(a: float | None, b: float | None) -> Any:
    """Under a tight cap both ends are cut, and rounding must not turn them round."""
    return None if a is None or b is None else min(a, b)


def _provable(rows: int, *, power: float, pairs: bool) -> float:
    """Of pairs a row that changes moves by one half: the original prompt scores 0.5 on each."""
    gain = detectable(rows, power=power) if rows else 1.0
    return gain / 2 if pairs and gain < 1 else gain


def _use(task: Task, splits: Splits, test_rows: int, prices: Mapping[Role, Price | None], end: int) -> Use:
    """Return what the short (0) or the long (1) run takes."""
    rollouts = _rollouts(splits, test_rows, end)
    agents = ROUNDS[end] * (1 + CHILDREN * AGENT_CALLS[end])
    rows = [*splits.train, *splits.dev, *splits.test]
    inputs = sum(estimate(text) for row in rows for text in row.inputs.values()) // max(1, len(rows))
    expected = sum(estimate(row.expected) for row in rows) // max(1, len(rows))
    demos = sum(estimate(demo.output) + estimate("".join(demo.inputs.values())) for demo in task.prompt.demos)
    asked = estimate(task.prompt.instructions) + demos + inputs + GROWTH[end]
    answered = min(task.max_output_tokens, expected + CHATTER[end])
    used: dict[Role, tuple[int, int, int]] = {
        "target": (rollouts, asked, answered),
        "optimizer": (agents, *AGENT_TOKENS[end]),
        "judge": _judging(
            task, rollouts * judge_calls(task.metric, rows) // max(1, len(rows)), (inputs, answered), end
        ),
    }
    return Use(
        rollouts=rollouts,
        optimizer_calls=agents,
        judge_calls=used["judge"][0],
        tokens=sum(calls * (came_in + went_out) for calls, came_in, went_out in used.values()),
        usd=_cost(used, prices),
    )


def _judging(task: Task, asked: int, row: tuple[int, int], end: int) -> tuple[int, int, int]:
    """Return calls of the judge, and the tokens in and out of one: of a pair both answers are read, in both orders.

    `asked` counts one for each answer to compare.

    The original prompt's own answers, about a third of all, are not judged; short answers are often the same.
    """
    if task.judge is None:
        return 0, 0, 0
    pairs = task.metric == "pairwise"
    calls = (asked // 3, asked * 4 // 3)[end] if pairs else asked
    inputs, answered = row
    came_in, went_out = JUDGE_TOKENS[end]
    return calls, came_in + inputs + answered * (2 if pairs else 1), went_out


def _rollouts(splits: Splits, test_rows: int, end: int) -> int:
    rows = len(splits.dev)
    gate = min(rows, (GATE_STAGES[0][0], GATE_STAGES[-1][0])[end])
    train = 0 if splits.shared and end == 0 else min(len(splits.train), TRAIN_ROWS[end])
    search = PREFLIGHT + ROUNDS[end] * (train + CHILDREN * gate)
    if end == 0:
        return search
    return search + 2 * max(0, rows - gate) + 2 * test_rows


def _cost(used: Mapping[Role, tuple[int, int, int]], prices: Mapping[Role, Price | None]) -> float | None:
    total = 0.0
    for role, (calls, tokens_in, tokens_out) in used.items():
        price = prices.get(role)
        if not calls:
            continue
        if price is None:
            return None
        total += calls * price.cost(tokens_in=tokens_in, tokens_out=tokens_out)
    return total


def _within(use: Use, budget: Budget) -> Use:
    """Scale a run down to its tightest cap."""
    caps = (
        (budget.rollouts, use.rollouts),
        (budget.calls, use.rollouts + use.optimizer_calls + use.judge_calls),
        (budget.tokens, use.tokens),
        (budget.usd, use.usd),
    )
    share = min((min(1.0, cap / amount) for cap, amount in caps if cap is not None and amount), default=1.0)
    return replace(
        use,
        rollouts=int(use.rollouts * share),
        optimizer_calls=int(use.optimizer_calls * share),
        judge_calls=int(use.judge_calls * share),
        tokens=int(use.tokens * share),
        usd=use.usd * share if use.usd is not None else None,
    )
