from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from socratune.memory.records import Budget, Example, ExampleId, Prompt, Role, Task
from socratune.tools.allotment import allot
from socratune.tools.assertions import Assertion, Checks
from socratune.tools.forecast import Forecast, forecast
from socratune.tools.models import Price
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
    low, high = found.low, found.high
    for use in (low, high):
        assert rollouts is None or use.rollouts <= rollouts
        assert calls is None or use.rollouts + use.optimizer_calls <= calls
        assert tokens is None or use.tokens <= tokens
        assert usd is None or use.usd is None or use.usd <= usd + 1e-9
    assert (low.rollouts, low.tokens) <= (high.rollouts, high.tokens)
    assert low.tokens <= high.tokens


def test_more_test_rows_prove_smaller_gains() -> None:
    few, many = outlook(Budget(), rows=60), outlook(Budget(), rows=400)
    assert few.test_rows < many.test_rows
    assert few.provable > many.provable > many.even


def test_budget_of_nothing_proves_nothing() -> None:
    found = outlook(Budget(rollouts=0))
    assert (found.test_rows, found.provable, found.high.rollouts) == (0, 1.0, 0)


def test_unknown_price_is_an_unknown_cost() -> None:
    assert outlook(Budget(), prices={"target": PRICES["target"], "optimizer": None}).high.usd is None


def test_a_judge_is_counted_and_priced_where_there_is_one() -> None:
    plain, rubric, pairs = (outlook(Budget(), judged_by=metric).high for metric in ("", "rubric", "pairwise"))
    assert plain.judge_calls == 0
    assert rubric.judge_calls == rubric.rollouts < pairs.judge_calls
    assert rubric.tokens > plain.tokens
    assert rubric.usd is None  # the judge's price is not known
    priced = outlook(Budget(), judged_by="rubric", prices=PRICES | {"judge": Price(input=3, output=15)}).high
    assert priced.usd is not None
    assert plain.usd is not None
    assert priced.usd > plain.usd


@settings(max_examples=20)
@given(calls=st.integers(0, 5000))
def test_judge_calls_are_forecast_within_the_cap_on_calls(calls: int) -> None:
    high = outlook(Budget(calls=calls), judged_by="pairwise").high
    assert high.rollouts + high.optimizer_calls + high.judge_calls <= calls


def test_pairs_prove_gains_of_half_the_size() -> None:
    assert outlook(Budget(), judged_by="pairwise").provable == outlook(Budget()).provable / 2


def test_each_rubric_of_a_row_is_a_judgement() -> None:
    rubric = Assertion(type="llm-rubric", value="polite")
    checks = Checks(assertions=(rubric, rubric, Assertion(type="is-json"))).as_text()
    high = outlook(Budget(), judged_by="assert", checks=checks).high
    assert high.judge_calls == 2 * high.rollouts
