"""Rows: csv, jsonl and json files become examples, or one line that says what is wrong and where.

Text is checked here once: UTF-8 with or without a byte order mark, no NUL bytes, lone surrogates replaced by U+FFFD.
Behind this door every value is a well-formed text.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from socratune.memory.errors import BadInput
from socratune.memory.records import Example, ExampleId, digest

MOST_ROWS = 100_000
LARGEST_FIELD = 256 * 1024
"""Bytes of UTF-8."""
LARGEST_FILE = 256 * 1024 * 1024
"""Bytes."""

# Brackets and signs stay: in a row of brackets or of sums they are the whole difference.
_PROSE_MARKS = re.compile(r"[\s.,;:!?'\"`…‘’“”«»]+")  # noqa: RUF001  # the quotes of other languages


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a file, by column."""

    place: str
    """Where it stands, for messages: `tickets.csv:5`."""
    values: Mapping[str, str]


def load(path: Path, *, inputs: Sequence[str], expected: str, limit: int | None = None) -> tuple[Example, ...]:
    """Read the first `limit` rows of a file, or all, as examples."""
    return examples(read_rows(path, limit=limit), inputs=inputs, expected=expected)


def read_rows(path: Path, *, limit: int | None = None) -> tuple[Row, ...]:
    """Read the first `limit` rows of a file, or all; at least one."""
    found = _reader(path)(_text(path), str(path))
    try:
        rows = tuple(islice(found, MOST_ROWS + 1 if limit is None else limit))
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
    return tuple(dict.fromkeys(name for row in rows for name in row.values))


def examples(rows: Sequence[Row], *, inputs: Sequence[str], expected: str, whole: bool = False) -> tuple[Example, ...]:
    """Return one example a row, numbered from 1; `whole` keeps the other columns, too."""
    found = (_example(row, ExampleId(f"r{n}"), inputs, expected) for n, row in enumerate(rows, start=1))
    if not whole:
        return tuple(found)
    return tuple(replace(each, extra=_others(row, inputs)) for each, row in zip(found, rows, strict=True))


