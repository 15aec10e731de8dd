"""What a search policy is: it asks for moves and is told what came of them.

A policy holds no state that the ledger does not: it is a fold over a run's history, so a resumed run builds it anew.
It knows nothing of models, prompts or rows; it sees ids and numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from socratune.memory.records import CandidateId, ExampleId


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Write one child: with which operator, from which parents, on which part of the plan."""

    operator: str
    parents: tuple[CandidateId, ...]
    focus: tuple[int, ...]
    """Ranks of the plan's sub-goals to work on, 0 the most rewarding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What came of a move."""

    child: CandidateId | None
    """None when no child was written."""
    scores: Mapping[ExampleId, float]
    """Rewards on dev rows; empty when the child was rejected before it had seen them all."""
    cost: float
    """Target calls spent on it."""


class SearchPolicy(Protocol):
    """Decides what to try next."""

    def ask(self, n: int, *, subgoals: int) -> list[Move]:
        """Choose at most `n` moves, best first and at least one, on a plan of so many sub-goals, at least one."""

    def tell(self, told: Told) -> None:
        """Record what came of one move; every move that was asked for is told of, in order."""


def replay(policy: SearchPolicy, history: Iterable[Told]) -> SearchPolicy:
    """Tell a fresh policy all that happened, in order."""
    for told in history:
        policy.tell(told)
    return policy


def gain(child: Mapping[ExampleId, float], other: Mapping[ExampleId, float]) -> float:
    """Return the mean difference in reward on the rows that both have seen; 0 when there are none."""
    shared: Sequence[ExampleId] = sorted(set(child) & set(other))
    return sum(child[row] - other[row] for row in shared) / len(shared) if shared else 0.0
