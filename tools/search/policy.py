"""What a search policy is: it asks for moves and is told what came of them.

A policy holds no state that the ledger does not: it is a fold over a run's history, so a resumed run builds it anew.
It knows nothing of models, prompts or rows; it sees ids and numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from socratune.memory.records import CandidateId, ExampleId

Scores = Mapping[ExampleId, float]
"""Rewards of one candidate on dev rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Write one child: with which operator, from which parents, on which part of the plan."""

    operator: str
    parents: tuple[CandidateId, ...]
    """The first is the one that is edited and that the child is compared with; others lend it parts."""
    focus: tuple[int, ...] = ()
    """Ranks of the plan's sub-goals to work on, 0 the most rewarding; without a plan there is one, the whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What came of a move."""

    move: Move
    child: CandidateId | None
    """None when no child was written."""
    accepted: bool
    """Whether the child got through the trial of its round."""
    scores: Scores
    """On all dev rows that the child has seen by now; a child that was dropped early has seen few."""
    cost: float
    """Dev rows that it has an answer on; 0 for a child that its round did not run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What every policy starts from."""

    root: CandidateId
    """The user's own prompt."""
    operators: tuple[str, ...]
    """Those that the policy may choose from, at least one."""
    seed: int


class SearchPolicy(Protocol):
    """Decides what to try next."""

    def ask(self, n: int, *, subgoals: int) -> list[Move]:
        """Choose at most `n` moves, best first and at least one, on a plan of so many sub-goals, at least one."""

    def tell(self, told: Told) -> None:
        """Record what came of one move.

        The root comes first, as an accepted child of a move without parents; then every move that was asked for, in
        order, and baselines that were accepted before the first round.
        """

    def front(self) -> tuple[CandidateId, ...]:
        """Return those who lead now, best first and at least one; the root while nobody is better."""


Search = Callable[[Start], SearchPolicy]
"""What a recipe names: a policy's class, or a partial of it that fixes its settings."""


def replay(policy: SearchPolicy, history: Iterable[Told]) -> SearchPolicy:
    """Tell a fresh policy all that happened, in order."""
    for told in history:
        policy.tell(told)
    return policy


def gain(child: Scores, other: Scores) -> float:
    """Return the mean difference in reward on the rows that both have seen; 0 when there are none."""
    shared: Sequence[ExampleId] = sorted(set(child) & set(other))
    return sum(child[row] - other[row] for row in shared) / len(shared) if shared else 0.0