def fingerprint(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    return hashlib.sha256(_bytes(path)).hexdigest()


def well_formed(text: str) -> str:
    """Return `text` with each lone surrogate replaced by U+FFFD, so that it can be written anywhere."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def group_of(values: Sequence[str]) -> str:
    """Return the fingerprint of a row's inputs without case, spacing and the marks of prose."""
    return digest([_folded(value) for value in values])


def _folded(value: str) -> str:
    return _PROSE_MARKS.sub(" ", value.casefold()).strip() or value


def _example(row: Row, name: ExampleId, inputs: Sequence[str], expected: str) -> Example:
    for column in (*inputs, expected):
        if column not in row.values:
            raise BadInput(f"no column {column!r}", place=row.place, cure=f"it has {_listing(row.values)}")
    if not row.values[expected].strip():
        raise BadInput(f"column {expected!r} is empty", place=row.place, cure="write the answer or remove the row")
    values = {column: row.values[column] for column in inputs}
    return Example(
        id=name, inputs=values, expected=row.values[expected], group=group_of([values[name] for name in sorted(values)])
    )


def _others(row: Row, inputs: Sequence[str]) -> dict[str, str]:
    return {name: value for name, value in row.values.items() if name not in inputs}


def _listing(names: Mapping[str, str]) -> str:
    return ", ".join(map(repr, names)) or "no columns"


def _check_sizes(row: Row) -> None:
    for column, value in row.values.items():
        # A character has at most 4 bytes, so that most values need no encoding.
        if len(value) * 4 > LARGEST_FIELD and len(value.encode()) > LARGEST_FIELD:
            problem = f"column {column!r} is longer than {LARGEST_FIELD // 1024} KiB"
            raise BadInput(problem, place=row.place, cure="shorten it")


def _bytes(path: Path) -> bytes:
    if not path.is_file():
        raise BadInput("there is no such file", place=str(path), cure="check the path")
    if path.stat().st_size > LARGEST_FILE:
        raise BadInput(f"larger than {LARGEST_FILE // 1024**2} MiB", place=str(path), cure="give a part of it")
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot be read ({error.strerror})", place=str(path), cure="check its permissions") from error


def _text(path: Path) -> str:
    content = _bytes(path)
    if b"\0" in content:
        place = _line(path, content, content.index(b"\0"))
        raise BadInput("not a text file (it holds NUL bytes)", place=place, cure="save it as UTF-8")
    try:
        return well_formed(content.decode("utf-8-sig", "surrogatepass"))
    except UnicodeDecodeError as error:
        problem = f"not UTF-8 (byte 0x{content[error.start]:02x})"
        raise BadInput(problem, place=_line(path, content, error.start), cure="save it as UTF-8") from error


def _line(path: Path, content: bytes, offset: int) -> str:
    number = content.count(b"\n", 0, offset) + 1
    return f"{path}:{number}"


def _reader(path: Path) -> Callable[[str, str], Iterator[Row]]:
    """Return the reader of a kind of file: from its text and its place to rows."""
    readers = {".csv": _csv_rows, ".jsonl": _jsonl_rows, ".json": _json_rows}
    kind = path.suffix.lower()
    if kind in readers:
        return readers[kind]
    problem = (
        f"{kind} files are not supported yet" if kind in (".tsv", ".parquet") else f"unknown kind of file {kind!r}"
    )
    raise BadInput(problem, place=str(path), cure="save the rows as .csv, .jsonl or .json")


def _csv_rows(text: str, place: str) -> Iterator[Row]:
    records = _csv_records(text, place)
    line, header = next(records, (1, []))
    # A column without a name, such as the index that pandas writes, is left out.
    names = [name.strip() for name in header]
    twice = next((name for name, count in Counter(names).items() if name and count > 1), None)
    if twice is not None:
        raise BadInput(f"the header names {twice!r} twice", place=f"{place}:{line}", cure="rename one of them")
    for line, cells in records:
        if len(cells) != len(names):
            problem = f"{len(cells)} cells under a header of {len(names)}"
            raise BadInput(problem, place=f"{place}:{line}", cure="quote the cells that hold commas or line breaks")
        values = {name: cell for name, cell in zip(names, cells, strict=True) if name}
        yield Row(place=f"{place}:{line}", values=values)


def _csv_records(text: str, place: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each record that is not blank, with the line it starts on."""
    # The limit is the whole process's, so it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), LARGEST_FIELD))
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise BadInput(f"not valid CSV ({error})", place=f"{place}:{line}", cure="check its quotes") from error
        if cells is None:
            return
        if cells:
            yield line, cells


def _jsonl_rows(text: str, place: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield _json_row(_parsed(line, place, first_line=number), f"{place}:{number}")


def _json_rows(text: str, place: str) -> Iterator[Row]:
    found = _parsed(text, place, first_line=1) if text.strip() else []
    found = found.get("examples") if isinstance(found, dict) else found
    found = list(found.values()) if isinstance(found, dict) else found
    if not isinstance(found, list):
        raise BadInput("holds no list of rows", place=place, cure='write [{...}, ...] or {"examples": [{...}, ...]}')
    for number, row in enumerate(found, start=1):
        yield _json_row(row, f"{place}: row {number}")


def _json_row(row: object, place: str) -> Row:
    if not isinstance(row, dict):
        raise BadInput(f"{_as_text(row)[:40]!r} is not an object", place=place, cure='write {"column": "value", ...}')
    return Row(place=place, values={well_formed(name): _as_text(value) for name, value in row.items()})


def _parsed(text: str, place: str, *, first_line: int) -> object:
    try:
        return json.loads(text, object_pairs_hook=_object, parse_float=_number, parse_constant=_number)
    except json.JSONDecodeError as error:
        what = error.msg.removesuffix(" at")
        problem = f"not valid JSON ({what}, column {error.colno})"
        cure = "in .jsonl each line is one whole object, in .json the file is one list"
        raise BadInput(problem, place=f"{place}:{first_line + error.lineno - 1}", cure=cure) from error
    except ValueError as error:
        raise BadInput(str(error), place=f"{place}:{first_line}", cure="mend the value") from error


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise ValueError(f"an object names {twice!r} twice")
    return found


def _number(literal: str) -> float:
    number = float(literal)
    if not math.isfinite(number):
        raise ValueError(f"the number {literal} is out of range")
    return number


def _as_text(value: object) -> str:
    """Return a JSON value as text: a text as it is, null as nothing, all else as compact JSON."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return well_formed(text)
