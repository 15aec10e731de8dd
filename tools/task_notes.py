"""What a task file leaves to be assumed, in a sentence each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from socratune.memory.records import Budget, Task
from socratune.tools import template, tokens
from socratune.tools.model_spec import is_application
from socratune.tools.rubrics import criteria
from socratune.tools.task_form import Document
from socratune.tools.task_models import replaced

LARGE = 100.0
"""USD above which a budget may have been meant to be calls."""


def task_notes(document: Document, task: Task, style: template.Style, *, columns: Sequence[str]) -> Iterator[str]:
    """Yield what was assumed where the task file is silent, or where what it says has no use."""
    if document.form.metric is None:
        yield "no metric is named; answers count when they equal the expected text (exact)"
    if (cost := own_cost(task)) is not None:
        yield cost
    yield from replaced(document, task)
    yield from _large(task.budget)
    yield from _about_prompt(task, style)
    yield from _about_judge(document, task, columns)


def own_cost(task: Task) -> str | None:
    """Say of an application that its cost is its own; None of any other target."""
    if not is_application(task.target):
        return None
    return "your application's own cost is not counted, unless it reports it: return Answer(text, usd=...)"


def _large(budget: Budget) -> Iterator[str]:
    """Ask of a cap that would be usual for calls whether dollars were meant."""
    if budget.usd is not None and budget.usd > LARGE:
        calls = f"rollouts={budget.usd:.0f} caps target calls"
        yield f"the budget is {budget.usd:,.2f} USD, for a bare number is USD; {calls}"


def _about_prompt(task: Task, style: template.Style) -> Iterator[str]:
    used = template.variables(task.prompt.instructions, task.variables)
    if style != "native":
        yield f"placeholders are read as {'{{ name }}' if style == 'jinja' else '{name}'}"
    if task.prompt.user is None and len(task.variables) > 1:
        yield f"the user turn lists the columns {', '.join(task.variables)}; `inputs:` chooses among them"
    if task.prompt.user is not None and set(task.variables) - set(used):
        yield f"the prompt does not show the inputs {', '.join(sorted(set(task.variables) - set(used)))}"
    length, most = tokens.estimate(task.prompt.instructions), task.constraints.max_tokens
    if most is not None and length > most:
        yield f"the prompt is about {length} tokens long, over its own limit of {most}; every edit has to shorten it"


def _about_judge(document: Document, task: Task, columns: Sequence[str]) -> Iterator[str]:
    unused = document.form.expected if document.expected is None else None
    if task.judge is None and document.form.judge is not None:
        yield f"the metric {task.metric} asks nobody, so `judge:` is not used"
    if task.metric == "rubric" and len(criteria(str(task.metric_options["rubric"]))) == 1:
        yield "the rubric is one criterion, met or not; a list, or semicolons, would tell more of each answer"
    if unused is not None and unused in columns:
        yield f"the column {unused!r} is not used; `expected: {unused}` would show it to the judge as a reference"
