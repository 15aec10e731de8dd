"""Runs that are compared: they open the same rows once, and one that found nothing is scored there, too."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.graphs.scene import carry_out, folder_in, home_at, order

from socratune.graphs.batch import Outcome, Work, outcome_of
from socratune.graphs.compare import carry_out_in_turn, optimize_and_score
from socratune.graphs.engine import Look, Order, Watch
from socratune.graphs.result import Result
from socratune.memory.errors import BadInput, Paused
from socratune.memory.ledger import Ledger
from socratune.memory.lessons import Lessons
from socratune.memory.records import Budget, ExampleId
from socratune.memory.runs import Home


def rows_tested(home: Home, name: str) -> list[str]:
    """The test rows of a run."""
    with closing(Ledger.open(folder_in(home, name).ledger, name)) as ledger:
        return list(ledger.settings()["rows"]["test"])


def compared(asked: Order, home: Home, name: str) -> Result:
    """One run of a compare."""
    return asyncio.run(optimize_and_score(asked, folder_in(home, name), home, Watch()))


def test_runs_with_other_seeds_open_the_same_rows_and_count_as_one_look(tmp_path: Path) -> None:
    home = home_at(tmp_path)
    carry_out(order(budget=Budget(rollouts=200)), home, name="first")
    rows = rows_tested(home, "first")
    with closing(Lessons.open(home.memory)) as lessons:
        before = lessons.sealed_groups()
        look = Look(name="compare-1", number=2, rows=tuple(map(ExampleId, rows)))
        for seed in (1, 2):
            asked = replace(order(seed=seed, budget=Budget(rollouts=200)), look=look)
            result = compared(asked, home, f"arm{seed}")
            assert rows_tested(home, f"arm{seed}") == rows
            assert result.verdict is None or result.verdict.alpha == 0.025
        assert lessons.sealed_groups() == before
        assert lessons.looks(before) == 2


def test_a_run_that_ends_with_the_seed_scores_it_on_the_sealed_rows_and_pays_for_it(tmp_path: Path) -> None:
    home = home_at(tmp_path)
    asked = order("null-ideal", budget=Budget(rollouts=200))
    result = compared(asked, home, "arm")
    assert result.verdict is None
    assert "sealed" not in result.sentence
    with closing(Ledger.open(folder_in(home, "arm").ledger, "arm")) as ledger:
        scored = ledger.rollouts(result.seed.id)
        rows = ledger.settings()["rows"]["test"]
        assert set(rows) <= set(scored)
        assert ledger.spent() == result.spent
    calls = result.spent["target"].calls
    again = compared(asked, home, "arm")
    assert again.spent["target"].calls == calls


async def test_no_run_is_begun_after_one_that_paused() -> None:
    begun: list[str] = []
    told: dict[str, Outcome] = {}

    def ending(name: str, error: Exception) -> Work:
        async def work() -> Result:
            begun.append(name)
            raise error

        return work

    ends = {"fails": ValueError("its own trouble"), "pauses": Paused("no answer"), "later": ValueError("not reached")}
    await carry_out_in_turn({name: ending(name, error) for name, error in ends.items()}, ended=told.__setitem__)
    assert begun == list(told) == ["fails", "pauses"]
    assert told["pauses"] is ends["pauses"]


@pytest.mark.parametrize(
    ("error", "said"),
    [(KeyError("r1"), "KeyError: 'r1'"), (ValueError(), "ValueError"), (BadInput("no rows"), "no rows")],
)
async def test_what_nobody_raised_on_purpose_is_told_by_its_type(error: Exception, said: str) -> None:
    async def work() -> Result:
        raise error

    outcome = await outcome_of(work)
    assert isinstance(outcome, BaseException)
    assert str(outcome) == said
    assert error in (outcome, outcome.__cause__)
