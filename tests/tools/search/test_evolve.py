from __future__ import annotations

import math
from collections import deque
from functools import partial
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tools.search.toys import ROOT, Walk, best, trap, walk

from socratune.memory.records import CandidateId, ExampleId
from socratune.tools.search.evolve import HEURISTICS, Evolve
from socratune.tools.search.evolve.populations import by_rank
from socratune.tools.search.evolve.walks import NEIGHBOURS, WINDOW, acceptance
from socratune.tools.search.policy import Move, Search, Start, Told

SEARCHES: dict[str, Search] = {name: partial(Evolve, heuristic=name) for name in HEURISTICS}
ROW = ExampleId("r1")


def climbed(name: str, seed: int, *, moves: int = 60) -> Walk:
    return walk(SEARCHES[name], trap, phrases="abcdpq", seed=seed, moves=moves)


def told(child: str, reward: float, *, parent: str = "root", operator: str = "edit") -> Told:
    move = Move(operator=operator, parents=(CandidateId(parent),) if child != parent else ())
    return Told(move=move, child=CandidateId(child), accepted=True, scores={ROW: reward}, cost=1.0)


def searched(name: str, *history: Told, operators: tuple[str, ...] = ("edit", "crossover")) -> Evolve:
    made = SEARCHES[name](Start(root=CandidateId("root"), operators=operators, seed=5))
    assert isinstance(made, Evolve)
    for each in history:
        made.tell(each)
    return made


def parents_of(policy: Evolve, n: int = 20) -> set[tuple[str, ...]]:
    return {move.parents for move in policy.ask(n, subgoals=1)}


def test_s008_hill_climbing_stalls_in_a_local_optimum_and_tabu_search_leaves_it() -> None:
    """Plum (S008): one key swaps the heuristic; landscape, operators and budget stay as they are."""
    stalled = [best(climbed("hill", seed), trap) for seed in range(5)]
    escaped = [best(climbed("tabu", seed), trap) for seed in range(5)]
    assert stalled == pytest.approx([0.6] * 5)
    assert sum(score > 0.95 for score in escaped) >= 4


@pytest.mark.parametrize("name", HEURISTICS)
def test_one_key_swaps_the_heuristic_and_a_seed_repeats_the_search(name: str) -> None:
    assert climbed(name, 3, moves=30).told == climbed(name, 3, moves=30).told


def test_s008_tabu_search_repeats_no_pair_within_its_window_and_stands_on_no_prompt_twice() -> None:
    history = climbed("tabu", 1).told[1:]
    pairs = deque[tuple[str, tuple[CandidateId, ...]]](maxlen=NEIGHBOURS - 1)
    stood = [ROOT]
    for each in history:
        pair = (each.move.operator, each.move.parents)
        assert pair not in pairs, "six operators: five others are always left"
        pairs.append(pair)
        if each.move.parents[0] != stood[-1]:
            stood.append(each.move.parents[0])
    assert len(stood) > 5
    assert all(each not in stood[max(0, place - WINDOW) : place] for place, each in enumerate(stood))


def test_tabu_search_steps_down_when_all_around_is_worse() -> None:
    worse = [told(f"c{n}", 0.5 - n / 100) for n in range(NEIGHBOURS)]
    assert parents_of(searched("tabu", told("root", 0.9), *worse)) == {("c0",)}
    assert searched("tabu", told("root", 0.9), *worse).front() == ("root",)


def test_tabu_search_does_not_step_back_though_it_was_better_there() -> None:
    down = [told(f"c{n}", 0.5 - n / 100) for n in range(NEIGHBOURS)]
    back = [told("root", 0.9, parent="c0"), *[told(f"d{n}", 0.3 - n / 100, parent="c0") for n in range(1, NEIGHBOURS)]]
    assert parents_of(searched("tabu", told("root", 0.9), *down, *back)) == {("d1",)}


def test_hill_climbing_steps_up_only() -> None:
    assert parents_of(searched("hill", told("root", 0.5), told("worse", 0.4), told("equal", 0.5))) == {("root",)}
    assert parents_of(searched("hill", told("root", 0.5), told("better", 0.6), told("worse", 0.4))) == {("better",)}


@given(change=st.floats(-1, 1), worse=st.floats(0, 1), hot=st.floats(0, 2), hotter=st.floats(0, 2))
def test_annealing_takes_the_better_always_and_the_worse_the_more_seldom_the_colder(
    change: float, worse: float, hot: float, hotter: float
) -> None:
    chance = acceptance(change, temperature=hot)
    assert 0 <= chance <= 1
    assert chance == 1 or change < 0
    assert acceptance(change - worse, temperature=hot) <= chance
    assert chance <= acceptance(change, temperature=hot + hotter)


def test_a_loss_as_large_as_the_temperature_is_taken_in_one_of_e_cases() -> None:
    assert acceptance(-0.1, temperature=0.1) == pytest.approx(1 / math.e)
    assert acceptance(-0.1, temperature=0.0) == 0.0


def test_annealing_walks_down_at_first_and_hardly_at_the_end() -> None:
    down = [told(f"c{n}", 0.5 - n / 100, parent="root") for n in range(1, 40)]
    early = {
        parent for n in range(1, 4) for parent in parents_of(searched("annealing", told("root", 0.5), *down[:n]), 1)
    }
    assert early != {("root",)}
    cold = [told(f"up{n}", 0.5) for n in range(300)]
    assert parents_of(searched("annealing", told("root", 0.5), *cold, told("down", 0.4)), 1) != {("down",)}


def test_a_genetic_algorithm_crosses_two_different_parents() -> None:
    policy = searched("ga", told("root", 0.1), told("a", 0.5), told("b", 0.6))
    moves = policy.ask(30, subgoals=1)
    crossed = [move for move in moves if move.operator == "crossover"]
    assert crossed
    assert all(len(set(move.parents)) == 2 for move in crossed)
    assert all(len(move.parents) == 1 for move in moves if move.operator == "edit")


def test_alone_in_its_population_a_prompt_is_edited_and_not_crossed() -> None:
    assert {move.operator for move in searched("ga", told("root", 0.1)).ask(20, subgoals=1)} == {"edit"}


def test_the_better_half_of_a_population_breeds_more_often() -> None:
    names, chance = [CandidateId(f"c{n}") for n in range(10)], Random(1)  # noqa: S311  # a toy, not a secret
    drawn = [by_rank(names, chance) for _ in range(1000)]
    assert sum(each in names[:5] for each in drawn) == pytest.approx(1000 * 40 / 55, abs=50)


def test_harmony_search_combines_varies_and_now_and_then_starts_from_the_root() -> None:
    policy = searched("harmony", told("root", 0.1), *[told(f"c{n}", 0.5) for n in range(20)])
    moves = policy.ask(400, subgoals=1)
    assert 0.5 < sum(move.operator == "crossover" for move in moves) / 400 < 0.75
    assert 0.05 < sum(move.parents == ("root",) for move in moves) / 400 < 0.2
