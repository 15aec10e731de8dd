"""What a run may use and what its rows can prove, said before the first call.

Pure arithmetic, from ordinary runs: the low end is a prompt in which nothing is left to mend, the high end a search
that keeps finding. The ends of a role are its own; that a run has both roles at their high end is not likely. The caps
are the promise; this is only a forecast.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import harmonic_mean

from socratune.memory.records import Budget, Example, Role, Task
from socratune.tools.allotment import Allotment
from socratune.tools.gate import GATE_STAGES
from socratune.tools.metrics import judge_calls
from socratune.tools.price import Price
from socratune.tools.purse import CAPS, Cap
from socratune.tools.splits import Splits
from socratune.tools.statistics import ALPHA, alpha_for_look, detectable
from socratune.tools.tokens import BYTES_PER_TOKEN, estimate

PREFLIGHT = (24, 40)
"""Target calls before the search."""
MOST_ROUNDS = 12
TRAIN_ROWS = (8, 40)
"""Run in one round to find failures."""
FIRST_TRAIN_ROWS = 24
"""Run at least in the first."""
AGENT_CALLS = (4, 10)
"""In one round."""
FIRST_AGENT_CALLS = 30
"""At most beyond those in the first round, where most is unknown."""
AGENT_TOKENS = ((600, 40), (2_500, 500))
"""In and out of one call."""
JUDGE_TOKENS = ((700, 80), (1_000, 300))
"""In and out of one judgement, beside the row and the answers it is about."""
GROWTH = (0, 250)
"""Tokens that the search adds to a prompt."""
CHATTER = (0, 100)
"""Tokens of an answer beside the expected one."""
TARGETS_SHARE = 0.25
"""Of a tight cap, what the target uses at least; agents and what is held for the test may take the rest."""
FINALISTS = 3
"""Edits that are settled on all of dev."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """Calls, tokens in and out, and their price: of one role, or of all."""

    calls: int = 0
    tokens: int = 0
    usd: float | None = 0.0
    """None when a price is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """What is likely, from low to high."""

    low: Use
    high: Use


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a run may use, and what its final test can prove."""

    roles: Mapping[Role, Range]
    total: Range
    test: Range
    """Of the total: the final test, when there is something to test."""
    rounds: int
    """About how many the caps leave room for; at most `MOST_ROUNDS`, which few searches reach."""
    first_cap: Cap | None
    """The cap that a search which keeps finding reaches first; None when it reaches none."""
    test_rows: int
    """A side."""
    provable: float
    """Smallest gain that has an 80 % chance to be proven; 1.0 when there is none."""
    even: float
    """The same at 50 %."""
    alpha: float = ALPHA
    """The error rate that the test may spend: less when some of its rows were tested on before."""


Calls = Mapping[Role, int]
Units = Mapping[Role, Use]
"""What one call of each role uses."""
Sizes = tuple[tuple[int, int], tuple[int, int]]
"""Tokens in and out of one call, at the low and at the high end."""


def forecast(
    task: Task, splits: Splits, allotment: Allotment, prices: Mapping[Role, Price | None], *, look: int = 1
) -> Forecast:
    """Say what a run of `task` may use under its caps, and what it can prove with this look at its test rows."""
    rows, budget = allotment.test_rows, task.budget
    examples = [*splits.train, *splits.dev, *splits.test]
    sizes: dict[Role, Sizes] = {"target": _target_sizes(task, examples), "optimizer": AGENT_TOKENS}
    judged = _judgements(task, examples)
    if judged[1]:
        sizes["judge"] = _judge_sizes(task, sizes["target"], examples)
    least, most = ({role: _unit(size[end], prices.get(role)) for role, size in sizes.items()} for end in (0, 1))
    many = _rounds(budget, allotment, _with_judge(_round(splits, 0), judged[0]), least)
    few = _rounds(budget, allotment, _with_judge(_round(splits, 1), judged[1]), most)
    worst = {role: _worst(unit, task) for role, unit in most.items()}
    low = _fitting(_with_judge(_shortest(splits), judged[0]), budget, worst, share=TARGETS_SHARE)
    high = _fitting(_with_judge(_longest(splits, rows, many), judged[1]), budget, least)
    roles = {r: Range(low=_times(least[r], low[r]), high=_within(_times(most[r], high[r]), budget)) for r in low}
    return Forecast(
        roles=roles,
        total=Range(low=_sum(each.low for each in roles.values()), high=_total_high(roles, budget)),
        test=Range(low=_times(least["target"], 2 * rows), high=_times(most["target"], 2 * rows)),
        rounds=round(harmonic_mean([many, few])),  # of rounds of both kinds in turn
        first_cap=_first_cap(budget, _with_judge(_longest(splits, rows, MOST_ROUNDS), judged[1]), most),
        test_rows=rows,
        provable=_provable(rows, task, power=0.8, alpha=alpha_for_look(look)),
        even=_provable(rows, task, power=0.5, alpha=alpha_for_look(look)),
        alpha=alpha_for_look(look),
    )


def _provable(rows: int, task: Task, *, power: float, alpha: float) -> float:
    """Of pairs a row that changes moves by one half: the original prompt scores 0.5 on each."""
    gain = detectable(rows, power=power, alpha=alpha) if rows else 1.0
    return gain / 2 if task.metric == "pairwise" and gain < 1 else gain


def _judgements(task: Task, rows: Sequence[Example]) -> tuple[float, float]:
    """Return how often the judge is asked for one call of the target, at the low and at the high end.

    The original prompt's own answers, about a third of all, are not judged as pairs; short answers are often the same.
    A judge of whom the metric asks nothing compares pairs during the search.
    """
    if task.judge is None:
        return (0.0, 0.0)
    each = judge_calls(task.metric, rows) / max(1, len(rows))
    return (1 / 3, 4 / 3) if _compares(task, rows) else (each, each)


def _compares(task: Task, rows: Sequence[Example]) -> bool:
    return task.metric == "pairwise" or not judge_calls(task.metric, rows)


def _judge_sizes(task: Task, target: Sizes, rows: Sequence[Example]) -> Sizes:
    """Return the tokens of one judgement: beside instructions it reads the row, and an answer or both of a pair."""
    inputs = sum(estimate(text) for row in rows for text in row.inputs.values()) // max(1, len(rows))
    answers = 2 if _compares(task, rows) else 1
    low, high = ((JUDGE_TOKENS[end][0] + inputs + answers * target[end][1], JUDGE_TOKENS[end][1]) for end in (0, 1))
    return low, high


def _with_judge(calls: Calls, judged: float) -> Calls:
    return {**calls, "judge": math.ceil(calls["target"] * judged)} if judged else calls


def scoring(task: Task, rows: Sequence[Example], calls: int, prices: Mapping[Role, Price | None]) -> Range:
    """Say what so many calls of the target use, and the judge's with them, when prompts are scored without a search."""
    sizes: dict[Role, Sizes] = {"target": _target_sizes(task, rows)}
    asked: Calls = {"target": calls}
    if task.judge is not None:
        sizes["judge"] = _judge_sizes(task, sizes["target"], rows)
        asked = _with_judge(asked, judge_calls(task.metric, rows) / max(1, len(rows)))
    low, high = (
        _sum(_times(_unit(sizes[role][end], prices.get(role)), number) for role, number in asked.items())
        for end in (0, 1)
    )
    return Range(low=_within(low, task.budget), high=_within(high, task.budget))


