from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.fakes import Provider, caller_of, request

from socratune.memory.answers import SharedAnswers
from socratune.memory.calls import PaidReply
from socratune.memory.errors import BadInput, BudgetExhausted
from socratune.memory.ledger import Ledger, Spent
from socratune.memory.records import Budget, Role

PAID = PaidReply(text="yes", tokens_in=100, tokens_out=10, usd=0.5, tokens_cached=20)
OTHER_PROCESS = """
import sys
from pathlib import Path
from socratune.memory.answers import SharedAnswers
print(SharedAnswers.open(Path(sys.argv[1])).find("k").text)
"""


@pytest.fixture
def answers(tmp_path: Path) -> Iterator[SharedAnswers]:
    with closing(SharedAnswers.open(tmp_path / "answers.db")) as made:
        yield made


def ledger_at(file: Path, run: str) -> Ledger:
    made = Ledger.open(file, run)
    made.begin_run({})
    return made


async def test_the_first_answer_stands_also_for_another_process(answers: SharedAnswers, tmp_path: Path) -> None:
    await asyncio.gather(
        answers.keep("k", PAID), answers.keep("k", PaidReply(text="no", tokens_in=1, tokens_out=1, usd=0))
    )
    assert answers.find("k") == PAID
    assert answers.find("another") is None
    command = [sys.executable, "-c", OTHER_PROCESS, str(tmp_path / "answers.db")]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "yes\n"  # noqa: ASYNC221  # a look from outside


@pytest.mark.parametrize("role", ["target", "judge"])
async def test_a_call_that_another_run_paid_for_is_charged_and_reaches_no_provider(
    answers: SharedAnswers, tmp_path: Path, role: Role
) -> None:
    provider = Provider()
    ledgers = [ledger_at(tmp_path / f"{run}.db", run) for run in ("one", "two")]
    callers = [caller_of(ledger, provider, budget=Budget(calls=1)) for ledger in ledgers]
    for caller in callers:
        caller.share(answers)
        await caller.call(role, request(), phase="search")
    assert len(provider.requests) == 1
    one, two = (ledger.spent() for ledger in ledgers)
    assert one == two
    assert one[role].usd > 0
    assert callers[1].purse.spent == callers[0].purse.spent
    assert [ledger.spent(copied=False) for ledger in ledgers] == [one, {}]
    with pytest.raises(BudgetExhausted):
        await callers[1].call(role, request("Another."), phase="search")
    for ledger in ledgers:
        ledger.close()


async def test_repeats_and_the_words_of_agents_are_not_shared(answers: SharedAnswers, tmp_path: Path) -> None:
    provider = Provider()
    for run in ("one", "two"):
        with closing(ledger_at(tmp_path / f"{run}.db", run)) as ledger:
            caller = caller_of(ledger, provider)
            caller.share(answers)
            await caller.call("optimizer", request("Improve it."), phase="search")
            await caller.call("target", request(repeat=run == "two"), phase="search")
    assert len(provider.requests) == 4
    assert answers.find(request("Improve it.").key(provider.name)) is None


async def test_a_copied_call_is_answered_again_from_the_ledger_of_its_run(
    answers: SharedAnswers, tmp_path: Path
) -> None:
    await answers.keep(request().key("provider"), PAID)
    for _ in range(2):
        with closing(ledger_at(tmp_path / "ledger.db", "run")) as ledger:
            caller = caller_of(ledger, Provider())
            caller.share(answers)
            assert (await caller.call("target", request(), phase="search")) == PAID
            assert ledger.spent()["target"] == Spent(
                calls=1, rollouts=1, tokens_in=100, tokens_out=10, usd=0.5, tokens_cached=20
            )


def test_a_damaged_file_is_named_with_the_cure(tmp_path: Path) -> None:
    (file := tmp_path / "answers.db").write_bytes(b"no database" * 100)
    with pytest.raises(BadInput, match=r"answers\.db.* is damaged"):
        SharedAnswers.open(file)


def test_a_file_that_cannot_be_opened_is_not_called_damaged(tmp_path: Path) -> None:
    (folder := tmp_path / "answers.db").mkdir()
    with pytest.raises(sa.exc.OperationalError):
        SharedAnswers.open(folder)
