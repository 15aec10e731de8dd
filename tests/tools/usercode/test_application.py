from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pytest
from tests.fakes import UNCAPPED, Provider, caller_of, request

from socratune import Answer
from socratune.agents.evaluator import Evaluator
from socratune.agents.scorers import Measured
from socratune.memory.errors import BadInput, BudgetExhausted, FinalFailure, Paused
from socratune.memory.ledger import Ledger
from socratune.memory.records import Budget, Candidate, Example, ExampleId, Prompt
from socratune.memory.usercode import Answerer
from socratune.tools.caller import Line
from socratune.tools.metrics import metric_named
from socratune.tools.models import LanguageModel, Price, allowed
from socratune.tools.usercode.application import Application

Turns = list[dict[str, str]]
Row = Mapping[str, str]
SEED = Candidate(prompt=Prompt(system="Be brief.", user="Which queue? {{ticket}}"))


def example(number: int, day: str) -> Example:
    inputs = {"ticket": "Same words.", "day": day}
    return Example(id=ExampleId(f"r{number}"), inputs=inputs, expected=day, group=f"g{number}")


def evaluator(ledger: Ledger, model: LanguageModel, budget: Budget = UNCAPPED) -> Evaluator:
    line = Line(caller=caller_of(ledger, model, budget=budget), role="target", max_tokens=20)
    return Evaluator(line=line, scorer=Measured(metric=metric_named("exact", {})), ledger=ledger)


async def test_an_application_is_given_the_rendered_prompt_and_the_rows_inputs(ledger: Ledger) -> None:
    heard: list[tuple[Turns, dict[str, str]]] = []

    async def answer(messages: Turns, row: Row) -> str:
        heard.append((messages, dict(row)))
        return row["day"]

    done = await evaluator(ledger, Application.here(answer)).score(SEED, [example(1, "monday")], phase="search")
    assert [each.reward for each in done] == [1.0]
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Which queue? Same words."}]
    assert heard == [(turns, {"ticket": "Same words.", "day": "monday"})]


async def test_rows_that_differ_only_where_the_prompt_does_not_look_are_two_calls_to_an_application_alone(
    ledger: Ledger,
) -> None:
    rows = [example(1, "monday"), example(2, "friday")]
    done = await evaluator(ledger, Application.here(lambda _, row: row["day"])).score(SEED, rows, phase="search")
    assert [each.output for each in done] == ["monday", "friday"]
    provider = Provider(answer=lambda _: "monday")
    await evaluator(ledger, provider).score(Candidate(prompt=Prompt(user="Which? {{ticket}}")), rows, phase="search")
    assert [each.row for each in provider.requests] == [None]


class Desk:
    def __call__(self, _: Turns, row: Row) -> str:
        return row["queue"]


@pytest.mark.parametrize("application", [Desk(), Desk().__call__, partial(Desk().__call__)])
async def test_any_callable_is_an_application(ledger: Ledger, application: Answerer) -> None:
    here = Application.here(application)
    assert here.name.startswith("call:")
    with pytest.raises(FinalFailure, match="the application raised KeyError: 'queue'"):
        await caller_of(ledger, here).call("target", request(), phase="search")


async def test_what_an_application_reports_is_booked_and_what_it_does_not_is_nothing(ledger: Ledger) -> None:
    reports = Application.here(lambda _, __: Answer("yes", tokens_in=7, tokens_out=2, usd=0.25))
    paid = await caller_of(ledger, reports).call("target", request("a"), phase="search")
    assert (paid.tokens_in, paid.tokens_out, paid.usd) == (7, 2, 0.25)
    paid = await caller_of(ledger, Application.here(lambda _, __: "yes")).call("target", request("b"), phase="search")
    assert (paid.tokens_in, paid.tokens_out, paid.usd) == (0, 0, 0.0)


async def test_an_application_with_a_price_is_priced_by_the_tokens_that_it_reports(ledger: Ledger) -> None:
    here = Application.here(lambda _, __: Answer("yes", tokens_in=1_000_000, tokens_out=0))
    priced = Application(name=here.name, run=here.run, price=Price(input=2.0, output=8.0))
    paid = await caller_of(ledger, priced).call("target", request(), phase="search")
    assert paid.usd == 2.0


async def test_a_usd_cap_holds_for_an_application_by_the_dearest_call_it_reported(ledger: Ledger) -> None:
    caller = caller_of(ledger, Application.here(lambda _, __: Answer("yes", usd=0.4)), budget=Budget(usd=1.0))
    for text in ("a", "b"):
        await caller.call("target", request(text), phase="search")
    with pytest.raises(BudgetExhausted, match="usd"):
        await caller.call("target", request("c"), phase="search")
    assert caller.purse.spent.usd == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer("yes", usd=-1.0), "usd: Input should be greater than or equal to 0"),
        (Answer("yes", usd=float("nan")), "usd: Input should be a finite number"),
        (Answer("yes", tokens_in="many"), "tokens_in: Input should be a valid integer"),  # type: ignore[arg-type]  # what users do
        ({"queue": "billing"}, "returned a dict and not a text"),
    ],
)
async def test_an_answer_that_cannot_be_booked_is_no_answer(ledger: Ledger, answer: Answer, told: str) -> None:
    with pytest.raises(FinalFailure) as failed:
        await caller_of(ledger, Application.here(lambda _, __: answer)).call("target", request(), phase="search")
    assert told in failed.value.reason


async def test_an_application_that_always_fails_pauses_the_run_with_its_own_words(ledger: Ledger) -> None:
    def answer(_: Turns, row: Row) -> str:
        return row["queue"]

    rows = [example(number, f"day {number}") for number in range(40)]
    with pytest.raises(Paused, match=r"the application raised KeyError: 'queue' \(test_application\.py:\d+\)"):
        await evaluator(ledger, Application.here(answer)).score(SEED, rows, phase="search")


def test_code_that_was_not_allowed_is_not_connected() -> None:
    with pytest.raises(BadInput, match="not allowed to run"):
        allowed("python:app.py:answer", ())
