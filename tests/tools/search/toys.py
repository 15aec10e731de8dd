"""A toy task for search policies: a prompt is a set of phrases, an operator adds or drops one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from socratune.memory.records import CandidateId, ExampleId
from socratune.tools.search.policy import Move, Scores, Search, SearchPolicy, Start, Told

ROOT = CandidateId("")
ROWS = 20
Value = Callable[[str], float]
"""Mean reward of a prompt, whose phrases are single letters in order."""


@dataclass
class Walk:
    """A search on a toy, with all that came of it."""

    policy: SearchPolicy
    told: list[Told] = field(default_factory=list)

    @property
    def scored(self) -> list[CandidateId]:
        return [told.child for told in self.told if told.child is not None]


def walk(search: Search, value: Value, *, phrases: str, seed: int, moves: int) -> Walk:
    """Search from the empty prompt, one move a round. A prompt that was scored before is refused, as our guard does."""
    operators = tuple(f"flip {phrase}" for phrase in phrases)
    done = Walk(search(Start(root=ROOT, operators=operators, seed=seed)))
    _tell(done, Move(operator="seed", parents=()), ROOT, value)
    for _ in range(moves):
        (move,) = done.policy.ask(1, subgoals=1)
        child = flipped(move.parents[0], move.operator[-1])
        _tell(done, move, None if child in done.scored else child, value)
    return done


def flipped(prompt: str, phrase: str) -> CandidateId:
    """Return the prompt without the phrase, or with it."""
    return CandidateId("".join(sorted(set(prompt) ^ {phrase})))


def rewards(mean: float) -> Scores:
    """Return right answers on that share of the rows: the easiest are answered first."""
    return {ExampleId(f"r{row}"): float(mean > (row + 0.5) / ROWS) for row in range(ROWS)}


def best(done: Walk, value: Value) -> float:
    """Return the mean reward of the best prompt that was scored."""
    return max(value(each) for each in done.scored)


def _tell(done: Walk, move: Move, child: CandidateId | None, value: Value) -> None:
    scores = {} if child is None else rewards(value(child))
    told = Told(move=move, child=child, accepted=child is not None, scores=scores, cost=float(len(scores)))
    done.told.append(told)
    done.policy.tell(told)


def trap(prompt: str) -> float:
    """Four phrases help by themselves. Two more lose when alone, and gain most together: a local optimum at .6."""
    pair = {"": 0.0, "p": -0.1, "q": -0.1, "pq": 0.4}
    together = "".join(each for each in prompt if each in "pq")
    return 0.2 + 0.1 * sum(each in "abcd" for each in prompt) + pair[together]


def steps(prompt: str, order: Sequence[str] = "abcdef") -> float:
    """Each phrase pays only when all before it are there; any other costs a little."""
    right = 0
    while right < len(order) and order[right] in prompt:
        right += 1
    return 0.1 + 0.15 * right - 0.05 * (len(prompt) - right)
