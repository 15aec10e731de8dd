"""How an output becomes a score: by a pure metric, or by someone who has to be asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from socratune.agents.coded import Coded
from socratune.memory.records import Example, Task
from socratune.tools.caller import Caller
from socratune.tools.metrics import Metric, Score, metric_named
from socratune.tools.model_spec import is_code
from socratune.tools.models import allowed
from socratune.tools.purse import Phase


class Scorer(Protocol):
    """Scores one output for its row."""

    async def score(self, output: str, example: Example, *, phase: Phase) -> Score:
        """Return the score.

        Raises `CallFailed` when whoever is asked gives no answer: a missing reward, never a zero. `BudgetExhausted`,
        `Paused` and `Interrupted` as a call does.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Scores by a pure metric."""

    metric: Metric

    async def score(self, output: str, example: Example, *, phase: Phase) -> Score:
        """Return the metric's score."""
        return self.metric(output, example)


def scorer_of(task: Task, caller: Caller) -> Scorer:
    """Return what a task's metric means. Raises `BadInput` for a metric or an option that does not exist."""
    if is_code(task.metric):
        coded = Coded.of(allowed(task.metric, task.code))
        caller.close_too(coded)
        return coded
    return Measured(metric=metric_named(task.metric, task.metric_options))
