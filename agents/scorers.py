"""How an output becomes a score: by a pure metric, or by someone who has to be asked."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol

from socratune.memory.errors import BadInput
from socratune.memory.records import Example, Task
from socratune.tools.assertions import RUBRIC, Assertion, checks_of, measured, weighed
from socratune.tools.caller import Caller
from socratune.tools.metrics import Metric, Score, metric_named
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


class Grade(Protocol):
    """Asks how far an output meets a rubric."""

    def __call__(self, rubric: str, output: str, example: Example, *, phase: Phase) -> Awaitable[Score]:
        """Return a score whose reward is that share, in [0, 1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asserted:
    """Scores by the assertions that a row makes of its own."""

    grade: Grade | None
    """None when there is nobody to ask; a rubric is then refused."""

    async def score(self, output: str, example: Example, *, phase: Phase) -> Score:
        """Return the weighted mean of the assertions' scores."""
        checks = checks_of(example)
        scores = [await self._scored(each, output, example, phase) for each in checks.assertions]
        return weighed(output, checks, scores)

    async def _scored(self, assertion: Assertion, output: str, example: Example, phase: Phase) -> float:
        if assertion.kind != RUBRIC:
            return measured(assertion, output)
        if self.grade is None:
            raise BadInput(f"{RUBRIC} needs a judge", place=f"row {example.id}", cure="take the assertion out")
        reward = (await self.grade(str(assertion.value), output, example, phase=phase)).reward
        return 1 - reward if assertion.negated else reward


def scorer_of(task: Task, caller: Caller) -> Scorer:
    """Return what a task's metric means. Raises `BadInput` for a metric or an option that does not exist."""
    if task.metric == "assert":
        return Asserted(grade=None)
    return Measured(metric=metric_named(task.metric, task.metric_options))
