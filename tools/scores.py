"""What a metric says of an output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from socratune.memory.records import Example


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a metric says of one output."""

    reward: float
    """In [0, 1]; 1 is a pass."""
    feedback: str
    """What was expected and what came instead; empty for a pass."""
    parsed: bool = True
    """False when no answer could be read out of the output; the reward is then 0."""
    agreed: bool | None = None
    """Whether a judge who was shown a pair in both orders said the same of both; None when no pair was shown."""


Metric = Callable[[str, Example], Score]
PASS = Score(reward=1.0, feedback="")
NOTHING = Score(reward=0.0, feedback="got nothing", parsed=False)
