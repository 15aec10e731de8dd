from __future__ import annotations

from socratune.memory.records import CandidateId, ExampleId
from socratune.tools.search.beam import Beam
from socratune.tools.search.best_of_n import BestOfN
from socratune.tools.search.policy import Move, SearchPolicy, Start, Told
from socratune.tools.search.random_walk import RandomWalk

ROOT = CandidateId("root")
START = Start(root=ROOT, operators=("gradient", "paraphrase"), seed=1)


def told(child: str, *rewards: float) -> Told:
    move = Move(operator="gradient", parents=(ROOT,) if child != ROOT else ())
    scores = {ExampleId(f"r{row}"): reward for row, reward in enumerate(rewards)}
    return Told(move=move, child=CandidateId(child), accepted=True, scores=scores, cost=1)


def grown(policy: SearchPolicy) -> SearchPolicy:
    for each in (told("root", 0.1, 0.1), told("a", 0.2, 0.2), told("b", 0.9, 0.9), told("c", 0.5, 0.5)):
        policy.tell(each)
    return policy


def parents(policy: SearchPolicy, n: int) -> list[CandidateId]:
    return [move.parents[0] for move in policy.ask(n, subgoals=1)]


def test_a_beam_holds_the_best_and_each_gets_a_move_in_turn() -> None:
    beam = grown(Beam(START, width=2))
    assert beam.front() == ("b", "c")
    assert parents(beam, 4) == ["b", "c", "b", "c"]


def test_each_member_of_a_beam_gets_each_operator_in_turn() -> None:
    moves = grown(Beam(START, width=2)).ask(4, subgoals=1)
    assert {(move.parents[0], move.operator) for move in moves} == {
        (parent, operator) for parent in "bc" for operator in START.operators
    }


def test_turns_go_on_where_a_round_makes_one_move_only() -> None:
    beam = grown(Beam(START, width=2))
    first = parents(beam, 1)
    beam.tell(
        Told(move=Move(operator="gradient", parents=(CandidateId("b"),)), child=None, accepted=False, scores={}, cost=0)
    )
    assert {*first, *parents(beam, 1)} == {"b", "c"}


def test_with_backtracking_whoever_fell_out_comes_back_when_another_turns_out_worse() -> None:
    searches = [grown(Beam(START, width=2, backtracking=each)) for each in (True, False)]
    for beam in searches:
        beam.tell(told("c", 0.1, 0.1))
    assert [beam.front() for beam in searches] == [("b", "a"), ("b", "c")]


def test_best_of_n_stays_with_the_root_and_its_first_operator() -> None:
    moves = grown(BestOfN(START)).ask(3, subgoals=1)
    assert {(move.parents, move.operator) for move in moves} == {((ROOT,), "gradient")}
    assert grown(BestOfN(START)).front() == ("b",)


def test_near_the_best_the_last_operator_samples() -> None:
    assert {(move.parents[0], move.operator) for move in grown(BestOfN(START, near=2)).ask(4, subgoals=1)} == {
        ("b", "paraphrase"),
        ("c", "paraphrase"),
    }
    assert parents(BestOfN(START, near=2), 2) == [ROOT, ROOT], "nobody is ahead of the root yet"


def test_a_random_walk_starts_from_anybody_who_was_accepted() -> None:
    assert set(parents(grown(RandomWalk(START)), 60)) == {ROOT, "a", "b", "c"}
