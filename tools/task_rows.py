"""The rows of a task: one file that we divide, or a file for each split that the user chose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from socratune.memory.errors import BadInput
from socratune.memory.records import Example, ExampleId, Side, Task
from socratune.tools.datasets import Row, columns_of, examples, read_rows
from socratune.tools.folders import inside, root_of
from socratune.tools.metrics import check_rows
from socratune.tools.model_spec import is_code
from socratune.tools.promptfoo.cases import read_cases
from socratune.tools.task_form import Document

Files = Mapping[Side | None, Path]
"""By split; one file that is for us to divide stands under None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRows:
    """What the files of a task hold, in the order of train, dev and test."""

    files: Files
    rows: Mapping[Side | None, tuple[Row, ...]]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of all files, in order of first use."""
        return columns_of([row for rows in self.rows.values() for row in rows])


def files_of(document: Document) -> dict[Side | None, Path]:
    """Return the files that a task file names, each inside its folder."""
    data, place = document.form.data, document.at("data")
    if data is None:
        raise BadInput("names no data", place=place, cure="write `data: rows.csv`, or pass --data")
    root, cure = root_of(document.path), "move it there, or pass it with --data"
    sides = data.files if data.divided else {None: data.train}
    return {
        side: inside(root, document.path.parent / written, place=place, cure=cure) for side, written in sides.items()
    }


def read_files(document: Document, files: Files, *, limit: int | None = None) -> TaskRows:
    """Read the first `limit` rows of each file, or all. Rows that make assertions of their own are Promptfoo tests."""

    def read(path: Path) -> tuple[Row, ...]:
        if (document.form.metric or {}).get("name") != "assert":
            return read_rows(path, limit=limit)
        return read_cases(path, config=document.path if document.promptfoo else None, limit=limit)

    return TaskRows(files=files, rows={side: read(path) for side, path in files.items()})


def examples_in(found: TaskRows, task: Task, expected: str | None) -> tuple[tuple[Example, ...], tuple[str, ...]]:
    """Return the examples, each with an expected output that the metric can use, and what the user should know.

    Those of a split that the user chose are called by it: `test-r3` is the third of the test file. Raises `BadInput`
    for a test row whose inputs the search would see, too.
    """
    placed: list[tuple[Row, Example]] = []
    for side, rows in found.rows.items():
        made = examples(rows, inputs=task.variables, expected=expected, whole=is_code(task.metric))
        for row, example in zip(rows, made, strict=True):
            _check_usable(row, example, task.metric)
            name = f"{side}-{example.id}" if side else example.id
            placed.append((row, replace(example, id=ExampleId(name), side=side)))
    return tuple(example for _, example in placed), _overlaps(placed)


def _check_usable(row: Row, example: Example, metric: str) -> None:
    try:
        check_rows(metric, (example,))
    except BadInput as error:
        raise BadInput(error.problem, place=row.place, cure=error.cure) from error


def _overlaps(placed: Sequence[tuple[Row, Example]]) -> tuple[str, ...]:
    sides: dict[Side | None, dict[str, Row]] = {}
    for row, example in placed:
        sides.setdefault(example.side, {}).setdefault(example.group, row)
    train, dev, test = (sides.get(side, {}) for side in ("train", "dev", "test"))
    for group, row in test.items():
        if seen := train.get(group) or dev.get(group):
            problem = f"this test row has the same inputs as {seen.place}, which the search reads or scores"
            raise BadInput(problem, place=row.place, cure="remove one of them")
    return tuple(_twice([(dev[group], train[group]) for group in dev if group in train]))


def _twice(pairs: Sequence[tuple[Row, Row]]) -> Iterable[str]:
    if pairs:
        mine, other = pairs[0]
        count = f"{len(pairs)} of the dev rows have" if len(pairs) > 1 else "a dev row has"
        yield f"{count} the same inputs as train rows ({mine.place} and {other.place}), so dev scores flatter edits"
