"""Rows: what a file holds becomes examples, or one line that says what is wrong and where."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from socratune.memory.errors import BadInput
from socratune.memory.records import Example, ExampleId, digest
from socratune.tools.row_readers import LARGEST_FIELD, Row, as_text, bytes_of, rows_of, well_formed

__all__ = [
    "CHECKS",
    "LARGEST_FIELD",
    "Row",
    "as_text",
    "columns",
    "columns_of",
    "examples",
    "fingerprint",
    "group_of",
    "load",
    "read_rows",
    "well_formed",
]

MOST_ROWS = 100_000
CHECKS = "__assert"
"""A column for the assertions of a row, which no prompt can show."""

# Brackets and signs stay: in a row of brackets or of sums they are the whole difference.
_PROSE_MARKS = re.compile(r"[\s.,;:!?'\"`…‘’“”«»]+")  # noqa: RUF001  # the quotes of other languages


def load(path: Path, *, inputs: Sequence[str], expected: str, limit: int | None = None) -> tuple[Example, ...]:
    """Read the first `limit` rows of a file, or all, as examples."""
    return examples(read_rows(path, limit=limit), inputs=inputs, expected=expected)


def read_rows(path: Path, *, limit: int | None = None) -> tuple[Row, ...]:
    """Read the first `limit` rows of a file, or all; at least one."""
    try:
        rows = tuple(islice(rows_of(path), MOST_ROWS + 1 if limit is None else limit))
    except RecursionError as error:
        raise BadInput("nested too deep", place=str(path), cure="flatten the rows") from error
    if not rows:
        raise BadInput("the file has no rows", place=str(path), cure="give at least one")
    if len(rows) > MOST_ROWS:
        raise BadInput(f"more than {MOST_ROWS} rows", place=str(path), cure=f"read the first with `limit: {MOST_ROWS}`")
    for row in rows:
        _check_sizes(row)
    return rows


def columns(path: Path) -> tuple[str, ...]:
    """Return the names of a file's columns, in order of first use."""
    return columns_of(read_rows(path))


def columns_of(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return the names of the columns, in order of first use."""
    return tuple(dict.fromkeys(name for row in rows for name in row.values if name != CHECKS))


def examples(
    rows: Sequence[Row], *, inputs: Sequence[str], expected: str | None, whole: bool = False
) -> tuple[Example, ...]:
    """Return one example a row, numbered from 1; without `expected` they have no labels.

    `whole` keeps the other columns, too.
    """
    found = (_example(row, ExampleId(f"r{n}"), inputs, expected) for n, row in enumerate(rows, start=1))
    if not whole:
        return tuple(found)
    return tuple(replace(each, extra=_others(row, inputs)) for each, row in zip(found, rows, strict=True))


def fingerprint(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    return hashlib.sha256(bytes_of(path)).hexdigest()


def group_of(values: Sequence[str]) -> str:
    """Return the fingerprint of a row's inputs without case, spacing and the marks of prose."""
    return digest([_folded(value) for value in values])


def _folded(value: str) -> str:
    return _PROSE_MARKS.sub(" ", value.casefold()).strip() or value


def _example(row: Row, name: ExampleId, inputs: Sequence[str], expected: str | None) -> Example:
    for column in (*inputs, expected):
        if column is not None and column not in row.values:
            raise BadInput(f"no column {column!r}", place=row.place, cure=f"it has {_listing(row.values)}")
    if expected is not None and not row.values[expected].strip():
        raise BadInput(f"column {expected!r} is empty", place=row.place, cure="write the answer or remove the row")
    values = {column: row.values[column] for column in inputs}
    return Example(
        id=name,
        inputs=values,
        expected="" if expected is None else row.values[expected],
        group=group_of([values[name] for name in sorted(values)]),
        checks=row.values.get(CHECKS, ""),
    )


def _others(row: Row, inputs: Sequence[str]) -> dict[str, str]:
    return {name: value for name, value in row.values.items() if name not in (*inputs, CHECKS)}


def _listing(names: Mapping[str, str]) -> str:
    return ", ".join(repr(name) for name in names if name != CHECKS) or "no columns"


def _check_sizes(row: Row) -> None:
    for column, value in row.values.items():
        # A character has at most 4 bytes, so that most values need no encoding.
        if len(value) * 4 > LARGEST_FIELD and len(value.encode()) > LARGEST_FIELD:
            problem = f"column {column!r} is longer than {LARGEST_FIELD // 1024} KiB"
            raise BadInput(problem, place=row.place, cure="shorten it")
