from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from socratune.memory.records import CandidateId, ExampleId
from socratune.tools.search.known import Known
from socratune.tools.search.moves import dealt, edits
from socratune.tools.search.policy import Move, Scores, Start, Told

ROOT, A, B = (CandidateId(each) for each in ("root", "a", "b"))
START = Start(root=ROOT, operators=("reflect",), seed=3)
ROWS = [ExampleId(f"r{n}") for n in range(5)]


def on(*rewards: float) -> Scores:
    return dict(zip(ROWS, rewards, strict=False))


def known(*children: tuple[CandidateId, Scores], most: int | None = None) -> Known:
    made = Known(START, most=most)
    for child, scores in children:
        made.tell(
            Told(move=Move(operator="reflect", parents=(ROOT,)), child=child, accepted=True, scores=scores, cost=1)
        )
    return made


def test_candidates_are_compared_only_on_rows_that_both_have_seen() -> None:
    """Regression test 10 of reference/algorithms.md 8.9: IPC compared scores on sets that grew."""
    # On its own rows b has a mean of 1, and a one of .6; on those that both have seen a is not behind.
    few, many = on(1), on(1, 1, 1, 0, 0)
    assert known((ROOT, on(0, 0, 0, 0, 0)), (A, many), (B, few)).ranked == [A, B, ROOT]


def test_of_equals_the_older_stands_first() -> None:
    assert known((ROOT, on(0, 0)), (B, on(1, 0)), (A, on(0, 1))).ranked == [B, A, ROOT]


def test_a_candidate_that_shares_no_row_with_the_root_cannot_stand_above_it() -> None:
    assert known((ROOT, {}), (A, on(1, 1))).ranked == [ROOT, A]


def test_more_rows_of_the_root_rank_all_anew() -> None:
    assert known((ROOT, on(0)), (A, on(1, 0, 0)), (ROOT, on(0, 1, 1))).ranked == [ROOT, A]


def test_more_rows_of_a_candidate_place_it_anew() -> None:
    assert known((ROOT, on(0, 0, 0)), (A, on(1)), (B, on(1, 0, 0)), (A, on(0, 0, 0))).ranked == [B, ROOT, A]


def test_whoever_falls_out_of_a_full_ranking_stays_out() -> None:
    made = known((ROOT, on(0, 0)), (A, on(0, 1)), (B, on(1, 1)), most=1)
    assert made.ranked == [B]
    assert made.value(A) == 0.5


@given(rewards=st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=5, max_size=5), min_size=1, max_size=9))
def test_where_all_have_seen_the_same_rows_the_ranking_is_by_mean(rewards: list[list[float]]) -> None:
    children = [(CandidateId(f"c{n}"), on(*each)) for n, each in enumerate(rewards)]
    made = known((ROOT, on(0, 0, 1, 1, 0)), *children)
    assert made.ranked == sorted(made.scores, key=lambda each: -sum(made.scores[each].values()))


@given(often=st.integers(1, 7), subgoals=st.integers(1, 7))
def test_equal_choices_share_the_plan_without_gaps(often: int, subgoals: int) -> None:
    moves = dealt([("reflect", (ROOT,))] * often, subgoals=subgoals)
    assert {rank for move in moves for rank in move.focus} == set(range(subgoals))
    assert len(set(moves)) == min(often, subgoals)


def test_a_choice_that_comes_once_takes_the_whole_plan() -> None:
    assert [move.focus for move in dealt([("reflect", (ROOT,)), ("reflect", (A,))], subgoals=3)] == [(0, 1, 2)] * 2


def test_a_crossover_is_no_edit_of_one_parent_unless_there_is_nothing_else() -> None:
    assert edits(("mutate", "crossover")) == ("mutate",)
    assert edits(("crossover",)) == ("crossover",)