def _target_sizes(task: Task, rows: Sequence[Example]) -> Sizes:
    inputs = sum(estimate(text) for row in rows for text in row.inputs.values()) // max(1, len(rows))
    expected = sum(estimate(row.expected) for row in rows) // max(1, len(rows))
    demos = sum(estimate(demo.output) + estimate("".join(demo.inputs.values())) for demo in task.prompt.demos)
    asked = estimate(task.prompt.instructions) + demos + inputs
    low, high = ((asked + GROWTH[end], min(task.max_output_tokens, expected + CHATTER[end])) for end in (0, 1))
    return low, high


def _unit(size: tuple[int, int], price: Price | None) -> Use:
    tokens_in, tokens_out = size
    usd = price.cost(tokens_in=tokens_in, tokens_out=tokens_out) if price else None
    return Use(calls=1, tokens=sum(size), usd=usd)


def _worst(unit: Use, task: Task) -> Use:
    """Return about what is reserved for a call: a token for each byte, and the longest answer."""
    share = BYTES_PER_TOKEN + task.max_output_tokens / max(1, unit.tokens)
    return Use(calls=1, tokens=round(unit.tokens * share), usd=unit.usd * share if unit.usd is not None else None)


def _shortest(splits: Splits) -> Calls:
    """Nothing is left to mend: the prompt is run on the first rows, and no agent is asked."""
    return {"target": PREFLIGHT[0] + _first_rows(splits), "optimizer": 0}


