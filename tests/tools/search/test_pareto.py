from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socratune.memory.records import CandidateId, ExampleId
from socratune.tools.search.pareto import Pareto, complement, draw_leader, leads_of, undominated
from socratune.tools.search.policy import Move, Scores, Start, Told

ROOT, A, B, C = (CandidateId(each) for each in ("root", "a", "b", "c"))
ROWS = [ExampleId(f"r{n}") for n in range(6)]
REWARDS = st.lists(st.sampled_from([0.0, 0.5, 1.0]), max_size=6)
POOLS = st.lists(REWARDS, min_size=1, max_size=8).map(
    lambda pool: {CandidateId(f"c{n}"): on(*rewards) for n, rewards in enumerate(pool)}
)


def on(*rewards: float) -> Scores:
    return dict(zip(ROWS, rewards, strict=False))


def told(child: CandidateId, scores: Scores, *parents: CandidateId, operator: str = "reflect") -> Told:
    return Told(move=Move(operator=operator, parents=parents), child=child, accepted=True, scores=scores, cost=6)


def searched(*history: Told, operators: tuple[str, ...] = ("reflect", "crossover")) -> Pareto:
    made = Pareto(Start(root=ROOT, operators=operators, seed=2))
    for each in history:
        made.tell(each)
    return made


@given(pool=POOLS)
def test_nobody_left_is_matched_on_all_that_it_leads_on_and_every_row_keeps_a_leader(
    pool: dict[CandidateId, Scores],
) -> None:
    leads = leads_of(pool)
    left = undominated(leads, worst_first=sorted(pool, reverse=True))
    assert {row for rows in left.values() for row in rows} == {row for scores in pool.values() for row in scores}
    for one, rows in left.items():
        others = {row for other, held in left.items() if other != one for row in held}
        assert not rows <= others


@given(pool=POOLS)
def test_a_leader_has_the_best_reward_among_those_who_have_seen_the_row(pool: dict[CandidateId, Scores]) -> None:
    for one, rows in leads_of(pool).items():
        assert rows
        assert all(pool[one][row] == max(scores[row] for scores in pool.values() if row in scores) for row in rows)


def test_of_two_who_lead_on_the_same_rows_the_worse_is_dropped() -> None:
    leads = leads_of({A: on(1, 1, 0), B: on(1, 1, 0), C: on(0, 0, 1)})
    assert set(undominated(leads, worst_first=(B, A, C))) == {A, C}


def test_parents_are_drawn_as_often_as_they_lead() -> None:
    leads = leads_of({A: on(1, 1, 1, 0), B: on(0, 0, 0, 1)})
    chance = Random(4)  # noqa: S311  # a toy, not a secret
    drawn = Counter(draw_leader(leads, chance) for _ in range(2000))
    assert drawn[A] / 2000 == pytest.approx(0.75, abs=0.05)


def test_a_specialist_that_is_worse_on_average_stays_a_parent() -> None:
    policy = searched(told(ROOT, on(0, 0, 0, 0)), told(A, on(1, 1, 1, 0), ROOT), told(B, on(0, 0, 0, 1), ROOT))
    assert policy.front() == (A, B)
    assert {parent for move in policy.ask(40, subgoals=1) for parent in move.parents} == {A, B}


def test_after_a_success_two_who_lead_on_different_rows_are_merged_the_better_first() -> None:
    policy = searched(told(ROOT, on(0, 0, 0, 0)), told(B, on(0, 0, 0, 1), ROOT), told(A, on(1, 1, 1, 0), ROOT))
    (move,) = policy.ask(1, subgoals=1)
    assert (move.operator, move.parents) == ("crossover", (A, B))


def test_a_pair_is_merged_once_and_no_merge_follows_a_merge() -> None:
    history = [told(ROOT, on(0, 0, 0, 0)), told(B, on(0, 0, 0, 1), ROOT), told(A, on(1, 1, 0, 0), ROOT)]
    merged = told(C, on(1, 0, 0, 0), A, B, operator="crossover")
    assert searched(*history, merged).ask(1, subgoals=1)[0].operator == "reflect"
    later = told(CandidateId("later"), on(1, 0, 0, 0), A)
    assert searched(*history, merged, later).ask(1, subgoals=1)[0].operator == "reflect"


def test_a_candidate_is_not_merged_with_its_own_ancestor() -> None:
    policy = searched(told(ROOT, on(0, 0, 0, 0)), told(B, on(0, 0, 0, 1), ROOT), told(A, on(1, 1, 1, 0), B))
    assert policy.ask(1, subgoals=1)[0].operator == "reflect"


def test_nothing_is_merged_without_an_operator_for_it() -> None:
    history = (told(ROOT, on(0, 0)), told(B, on(0, 1), ROOT), told(A, on(1, 0), ROOT))
    assert searched(*history, operators=("reflect",)).ask(1, subgoals=1)[0].operator == "reflect"


def test_what_two_add_to_each_other_is_the_better_of_both_row_by_row() -> None:
    assert complement(on(1, 1, 1, 0), on(0, 0, 0, 1)) == 0.25
    assert complement(on(1, 1), on(1, 0)) == 0
    assert complement(on(1, 1), {}) == 0
