"""One suite over every allocation: it ends, keeps to its rows, and keeps the best."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socratune.memory.records import CandidateId, ExampleId
from socratune.tools.search.allocation import Allocation, Arm, Arms, Everyone
from socratune.tools.search.bandits import Halving, Rejects, Ucb
from socratune.tools.search.races import Crowd, Paired

EACH = 24
"""Mean rows an arm that the budgeted ones may buy."""
BUDGETED: dict[str, Allocation] = {
    "uniform": Everyone(rows=EACH),
    "ucb": Ucb(keep=2, rows=EACH),
    "rejects": Rejects(keep=2, rows=EACH),
    "halving": Halving(keep=2, rows=EACH),
    "one by ucb": Ucb(keep=1, rows=EACH),
    "one by rejects": Rejects(keep=1, rows=EACH),
    "one by halving": Halving(keep=1, rows=EACH),
}
ALLOCATIONS: dict[str, Allocation] = BUDGETED | {
    "everyone": Everyone(),
    "best of everyone": Everyone(rows=EACH, keep=1),
    "paired": Paired(),
    "paired for three": Paired(keep=3),
    "crowd": Crowd(keep=2),
}
every_allocation = pytest.mark.parametrize("allocation", ALLOCATIONS.values(), ids=ALLOCATIONS)
budgeted = pytest.mark.parametrize("allocation", BUDGETED.values(), ids=BUDGETED)
briefly = settings(max_examples=25)


class Pool(NamedTuple):
    """Candidates with all the answers they would give; the first so many are new."""

    answers: Mapping[CandidateId, list[float | None]]
    new: int
    seen: Mapping[CandidateId, int]

    def arms(self, asked: Mapping[CandidateId, int]) -> Arms:
        return {
            each: Arm(asked=count, scores=scores(self.answers[each][:count]), is_new=index < self.new)
            for index, (each, count) in enumerate(asked.items())
        }


class Spent(NamedTuple):
    """A round that came to its end."""

    asked: Mapping[CandidateId, int]
    kept: tuple[CandidateId, ...]


def scores(answers: list[float | None]) -> dict[ExampleId, float]:
    return {ExampleId(f"r{row}"): reward for row, reward in enumerate(answers) if reward is not None}


def spend(allocation: Allocation, pool: Pool, *, rows: int) -> Spent:
    asked = dict(pool.seen)
    for _ in range(1000):
        pulls = allocation.pulls(pool.arms(asked), rows=rows)
        if not pulls:
            return Spent(asked, allocation.kept(pool.arms(asked)))
        assert all(asked[each] < count <= rows for each, count in pulls.items()), "a pull is for more rows, of dev"
        asked |= pulls
    raise AssertionError("it never ends")


@st.composite
def pools(draw: st.DrawFn, rows: int = 40) -> Pool:
    """Draw arms of any quality, some with silent rows, some run before."""
    names = [CandidateId(f"c{n}") for n in range(draw(st.integers(1, 7)))]
    chance = Random(draw(st.integers(0, 999)))  # noqa: S311  # a toy, not a secret
    answers = {name: _answers(chance, rows) for name in names}
    seen = {name: draw(st.sampled_from([0, 0, 8, 24, rows])) for name in names}
    return Pool(answers, draw(st.integers(1, len(names))), seen)


def _answers(chance: Random, rows: int) -> list[float | None]:
    quality, silence = chance.random(), chance.choice([0, 0, 0.2, 1])
    return [None if chance.random() < silence else float(chance.random() < quality) for _ in range(rows)]


def even(means: list[float], *, rows: int = 40, new: int | None = None) -> Pool:
    """Return arms that answer right on an even share of the rows."""
    names = [CandidateId(f"c{n}") for n in range(len(means))]
    answers: dict[CandidateId, list[float | None]] = {
        name: [float(int((row + 1) * mean) > int(row * mean)) for row in range(rows)]
        for name, mean in zip(names, means, strict=True)
    }
    return Pool(answers, len(means) if new is None else new, dict.fromkeys(names, 0))


@every_allocation
@briefly
@given(pool=pools(), rows=st.integers(1, 40))
def test_it_ends_and_nobody_sees_more_rows_than_there_are(allocation: Allocation, pool: Pool, rows: int) -> None:
    seen = {each: min(count, rows) for each, count in pool.seen.items()}
    spent = spend(allocation, pool._replace(seen=seen), rows=rows)
    assert max(spent.asked.values()) <= rows


@every_allocation
@briefly
@given(pool=pools())
def test_somebody_is_kept_and_nobody_twice(allocation: Allocation, pool: Pool) -> None:
    kept = spend(allocation, pool, rows=40).kept
    assert 1 <= len(kept) <= len(pool.answers)
    assert len(set(kept)) == len(kept)
    assert set(kept) <= set(pool.answers)


@every_allocation
@briefly
@given(pool=pools())
def test_the_same_answers_are_bought_and_kept_again(allocation: Allocation, pool: Pool) -> None:
    assert spend(allocation, pool, rows=40) == spend(allocation, pool, rows=40)


@every_allocation
def test_a_clear_winner_is_kept_first(allocation: Allocation) -> None:
    pool = even([0.2, 0.3, 1.0, 0.1, 0.25, 0.0])
    assert spend(allocation, pool, rows=40).kept[0] == "c2"


@every_allocation
def test_an_old_arm_that_is_clearly_best_is_kept(allocation: Allocation) -> None:
    pool = even([0.2, 0.3, 1.0], new=2)
    assert spend(allocation, pool, rows=40).kept[0] == "c2"


@every_allocation
def test_ties_go_to_the_older(allocation: Allocation) -> None:
    pool = even([0.5, 0.5, 0.5], new=2)
    assert spend(allocation, pool, rows=40).kept[0] == "c2"


@every_allocation
def test_one_that_never_answers_neither_wins_nor_hides_who_does(allocation: Allocation) -> None:
    pool = even([0.2, 0.9, 0.3, 0.3, 0.2])
    silent: Mapping[CandidateId, list[float | None]] = {**pool.answers, CandidateId("c0"): [None] * 40}
    assert spend(allocation, pool._replace(answers=silent), rows=40).kept[0] == "c1"


@budgeted
@briefly
@given(pool=pools())
def test_a_budget_is_kept_and_rows_seen_before_count_as_bought(allocation: Allocation, pool: Pool) -> None:
    fresh = pool._replace(seen=dict.fromkeys(pool.seen, 0))
    assert sum(spend(allocation, fresh, rows=40).asked.values()) <= EACH * len(pool.answers)
    bought = {each: count - pool.seen[each] for each, count in spend(allocation, pool, rows=40).asked.items()}
    assert sum(bought.values()) <= EACH * len(pool.answers)


@pytest.mark.parametrize("name", [name for name in ALLOCATIONS if name not in ("uniform", "everyone")])
@briefly
@given(pool=pools())
def test_no_more_are_kept_than_wanted(name: str, pool: Pool) -> None:
    most = {"ucb": 2, "rejects": 2, "halving": 2, "crowd": 2, "paired for three": 3}.get(name, 1)
    assert len(spend(ALLOCATIONS[name], pool, rows=40).kept) <= most


@pytest.mark.parametrize("allocation", [Paired(), Ucb(keep=1, rows=EACH), Rejects(keep=1, rows=EACH)])
def test_a_child_without_a_rival_costs_no_row(allocation: Allocation) -> None:
    assert spend(allocation, even([0.4]), rows=40).asked == {"c0": 0}


@pytest.mark.parametrize("name", ["ucb", "crowd", "uniform", "everyone"])
def test_nobody_new_is_kept_without_a_row_because_few_are_left(name: str) -> None:
    pool = Pool(
        answers={CandidateId("child"): [1.0] * 40, CandidateId("leader"): [0.0] * 40},
        new=1,
        seen={CandidateId("child"): 0, CandidateId("leader"): 24},
    )
    assert spend(ALLOCATIONS[name], pool, rows=40).asked[CandidateId("child")] > 0
