from __future__ import annotations

import math
from collections import Counter
from functools import partial
from random import Random
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socratune.memory.records import CandidateId, ExampleId
from socratune.tools.search.operators import (
    OPTIMISM,
    OperatorBandit,
    Tally,
    operator_draw,
    operator_index,
    total,
    yield_of,
)
from socratune.tools.search.policy import Move, Search, Start, Told
from socratune.tools.search.random_walk import RandomWalk

ROOT = CandidateId("root")
PAYS = {"reflect": 0.5, "mutate": 0.15, "compress": 0.05, "induce": 0.0}
"""How often a move of the operator gains five points."""
SIZES = st.integers(1, 60)
GAINS = st.floats(0, 2)
Rule = Literal["ucb", "thompson"]


def tally(moves: int, gained: float, calls: float) -> Tally:
    return Tally(moves=moves, gained=gained, calls=calls)


@given(moves=SIZES, gained=GAINS, more=GAINS, calls=SIZES, dearer=SIZES)
def test_more_gain_raises_an_index_and_more_cost_or_more_moves_lower_it(
    moves: int, gained: float, more: float, calls: int, dearer: int
) -> None:
    everyone = tally(200, 5.0, 4000.0)
    index = operator_index(tally(moves, gained, calls), everyone)
    assert operator_index(tally(moves, gained + more, calls), everyone) >= index
    assert operator_index(tally(moves, gained, calls + dearer), everyone) <= index
    assert operator_index(tally(moves + 1, gained, calls), everyone) <= index


@given(moves=SIZES, gained=GAINS, calls=SIZES)
def test_an_operator_that_was_never_tried_comes_first(moves: int, gained: float, calls: int) -> None:
    everyone = tally(moves, gained, calls)
    chance = Random(1)  # noqa: S311  # a toy, not a secret
    assert operator_index(Tally(), everyone) == math.inf > operator_index(everyone, everyone)
    assert operator_draw(Tally(), everyone, chance) == math.inf > operator_draw(everyone, everyone, chance)


def test_a_yield_is_gain_for_the_price_of_an_average_move() -> None:
    cheap, dear = tally(4, 0.4, 40), tally(4, 0.4, 400)
    everyone = total([cheap, dear])
    assert everyone == tally(8, 0.8, 440)
    assert yield_of(cheap, everyone) == pytest.approx((0.4 + OPTIMISM) / (40 + 55) * 55)
    assert yield_of(dear, everyone) == pytest.approx((0.4 + OPTIMISM) / (400 + 55) * 55)


def simulated(search: Search, *, seed: int, moves: int = 80) -> tuple[float, Counter[str]]:
    """Run a policy on operators that pay by chance; return the reward reached and the moves by operator."""
    policy, made, reached = search(Start(root=ROOT, operators=tuple(PAYS), seed=seed)), Counter[str](), 0.0
    seed_move = Move(operator="seed", parents=())
    policy.tell(Told(move=seed_move, child=ROOT, accepted=True, scores={ExampleId("r"): 0.0}, cost=0))
    for number in range(moves):
        (move,) = policy.ask(1, subgoals=1)
        made[move.operator] += 1
        pays = Random(f"{seed} {number}").random() < PAYS[move.operator]  # noqa: S311  # a toy, not a secret
        reached += 0.05 * pays
        scores = {ExampleId("r"): reached}
        policy.tell(Told(move=move, child=CandidateId(f"c{number}"), accepted=pays, scores=scores, cost=20))
    return reached, made


@pytest.mark.parametrize("rule", ["ucb", "thompson"])
def test_the_operator_that_pays_most_gets_half_of_the_moves_and_all_are_tried(rule: Rule) -> None:
    made = [simulated(partial(OperatorBandit, rule=rule), seed=seed)[1] for seed in range(10)]
    assert all(set(each) == set(PAYS) for each in made)
    assert sum(each["reflect"] for each in made) >= 10 * 80 / 2


@pytest.mark.parametrize("rule", ["ucb", "thompson"])
def test_a_bandit_gains_half_as_much_again_as_chance_for_the_same_calls(rule: Rule) -> None:
    seeds = range(10)
    bandit = sum(simulated(partial(OperatorBandit, rule=rule), seed=seed)[0] for seed in seeds)
    chance = sum(simulated(RandomWalk, seed=seed)[0] for seed in seeds)
    assert bandit >= 1.5 * chance


def test_the_moves_of_one_round_try_different_operators_first() -> None:
    policy = OperatorBandit(Start(root=ROOT, operators=tuple(PAYS), seed=1))
    assert [move.operator for move in policy.ask(4, subgoals=1)] == list(PAYS)


def test_a_crossover_waits_for_two_parents_and_takes_the_leader_among_them() -> None:
    policy = OperatorBandit(Start(root=ROOT, operators=("crossover", "mutate"), seed=1), parents="leader")
    assert {move.operator for move in policy.ask(3, subgoals=1)} == {"mutate"}
    for child, reward in ((ROOT, 0.1), (CandidateId("a"), 0.5)):
        move = Move(operator="mutate", parents=(ROOT,) if child != ROOT else ())
        policy.tell(Told(move=move, child=child, accepted=True, scores={ExampleId("r"): reward}, cost=8))
    (move,) = policy.ask(1, subgoals=1)
    assert (move.operator, move.parents) == ("crossover", ("a", ROOT))
