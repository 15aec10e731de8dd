"""The state of the search graph: this round's ids and counters. The ledger holds everything else."""

from __future__ import annotations

from typing import Annotated, TypedDict

NOTHING_LEFT = "nothing left to mend"
"""Why a search ends whose train rows show no failure more."""
NO_ANSWER = "no train row was answered"
"""Why a search ends that could not run its leader."""
NOT_WORTH = "too little left to gain"
"""Why a search ends where all that still fails would hardly be worth mending."""
NOTHING_NEW = "nothing new to try"
"""Why a search ends whose rounds ask the target nothing any more."""
PATIENCE = "patience"
"""Why a search ends whose last rounds brought no new leader."""
ROUNDS = "rounds"
"""Why a search ends that has had all the rounds of its recipe."""


def joined(old: list[str], new: list[str]) -> list[str]:
    """Collect the children of parallel proposals."""
    return [*old, *new]


class SearchState(TypedDict, total=False):
    """Ids and counters of the round at hand."""

    round: int
    leader: str
    children: Annotated[list[str], joined]
    stale: int
    """Rounds since another candidate came to the front."""
    stop: str
    """Why the search should end; empty while it should not."""