def _first_rows(splits: Splits) -> int:
    return 0 if splits.shared else min(len(splits.train), FIRST_TRAIN_ROWS)


def _round(splits: Splits, end: int) -> Calls:
    gate = min(len(splits.dev), (GATE_STAGES[0][0], GATE_STAGES[-1][0])[end])
    return {"target": min(len(splits.train), TRAIN_ROWS[end]) + gate, "optimizer": AGENT_CALLS[end]}


def _longest(splits: Splits, test_rows: int, rounds: float) -> Calls:
    """Each round finds something, and what it finds is settled on all of dev and tested."""
    one = _round(splits, 1)
    settled = 2 * FINALISTS * max(0, len(splits.dev) - GATE_STAGES[-1][0])
    return {
        "target": PREFLIGHT[1] + math.ceil(rounds * one["target"]) + settled + 2 * test_rows,
        "optimizer": math.ceil(rounds * one["optimizer"]) + (FIRST_AGENT_CALLS if rounds else 0),
    }


def _rounds(budget: Budget, allotment: Allotment, one: Calls, units: Units) -> float:
    """Return how many rounds of this kind fit between the preflight and what is held for the test."""
    before: Calls = {"target": PREFLIGHT[0], "optimizer": 0}
    fit = [float(MOST_ROUNDS)]
    for cap, limit in _caps(budget).items():
        room = limit - (getattr(allotment.held["search"], cap) or 0) - (_amount(before, cap, units) or 0)
        amount = _amount(one, cap, units)
        fit += [max(0.0, room / amount)] if amount else []
    return min(fit)


def _caps(budget: Budget) -> dict[Cap, float]:
    return {cap: limit for cap in CAPS if (limit := getattr(budget, cap)) is not None}


def _amount(calls: Calls, cap: Cap, units: Units) -> float | None:
    """Return how much of a cap these calls use; None when a price is not known."""
    if cap == "rollouts":
        return calls["target"]
    if cap == "calls":
        return sum(calls.values())
    parts = [(number, getattr(units[role], cap)) for role, number in calls.items()]
    return None if any(each is None for _, each in parts) else sum(number * each for number, each in parts)


def _first_cap(budget: Budget, calls: Calls, units: Units) -> Cap | None:
    shares = {
        cap: (_amount(calls, cap, units) or 0) / limit if limit else math.inf for cap, limit in _caps(budget).items()
    }
    first = max(shares, key=lambda cap: shares[cap], default=None)
    return first if first is not None and shares[first] > 1 else None


def _fitting(calls: Calls, budget: Budget, units: Units, *, share: float = 1.0) -> Calls:
    """Cut each role's calls to what a share of the caps allows if it were the only one."""
    return {role: min(number, *_affordable(role, budget, units, share=share)) for role, number in calls.items()}


def _affordable(role: Role, budget: Budget, units: Units, *, share: float) -> Iterator[int]:
    alone: Calls = {each: int(each == role) for each in units}
    for cap, limit in _caps(budget).items():
        amount = _amount(alone, cap, units)
        if amount:
            yield int(share * limit / amount + 1e-9)
    yield sys.maxsize


def _times(unit: Use, calls: int) -> Use:
    return Use(calls=calls, tokens=calls * unit.tokens, usd=calls * unit.usd if unit.usd is not None else None)


def _sum(uses: Iterable[Use]) -> Use:
    each = list(uses)
    known = [use.usd for use in each if use.usd is not None]
    return Use(
        calls=sum(use.calls for use in each),
        tokens=sum(use.tokens for use in each),
        usd=sum(known) if len(known) == len(each) else None,
    )


def _total_high(roles: Mapping[Role, Range], budget: Budget) -> Use:
    total = _within(_sum(each.high for each in roles.values()), budget)
    return replace(total, calls=min(total.calls, budget.calls if budget.calls is not None else total.calls))


def _within(use: Use, budget: Budget) -> Use:
    """Cut what the caps would cut."""
    return replace(
        use,
        tokens=min(use.tokens, budget.tokens if budget.tokens is not None else use.tokens),
        usd=min(use.usd, budget.usd) if use.usd is not None and budget.usd is not None else use.usd,
    )
