"""The rows of a chat: what is what in them, and how answers to them are scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from socratune.memory.errors import BadInput
from socratune.memory.records import Example, Prompt
from socratune.memory.talk import Card
from socratune.tools import template
from socratune.tools.chat_forms import METRICS_OFFERED
from socratune.tools.datasets import Row, columns_of, examples
from socratune.tools.guess import LONGEST_LABEL, RUBRIC, roles
from socratune.tools.metrics import check_rows
from socratune.tools.splits import MOST_CLASSES
from socratune.tools.task_files import LoadedTask


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Rows, and what is what in them."""

    rows: tuple[Example, ...]
    inputs: tuple[str, ...]
    expected: str | None
    """None where nobody has written answers."""
    metric: str
    """The task file's, or the one that fits the answers."""

    @classmethod
    def of_task(cls, task: LoadedTask) -> Labelled:
        """Return the rows of a task file."""
        expected = task.source.document.expected  # the rows were read with it
        return cls(rows=task.examples, inputs=task.task.variables, expected=expected, metric=task.task.metric)

    @property
    def columns(self) -> tuple[str, ...]:
        """The inputs, and the column with the answers where there is one."""
        return (*self.inputs, *([self.expected] if self.expected is not None else []))

    @property
    def labels(self) -> tuple[str, ...]:
        """The different answers where they are few and short, and so may be all that there are."""
        if self.expected is None or self.metric == "assert":  # what is asserted of an answer is none
            return ()
        labels = sorted({row.expected for row in self.rows})
        few = len(labels) <= min(MOST_CLASSES, len(self.rows) // 2) and max(map(len, labels)) <= LONGEST_LABEL
        return tuple(labels) if few else ()

    def metric_under(self, card: Card | None) -> str | Mapping[str, str]:
        """Return the card's metric if the rows can be scored by it; without answers, a rubric of its checklist."""
        if self.expected is None:
            wanted = [" ".join(each.text.split()) for each in card.requirements] if card is not None else []
            return {"rubric": "\n".join(f"- {text}" for text in wanted)} if wanted else RUBRIC
        wished = card.metric if card is not None and card.metric in METRICS_OFFERED else self.metric
        try:
            check_rows(wished, self.rows)
        except BadInput:
            return self.metric
        return wished


def labelled_in(rows: Sequence[Row], task: LoadedTask | None, prompt: Prompt | None) -> Labelled:
    """Tell what is what in rows: as the task file says where they have its columns, else by their names and texts."""
    names = columns_of(rows)
    expected = task.source.document.expected if task is not None else None
    if task is not None and {*task.task.variables, *([expected] if expected else [])} <= set(names):
        inputs, metric = task.task.variables, task.task.metric
    else:
        used = template.variables(prompt.instructions, names) if prompt is not None else ()
        inputs, expected, metric = roles(rows, used)
    found = examples(rows, inputs=inputs, expected=expected)
    return Labelled(rows=found, inputs=inputs, expected=expected, metric=metric)


def named_like(prompt: Prompt | None, rows: Sequence[Row]) -> tuple[Row, ...]:
    """Rename the only column that can be meant by the only variable without one."""
    wanted, names = variables_of(prompt) if prompt is not None else (), columns_of(rows)
    missing = [name for name in wanted if name not in names]
    if len(missing) != 1 or len(names) > 2 or len(wanted) != 1:
        return tuple(rows)
    inputs, _, _ = roles(rows, ())
    renamed = {inputs[0]: missing[0]}
    return tuple(
        replace(row, values={renamed.get(name, name): text for name, text in row.values.items()}) for row in rows
    )


def variables_of(prompt: Prompt) -> tuple[str, ...]:
    """Return what stands in double braces in a prompt whose columns are not known."""
    return template.unknown(prompt.instructions, ())
