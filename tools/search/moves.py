"""How moves are put together: who is edited by what, and on which part of the plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from socratune.memory.records import CandidateId
from socratune.tools.search.policy import Move

CROSSOVER = "crossover"
"""The operator that joins two parents."""

Choice = tuple[str, tuple[CandidateId, ...]]
"""An operator and the parents that it is to work on."""


def dealt(choices: Sequence[Choice], *, subgoals: int) -> list[Move]:
    """Make the moves, and deal the plan out among those that are otherwise the same.

    A choice that comes once takes the whole plan. Where one comes more often than there are sub-goals, moves are
    equal: each asks for another draw of the writer.
    """
    often, dealt_out = Counter(choices), Counter[Choice]()
    moves = []
    for choice in choices:
        hands = min(often[choice], subgoals)
        focus = tuple(range(dealt_out[choice] % hands, subgoals, hands))
        moves.append(Move(operator=choice[0], parents=choice[1], focus=focus))
        dealt_out[choice] += 1
    return moves


def edits(operators: Sequence[str]) -> tuple[str, ...]:
    """Return the operators that need one parent only; all of them when there is no such."""
    return tuple(each for each in operators if each != CROSSOVER) or tuple(operators)
