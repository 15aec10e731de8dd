from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from socratune.memory.records import Budget, Example, ExampleId, Prompt, Role, Task
from socratune.tools.allotment import allot
from socratune.tools.assertions import Assertion, Checks
from socratune.tools.forecast import MOST_ROUNDS, Forecast, forecast, scoring
from socratune.tools.price import Price
from socratune.tools.splits import split

PRICES: dict[Role, Price | None] = {"target": Price(input=1, output=2), "optimizer": Price(input=3, output=15)}


def outlook(
    budget: Budget,
    *,
    rows: int = 200,
    prices: dict[Role, Price | None] = PRICES,
    judged_by: str = "",
    checks: str = "",
) -> Forecast:
    examples = [
        Example(id=ExampleId(f"r{n}"), inputs={"x": f"row {n}"}, expected=str(n % 3), group=str(n), checks=checks)
        for n in range(rows)
    ]
    task = Task(
        name="t",
        goal="g",
        prompt=Prompt(user="{{x}}"),
        variables=("x",),
        metric=judged_by or "exact",
        target="a",
        optimizer="b",
        judge="c" if judged_by else None,
        budget=budget,
    )
    splits = split(examples, salt="s")
    return forecast(task, splits, allot(budget, splits, judged=1 if judged_by else 0), prices)


caps = st.none() | st.integers(0, 5000)


@settings(max_examples=50)
@given(rollouts=caps, calls=caps, tokens=caps, usd=st.none() | st.floats(0, 5))
def test_forecast_never_exceeds_a_cap(
    rollouts: int | None, calls: int | None, tokens: int | None, usd: float | None
) -> None:
    found = outlook(Budget(rollouts=rollouts, calls=calls, tokens=tokens, usd=usd))
    target, total = found.roles["target"], found.total
    for use in (target.low, target.high):
        assert rollouts is None or use.calls <= rollouts
    for use in (total.low, total.high):
        assert calls is None or use.calls <= calls
        assert tokens is None or use.tokens <= tokens
        assert usd is None or use.usd is None or use.usd <= usd + 1e-9
    for each in (*found.roles.values(), total):
        assert (each.low.calls, each.low.tokens) <= (each.high.calls, each.high.tokens)
        assert each.low.tokens <= each.high.tokens
        assert (each.low.usd or 0) <= (each.high.usd or 0) + 1e-9


def test_first_cap_is_the_tightest_of_those_that_a_long_search_reaches() -> None:
    assert outlook(Budget()).first_cap is None
    assert outlook(Budget(rollouts=10_000, usd=100)).first_cap is None
    assert outlook(Budget(rollouts=300, usd=100)).first_cap == "rollouts"
    assert outlook(Budget(rollouts=300, usd=0.01)).first_cap == "usd"


def test_more_budget_buys_more_rounds() -> None:
    bought = [outlook(Budget(rollouts=cap)).rounds for cap in (0, 150, 600, 100_000)]
    assert bought == sorted(bought)
    assert (bought[0], bought[-1]) == (0, MOST_ROUNDS)
    assert outlook(Budget(usd=0.05)).rounds < outlook(Budget(usd=1.0)).rounds


def test_more_test_rows_prove_smaller_gains() -> None:
    few, many = outlook(Budget(), rows=60), outlook(Budget(), rows=400)
    assert few.test_rows < many.test_rows
    assert few.provable > many.provable > many.even


def test_budget_of_nothing_proves_nothing() -> None:
    found = outlook(Budget(rollouts=0))
    assert (found.test_rows, found.provable, found.total.high.calls) == (0, 1.0, 0)


def test_unknown_price_is_an_unknown_cost() -> None:
    found = outlook(Budget(), prices={"target": PRICES["target"], "optimizer": None})
    assert found.total.high.usd is None
    assert found.roles["target"].high.usd is not None


def test_a_judge_is_counted_and_priced_where_there_is_one() -> None:
    plain, rubric, pairs = (outlook(Budget(), judged_by=metric) for metric in ("", "rubric", "pairwise"))
    assert "judge" not in plain.roles
    assert rubric.roles["judge"].high.calls == rubric.roles["target"].high.calls < pairs.roles["judge"].high.calls
    assert rubric.total.high.tokens > plain.total.high.tokens
    assert rubric.total.high.usd is None  # the judge's price is not known
    priced = outlook(Budget(), judged_by="rubric", prices=PRICES | {"judge": Price(input=3, output=15)}).total.high
    assert priced.usd is not None
    assert plain.total.high.usd is not None
    assert priced.usd > plain.total.high.usd


@settings(max_examples=20)
@given(calls=st.integers(0, 5000))
def test_judge_calls_are_forecast_within_the_cap_on_calls(calls: int) -> None:
    found = outlook(Budget(calls=calls), judged_by="pairwise")
    assert found.total.high.calls <= calls
    assert found.roles["judge"].high.calls <= calls


def test_pairs_prove_gains_of_half_the_size() -> None:
    assert outlook(Budget(), judged_by="pairwise").provable == outlook(Budget()).provable / 2


def test_each_rubric_of_a_row_is_a_judgement() -> None:
    rubric = Assertion(type="llm-rubric", value="polite")
    checks = Checks(assertions=(rubric, rubric, Assertion(type="is-json"))).as_text()
    roles = outlook(Budget(), judged_by="assert", checks=checks).roles
    assert roles["judge"].high.calls == 2 * roles["target"].high.calls


def test_scoring_counts_and_prices_the_judge_with_the_target() -> None:
    rows = [Example(id=ExampleId("r1"), inputs={"x": "row"}, expected="1", group="1")]
    plain = Task(
        name="t", goal="", prompt=Prompt(user="{{x}}"), variables=("x",), metric="exact", target="a", optimizer="b"
    )
    prices: dict[Role, Price | None] = {"target": Price(input=1, output=2), "judge": Price(input=3, output=15)}
    alone = scoring(plain, rows, 30, prices).high
    judged = scoring(replace(plain, metric="rubric", judge="c"), rows, 30, prices).high
    assert (alone.calls, judged.calls) == (30, 60)
    assert alone.usd is not None
    assert judged.usd is not None
    assert judged.usd > 2 * alone.usd
