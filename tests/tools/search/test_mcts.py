from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tools.search.toys import Walk, steps, trap, walk

from socratune.memory.records import CandidateId, ExampleId
from socratune.tools.search.mcts import Mcts, Tree, returned, uct
from socratune.tools.search.policy import Move, Start, Told

TREES = Path(__file__).parent / "trees"
ROOT = CandidateId("root")
VALUES = st.lists(st.sampled_from([-0.2, 0.0, 0.1, 0.3, 0.6]), min_size=1, max_size=6)
stored = pytest.mark.parametrize("path", sorted(TREES.glob("*.json")), ids=lambda path: path.stem)


def planned(path: Path) -> tuple[Mcts, dict[str, Any]]:
    """Replay the stored moves: each is a parent, a child or null, and the child's gain over the root."""
    reference = json.loads(path.read_text())
    policy = Mcts(Start(root=ROOT, operators=("reflect",), seed=1), **reference["settings"])
    row = ExampleId("r1")
    seed = Move(operator="seed", parents=())
    policy.tell(Told(move=seed, child=ROOT, accepted=True, scores={row: 0.0}, cost=0.0))
    for parent, child, gained in reference["moves"]:
        (move,) = policy.ask(1, subgoals=1)
        assert move.parents == (parent,), f"the tree was to grow at {parent}"
        scores = {row: gained} if child else {}
        policy.tell(Told(move=move, child=child, accepted=child is not None, scores=scores, cost=1.0))
    return policy, reference


def grown(seed: int = 1, moves: int = 60) -> tuple[Tree, Walk]:
    done = walk(partial(Mcts, width=3, depth_limit=4), steps, phrases="abcdef", seed=seed, moves=moves)
    assert isinstance(done.policy, Mcts)
    return done.policy.tree(), done


def assert_recurrences(tree: Tree) -> None:
    """Check visits, Q and depth of every node against the paths alone."""
    nodes = {node.candidate: node for node in tree.nodes}
    for node in tree.nodes:
        through = [path[path.index(node.candidate) :] for path in tree.paths if node.candidate in path]
        assert node.visits == len(through)
        below = [(node.value + max(nodes[each].value for each in path)) / 2 for path in through]
        assert node.q == pytest.approx(sum(below) / len(below) if below else node.value)
        assert node.depth == (nodes[node.parent].depth + 1 if node.parent is not None else 0)
        ended = sum(path[-1] == node.candidate for path in tree.paths)
        assert node.visits == ended + sum(child.visits for child in tree.nodes if child.parent == node.candidate)


@stored
def test_s020_a_stored_tree_grows_again_node_by_node(path: Path) -> None:
    policy, reference = planned(path)
    tree = policy.tree()
    nodes = [[n.candidate, n.parent, n.depth, n.value, n.visits, round(n.q, 6)] for n in tree.nodes]
    assert nodes == reference["nodes"]
    assert [list(each) for each in tree.paths] == reference["paths"]
    assert policy.ask(1, subgoals=1)[0].parents == (reference["next"],)


@stored
def test_s020_a_stored_tree_satisfies_the_recurrences(path: Path) -> None:
    assert_recurrences(planned(path)[0].tree())


@pytest.mark.parametrize("seed", range(4))
def test_s020_a_grown_tree_satisfies_the_recurrences_and_grows_again_from_its_history(seed: int) -> None:
    tree, done = grown(seed)
    assert_recurrences(tree)
    assert max(node.depth for node in tree.nodes) <= 4
    again = Mcts(Start(root=CandidateId(""), operators=tuple(f"flip {p}" for p in "abcdef"), seed=seed), depth_limit=4)
    for told in done.told:
        again.tell(told)
    assert again.tree() == tree


def test_the_worked_value_of_the_reference() -> None:
    assert uct(q=0.6, visits=2, parent_visits=5, exploration=2.5) == pytest.approx(2.966, abs=5e-4)


@given(q=st.floats(-1, 1), visits=st.integers(0, 50), above=st.integers(0, 200), c=st.floats(0, 4))
def test_the_bound_falls_with_visits_rises_with_the_parents_and_is_never_below_q(
    q: float, visits: int, above: int, c: float
) -> None:
    bound = uct(q=q, visits=visits, parent_visits=above, exploration=c)
    assert bound >= q
    assert uct(q=q, visits=visits + 1, parent_visits=above, exploration=c) <= bound + 1e-9
    assert uct(q=q, visits=visits, parent_visits=above + 1, exploration=c) >= bound - 1e-9


@given(values=VALUES, data=st.data())
def test_q_does_not_depend_on_path_length(values: list[float], data: st.DataObject) -> None:
    """Regression test 9 of reference/algorithms.md 8.9: PromptAgent's Q is a sum over the path."""
    place = data.draw(st.integers(0, len(values) - 1))
    padded = [*values[: place + 1], *[values[place]] * data.draw(st.integers(1, 9)), *values[place + 1 :]]
    assert returned(padded) == returned(values)


@given(values=VALUES)
def test_what_is_handed_back_lies_between_the_nodes_own_value_and_the_best_below(values: list[float]) -> None:
    assert values[0] <= returned(values) <= max(values)


def test_no_iteration_starts_at_a_leaf_that_cannot_be_expanded() -> None:
    """PromptAgent's code selects terminal leaves again, and burns iterations on them."""
    done = walk(partial(Mcts, width=2, depth_limit=2), trap, phrases="abcdpq", seed=1, moves=80)
    assert isinstance(done.policy, Mcts)
    tree = done.policy.tree()
    depths = {node.candidate: node.depth for node in tree.nodes}
    assert all(depths[told.move.parents[0]] < 2 for told in done.told[1:])
    assert len(tree.paths) <= 80 / 2, "each iteration has expanded something"


def test_a_planned_search_reaches_what_pays_only_in_order() -> None:
    tree, _ = grown(moves=90)
    assert max(node.value for node in tree.nodes) > 0.4
