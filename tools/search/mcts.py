"""Monte Carlo tree search over prompts (PromptAgent, arXiv 2310.16427), with the known faults of its code repaired.

Iterations select a leaf by UCT, expand it by `width` children, roll down greedily through the best child, which is
expanded in its turn, and hand back what was found. Repaired: what is handed back does not depend on how long the path
is, values are paired gains over the root, and a leaf that cannot be expanded is never selected again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from socratune.memory.records import CandidateId
from socratune.tools.search.known import Known
from socratune.tools.search.moves import dealt
from socratune.tools.search.policy import Move, Start, Told


@dataclass(frozen=True, slots=True, kw_only=True)
class Visited:
    """A node as it stands."""

    candidate: CandidateId
    parent: CandidateId | None
    depth: int
    """0 for the root."""
    value: float
    """Mean paired gain over the root."""
    visits: int
    """Iterations whose path went through it."""
    q: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The search tree: its nodes in the order in which they came, and the path of each finished iteration."""

    nodes: tuple[Visited, ...]
    paths: tuple[tuple[CandidateId, ...], ...]


@dataclass(slots=True, kw_only=True)
class _Node:
    parent: CandidateId | None
    depth: int
    due: int
    """Moves after which its expansion is over."""
    made: int = 0
    """Moves made from it, whatever came of them."""
    children: list[CandidateId] = field(default_factory=list)
    returns: list[float] = field(default_factory=list)

    @property
    def is_expanded(self) -> bool:
        return self.made >= self.due


class Mcts:
    """Plans over the tree of prompts.

    `depth_limit` is the depth of the deepest nodes. From depth `min_depth` + 1 on a node is terminal when it is worth
    less than half of its parent, and a roll-down ends with success when it beats all found before. `exploration`
    is about the spread of what single nodes return; the paper's 2.5 belongs to sums over paths.
    """

    def __init__(
        self, start: Start, *, width: int = 3, depth_limit: int = 8, min_depth: int = 2, exploration: float = 0.2
    ) -> None:
        self._start, self._width, self._exploration = start, width, exploration
        self._depth_limit, self._min_depth = depth_limit, min_depth
        self._known = Known(start)
        self._nodes = {start.root: _Node(parent=None, depth=0, due=width)}
        self._path = [start.root]
        """Of the iteration that is going on."""
        self._paths: list[tuple[CandidateId, ...]] = []
        self._highest = 0.0

    def ask(self, n: int, *, subgoals: int) -> list[Move]:
        """Return at most `n` moves, all from the node that is being expanded."""
        leaf, operators = self._path[-1], self._start.operators
        node = self._nodes[leaf]
        # Counted over the whole search: a node is narrower than there may be operators.
        turns = range(self._known.turns, self._known.turns + min(n, node.due - node.made))
        return dealt([(operators[turn % len(operators)], (leaf,)) for turn in turns], subgoals=subgoals)

    def tell(self, told: Told) -> None:
        """Hang the child into the tree, and go on with the iteration when the expansion is over."""
        self._known.tell(told)
        if not told.move.parents:
            return
        parent = told.move.parents[0] if told.move.parents[0] in self._nodes else self._start.root
        self._nodes[parent].made += 1
        if told.child is not None and told.accepted and told.child not in self._nodes:
            depth = self._nodes[parent].depth + 1
            self._nodes[told.child] = _Node(parent=parent, depth=depth, due=self._width)
            self._nodes[parent].children.append(told.child)
        while self._nodes[self._path[-1]].is_expanded:
            if not self._roll_down():
                self._propagate_back()
                self._path = self._selected()

    def front(self) -> tuple[CandidateId, ...]:
        """Return the leader."""
        return (self._known.leader,)

    def tree(self) -> Tree:
        """Return the tree as it stands."""
        nodes = [
            Visited(
                candidate=each,
                parent=node.parent,
                depth=node.depth,
                value=self._known.value(each),
                visits=len(node.returns),
                q=self._q(each),
            )
            for each, node in self._nodes.items()
        ]
        return Tree(nodes=tuple(nodes), paths=tuple(self._paths))

    def _roll_down(self) -> bool:
        """Step to the best child; say whether the iteration goes on from there."""
        children = self._nodes[self._path[-1]].children
        if not children:
            return False
        # Where branches are left to expand, none that are closed are walked again.
        best = max([each for each in children if not self._is_closed(each)] or children, key=self._known.value)
        self._path.append(best)
        value = self._known.value(best)
        success = self._nodes[best].depth > self._min_depth and value > self._highest
        self._highest = max(self._highest, value)
        return not success and not self._is_terminal(best)

    def _propagate_back(self) -> None:
        values = [self._known.value(each) for each in self._path]
        for place, each in enumerate(self._path):
            self._nodes[each].returns.append(returned(values[place:]))
        self._paths.append(tuple(self._path))

    def _selected(self) -> list[CandidateId]:
        """Return the path to the next leaf: down the open branches by UCT; an old node when all are closed."""
        if self._is_closed(self._start.root):
            return self._reopened()
        path = [self._start.root]
        while self._nodes[path[-1]].is_expanded:
            able = [each for each in self._nodes[path[-1]].children if not self._is_closed(each)]
            path.append(max(able, key=self._uct))
        return path

    def _reopened(self) -> list[CandidateId]:
        """Widen the node that was expanded least and, of those, is worth most."""
        inner = [each for each, node in self._nodes.items() if node.depth < self._depth_limit]
        chosen = min(inner, key=lambda each: (self._nodes[each].due, -self._q(each)))
        node = self._nodes[chosen]
        node.due = max(node.due, node.made) + self._width
        path = [chosen]
        while (parent := self._nodes[path[0]].parent) is not None:
            path.insert(0, parent)
        return path

    def _is_closed(self, candidate: CandidateId) -> bool:
        node = self._nodes[candidate]
        if self._is_terminal(candidate):
            return True
        return node.is_expanded and all(self._is_closed(each) for each in node.children)

    def _is_terminal(self, candidate: CandidateId) -> bool:
        node = self._nodes[candidate]
        if node.parent is None:
            return False
        is_poor = self._known.value(candidate) < self._known.value(node.parent) / 2
        return node.depth >= self._depth_limit or (node.depth > self._min_depth and is_poor)

    def _uct(self, candidate: CandidateId) -> float:
        node = self._nodes[candidate]
        parent = self._nodes[node.parent or self._start.root]
        visits, above = len(node.returns), len(parent.returns)
        return uct(q=self._q(candidate), visits=visits, parent_visits=above, exploration=self._exploration)

    def _q(self, candidate: CandidateId) -> float:
        returns = self._nodes[candidate].returns
        return sum(returns) / len(returns) if returns else self._known.value(candidate)


def uct(*, q: float, visits: int, parent_visits: int, exploration: float) -> float:
    """Return the upper confidence bound of a child (Kocsis and Szepesvari, 2006), as PromptAgent has it.

    An unvisited child has its own value for `q` and counts as visited once.
    """
    return q + exploration * math.sqrt(math.log(parent_visits + 1) / max(1, visits))


def returned(values: Sequence[float]) -> float:
    """Return what an iteration hands back to a node: the mean of its own value and of the best on the path below it.

    `values` run from the node to the end of the path. A path that is padded with equal nodes hands back the same;
    the paper's code sums over the path, so that depth outweighs merit.
    """
    return (values[0] + max(values)) / 2
