"""The state of the search graph: this round's ids and counters. The ledger holds everything else."""

from __future__ import annotations

from typing import Annotated, TypedDict


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
