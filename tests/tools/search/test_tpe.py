from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socratune.memory.records import CandidateId, ExampleId
from socratune.tools.search.policy import Move, Start, Told
from socratune.tools.search.tpe import Pair, Tpe, density, promise, split

ROOT = CandidateId("root")
OPERATORS = ("induce", "demos", "join")
NAMES = [CandidateId(each) for each in ("root", "i1", "i2", "i3")]
SEEN = st.lists(st.sampled_from(NAMES), max_size=12)
PAIRS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), min_size=1, max_size=12)


def tell(policy: Tpe, move: Move, reward: float, child: str = "", *, accepted: bool = True) -> CandidateId:
    name = CandidateId(child or "+".join((move.operator, *move.parents)))
    policy.tell(Told(move=move, child=name, accepted=accepted, scores={ExampleId("r"): reward}, cost=1))
    return name


def begun(*, options: int = 3, warm: int = 2, seed: int = 1) -> tuple[Tpe, dict[CandidateId, float]]:
    """Return a policy with its options written: i0 < i1 < i2 and d0 < d1 < d2, each worth a little more."""
    policy = Tpe(Start(root=ROOT, operators=OPERATORS, seed=seed), options=options, warm=warm)
    tell(policy, Move(operator="seed", parents=()), 0.0, "root")
    worth: dict[CandidateId, float] = {}
    for number in range(options):
        for operator in ("induce", "demos"):
            value = 0.1 * number
            name = f"{operator[0]}{number}"
            worth[tell(policy, Move(operator=operator, parents=(ROOT,)), value, name)] = value
    return policy, worth


def test_instructions_and_demo_sets_are_written_apart_by_turns() -> None:
    moves = Tpe(Start(root=ROOT, operators=OPERATORS, seed=1), options=2).ask(9, subgoals=1)
    assert [(move.operator, move.parents) for move in moves] == [
        ("induce", (ROOT,)),
        ("demos", (ROOT,)),
        ("induce", (ROOT,)),
        ("demos", (ROOT,)),
    ]


def test_then_an_instruction_is_joined_with_a_demo_set_each_pair_once() -> None:
    policy, _ = begun()
    joined: list[tuple[CandidateId, ...]] = []
    for _ in range(9):
        (move,) = policy.ask(1, subgoals=1)
        assert move.operator == "join"
        assert (move.parents[0][0], move.parents[1][0]) == ("i", "d")
        tell(policy, move, 0.1)
        joined.append(move.parents)
    assert len(set(joined)) == 9
    assert {move.operator for move in policy.ask(2, subgoals=1)} == {"induce", "demos"}, (
        "new options, when all is tried"
    )


def test_the_best_pair_is_found_before_the_average_one() -> None:
    found = []
    for seed in range(20):
        policy, worth = begun(options=5, seed=seed)
        for number in range(25):
            (move,) = policy.ask(1, subgoals=1)
            tell(policy, move, sum(worth[each] for each in move.parents))
            if set(move.parents) == {"i4", "d4"}:
                found.append(number)
                break
    assert len(found) == 20
    assert sum(found) / 20 < 8, "chance takes 12 of 25"


def test_an_option_that_was_not_accepted_is_never_joined() -> None:
    policy = Tpe(Start(root=ROOT, operators=OPERATORS, seed=1), options=1)
    tell(policy, Move(operator="induce", parents=(ROOT,)), 0.0, "i0", accepted=False)
    tell(policy, Move(operator="demos", parents=(ROOT,)), 0.0, "d0")
    assert {move.operator for move in policy.ask(2, subgoals=1)} == {"induce", "demos"}


@given(seen=SEEN)
def test_a_density_sums_to_one_and_grows_with_what_was_seen(seen: list[CandidateId]) -> None:
    assert sum(density(name, seen, options=4) for name in NAMES) == pytest.approx(1)
    for name in NAMES:
        assert 0 < density(name, seen, options=4) <= density(name, [*seen, name], options=4)


@given(good=PAIRS, bad=PAIRS, pair=st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)))
def test_a_pair_promises_more_when_good_ones_share_its_options_and_less_when_bad_ones_do(
    good: list[Pair], bad: list[Pair], pair: Pair
) -> None:
    promised = promise(pair, good, bad, options=(4, 4))
    assert promised > 0
    assert promise(pair, [*good, pair], bad, options=(4, 4)) >= promised
    assert promise(pair, good, [*bad, pair], options=(4, 4)) <= promised
    assert promise(pair, good, good, options=(4, 4)) == pytest.approx(1)


@given(pairs=PAIRS, gamma=st.floats(0.01, 0.99))
def test_the_good_share_is_at_least_one_and_nothing_is_lost(pairs: list[Pair], gamma: float) -> None:
    good, bad = split(pairs, gamma=gamma)
    assert 1 <= len(good) <= gamma * len(pairs) + 1
    assert [*good, *bad] == pairs
