"""One suite over every search policy: what the search graph relies on, whatever the method."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socratune.memory.records import CandidateId, ExampleId
from socratune.tools.search.greedy import Greedy
from socratune.tools.search.policy import Move, SearchPolicy, Told, gain, replay

ROOT = CandidateId("root")
Fresh = Callable[[], SearchPolicy]


def greedy() -> SearchPolicy:
    return Greedy(root=ROOT, operator="socratic")


POLICIES = [greedy]
ROWS = [ExampleId(f"r{n}") for n in range(4)]
REWARDS = st.dictionaries(st.sampled_from(ROWS), st.floats(0, 1))
RESULTS = st.tuples(st.booleans(), REWARDS)
HISTORIES = st.lists(RESULTS, max_size=12).map(
    lambda results: [
        Told(child=CandidateId(f"c{n}") if written else None, scores=scores if written else {}, cost=float(len(scores)))
        for n, (written, scores) in enumerate(results)
    ]
)
every_policy = pytest.mark.parametrize("fresh", POLICIES)
any_plan = {"wanted": st.integers(1, 5), "subgoals": st.integers(1, 9)}


def asked(policy: SearchPolicy, wanted: int, subgoals: int) -> list[Move]:
    return policy.ask(wanted, subgoals=subgoals)


@every_policy
@given(history=HISTORIES, **any_plan)
def test_there_is_at_least_one_move_and_never_more_than_wanted(
    fresh: Fresh, history: list[Told], wanted: int, subgoals: int
) -> None:
    assert 1 <= len(asked(replay(fresh(), history), wanted, subgoals)) <= wanted


@every_policy
@given(history=HISTORIES, **any_plan)
def test_a_move_works_on_a_part_of_the_plan_from_a_candidate_that_exists(
    fresh: Fresh, history: list[Told], wanted: int, subgoals: int
) -> None:
    known = {ROOT, *(told.child for told in history)}
    for move in asked(replay(fresh(), history), wanted, subgoals):
        assert move.focus
        assert len(set(move.focus)) == len(move.focus)
        assert set(move.focus) <= set(range(subgoals))
        assert move.parents
        assert set(move.parents) <= known


@every_policy
@given(history=HISTORIES, **any_plan)
def test_the_moves_of_one_round_differ(fresh: Fresh, history: list[Told], wanted: int, subgoals: int) -> None:
    moves = asked(replay(fresh(), history), wanted, subgoals)
    assert len(set(moves)) == len(moves)


@every_policy
@given(history=HISTORIES, **any_plan)
def test_the_same_history_gives_the_same_moves(fresh: Fresh, history: list[Told], wanted: int, subgoals: int) -> None:
    one, other = (replay(fresh(), history) for _ in range(2))
    assert asked(one, wanted, subgoals) == asked(other, wanted, subgoals)
    assert asked(one, wanted, subgoals) == asked(other, wanted, subgoals)  # asking changes nothing


@every_policy
@given(history=HISTORIES, **any_plan)
def test_a_resumed_run_makes_the_moves_that_the_living_one_would_have_made(
    fresh: Fresh, history: list[Told], wanted: int, subgoals: int
) -> None:
    living = fresh()
    for told in history:
        asked(living, wanted, subgoals)
        living.tell(told)
    assert asked(living, wanted, subgoals) == asked(replay(fresh(), history), wanted, subgoals)


@given(scores=st.dictionaries(st.sampled_from(ROWS), st.tuples(st.floats(0, 1), st.floats(0, 1))))
def test_a_gain_is_the_mean_difference_on_the_rows_that_both_have_seen(
    scores: dict[ExampleId, tuple[float, float]],
) -> None:
    child, other = ({row: pair[side] for row, pair in scores.items()} for side in (0, 1))
    forward = gain(child | {ExampleId("alone"): 1.0}, other)
    assert forward == pytest.approx(-gain(other, child))
    assert -1 <= forward <= 1
    assert gain({}, other) == 0.0
