from __future__ import annotations

import pytest
from tests.fakes import UNCAPPED, Provider, caller_of, reply, row

from socratune.agents.evaluator import Evaluator
from socratune.agents.scorers import Measured
from socratune.memory.errors import BudgetExhausted, FinalFailure
from socratune.memory.ledger import Ledger
from socratune.memory.records import Budget, Candidate, Prompt
from socratune.tools.caller import Line
from socratune.tools.metrics import metric_named
from socratune.tools.models import Reply, Request

SEED = Candidate(prompt=Prompt(user="Which queue? {{ticket}}"))
ROWS = [row(number) for number in range(1, 7)]


def evaluator(ledger: Ledger, provider: Provider, *, budget: Budget = UNCAPPED) -> Evaluator:
    line = Line(caller=caller_of(ledger, provider, budget=budget), role="target", max_tokens=20)
    return Evaluator(line=line, scorer=Measured(metric=metric_named("exact", {})), ledger=ledger)


def answer(request: Request) -> Reply | str:
    text = request.messages[-1].content
    if "Ticket 2." in text:
        raise FinalFailure("provider", "refused")
    if "Ticket 3." in text:
        return reply("ye", "length")
    return "no" if "Ticket 4." in text else "yes"


async def test_rollouts_come_in_the_order_of_the_rows_and_are_kept(ledger: Ledger) -> None:
    done = await evaluator(ledger, Provider()).score(SEED, ROWS[::-1], phase="search")
    assert [each.example_id for each in done] == [each.id for each in ROWS[::-1]]
    assert {each.reward for each in done} == {1.0}
    assert ledger.rollouts(SEED.id) == {each.example_id: each for each in done}


async def test_a_failed_call_is_a_missing_reward_and_never_a_zero(ledger: Ledger) -> None:
    done = await evaluator(ledger, Provider(answer=answer)).score(SEED, ROWS, phase="search")
    assert [each.reward for each in done] == [1.0, None, None, 0.0, 1.0, 1.0]
    assert [each.error for each in done[:3]] == [
        None,
        "refused",
        "the answer did not end by itself (stop reason 'length')",
    ]
    assert (done[3].feedback, done[3].output) == ("expected 'yes', got 'no'", "no")


async def test_only_what_failed_is_run_again_and_not_what_was_billed_and_cut(ledger: Ledger) -> None:
    provider = Provider(answer=answer)
    scorer = evaluator(ledger, provider)
    await scorer.score(SEED, ROWS, phase="search")
    provider.answer = lambda _: "yes"
    again = await scorer.score(SEED, ROWS, phase="search")
    assert [each.reward for each in again] == [1.0, 1.0, None, 0.0, 1.0, 1.0]
    assert len(provider.requests) == len(ROWS) + 1


async def test_an_answer_that_cannot_be_read_is_a_zero_that_says_so(ledger: Ledger) -> None:
    (done,) = await evaluator(ledger, Provider(answer=lambda _: " ")).score(SEED, ROWS[:1], phase="search")
    assert (done.reward, done.parsed) == (0.0, False)


async def test_a_repeat_is_another_answer_to_the_same_row(ledger: Ledger) -> None:
    provider = Provider(answer=lambda asked: "yes" if asked.repeat else "no")
    scorer = evaluator(ledger, provider)
    rewards = [(await scorer.score(SEED, ROWS[:1], phase="preflight", repeat=n))[0].reward for n in (0, 1, 2, 0)]
    assert rewards == [0.0, 1.0, 1.0, 0.0]
    assert len(provider.requests) == 3


async def test_a_spent_budget_ends_the_block_only_when_what_was_paid_for_is_kept(ledger: Ledger) -> None:
    scorer = evaluator(ledger, Provider(latency=0.01), budget=Budget(rollouts=4))
    with pytest.raises(BudgetExhausted, match="rollouts"):
        await scorer.score(SEED, ROWS, phase="search")
    assert list(ledger.rollouts(SEED.id)) == [each.id for each in ROWS[:4]]
    assert ledger.spent()["target"].rollouts == 4


async def test_no_rows_cost_nothing(ledger: Ledger) -> None:
    provider = Provider()
    assert await evaluator(ledger, provider).score(SEED, [], phase="search") == []
    assert provider.requests == []


async def test_answers_that_nobody_scores_are_paid_for_once_and_kept_as_calls_alone(ledger: Ledger) -> None:
    provider = Provider(answer=answer)
    scorer = evaluator(ledger, provider)
    told = await scorer.answers(SEED, ROWS[:4], phase="search")
    assert [each.output for each in told] == ["yes", None, None, "no"]
    assert {each.reward for each in told} == {None}
    assert ledger.rollouts(SEED.id) == {}
    provider.answer = lambda _: "yes"
    scored = await scorer.score(SEED, ROWS[:4], phase="search")
    assert [each.output for each in scored] == ["yes", "yes", None, "no"]
    assert len(provider.requests) == 5
