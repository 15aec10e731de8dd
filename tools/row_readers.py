"""The kinds of files that hold rows: csv, tsv, jsonl, json and parquet, each read to the same rows.

Text is checked here once: UTF-8 with or without a byte order mark, no NUL bytes, lone surrogates replaced by U+FFFD.
Behind this door every value is a well-formed text.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from pathlib import Path

from socratune.memory.errors import BadInput

LARGEST_FIELD = 256 * 1024
"""Bytes of UTF-8."""
LARGEST_FILE = 256 * 1024 * 1024
"""Bytes."""

# A tsv file has no quotes by its own rules, and spreadsheets write them all the same: a cell is quoted when its quotes
# close it, with those inside doubled; all other quotes are text.
_TSV_CELL = re.compile(
    r"""("[^"]*+(?:""[^"]*+)*+"(?=\t|\r?\n|\r?\Z)|[^\t\r\n]*+(?:\r(?!\n|\Z)[^\t\r\n]*+)*+)(\t|\r?\n|\r?\Z)"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a file, by column."""

    place: str
    """Where it stands, for messages: `tickets.csv:5`."""
    values: Mapping[str, str]


def rows_of(path: Path) -> Iterator[Row]:
    """Yield the rows of a file, read by its kind. Raises `BadInput`."""
    kind = path.suffix.lower()
    if kind == ".parquet":
        return _parquet_rows(bytes_of(path), str(path))
    readers: Mapping[str, Callable[[str, str], Iterator[Row]]] = {
        ".csv": _csv_rows,
        ".tsv": _tsv_rows,
        ".jsonl": _jsonl_rows,
        ".json": _json_rows,
    }
    if kind not in readers:
        cure = "save the rows as .csv, .tsv, .jsonl, .json or .parquet"
        raise BadInput(f"unknown kind of file {kind!r}", place=str(path), cure=cure)
    return readers[kind](_text(path), str(path))


def well_formed(text: str) -> str:
    """Return `text` with each lone surrogate replaced by U+FFFD, so that it can be written anywhere."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def bytes_of(path: Path) -> bytes:
    """Return what a file holds. Raises `BadInput` when it is too large or cannot be read."""
    if not path.is_file():
        raise BadInput("there is no such file", place=str(path), cure="check the path")
    if path.stat().st_size > LARGEST_FILE:
        raise BadInput(f"larger than {LARGEST_FILE // 1024**2} MiB", place=str(path), cure="give a part of it")
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot be read ({error.strerror})", place=str(path), cure="check its permissions") from error


def _text(path: Path) -> str:
    content = bytes_of(path)
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


def _csv_rows(text: str, place: str) -> Iterator[Row]:
    return _table(_csv_records(text, place), place, cure="quote the cells that hold commas or line breaks")


def _tsv_rows(text: str, place: str) -> Iterator[Row]:
    return _table(_tsv_records(text), place, cure="quote the cells that hold tabs or line breaks")


def _table(records: Iterator[tuple[int, list[str]]], place: str, *, cure: str) -> Iterator[Row]:
    """Yield the records under their header, the first of them."""
    line, header = next(records, (1, []))
    # A column without a name, such as the index that pandas writes, is left out.
    names = [name.strip() for name in header]
    _refuse_twice(names, place=f"{place}:{line}")
    for line, cells in records:
        if len(cells) != len(names):
            problem = f"{len(cells)} cells under a header of {len(names)}"
            raise BadInput(problem, place=f"{place}:{line}", cure=cure)
        values = {name: cell for name, cell in zip(names, cells, strict=True) if name}
        yield Row(place=f"{place}:{line}", values=values)


def _refuse_twice(names: Iterable[str], *, place: str) -> None:
    twice = next((name for name, count in Counter(names).items() if name and count > 1), None)
    if twice is not None:
        raise BadInput(f"the header names {twice!r} twice", place=place, cure="rename one of them")


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


def _tsv_records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each record that is not blank, with the line it starts on."""
    cells: list[str] = []
    first = line = 1
    for match in _TSV_CELL.finditer(text):
        cell, end = match.groups()
        line += match[0].count("\n")
        cells.append(_unquoted(cell))
        if end == "\t":
            continue
        if cells != [""]:
            yield first, cells
        if "\n" not in end:
            return
        cells, first = [], line


def _unquoted(cell: str) -> str:
    quoted = len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in cell[1:-1].replace('""', "")
    return cell[1:-1].replace('""', '"') if quoted else cell


def _parquet_rows(content: bytes, place: str) -> Iterator[Row]:
    try:
        # An extra that not everybody has; it ships no types.
        from pyarrow import ArrowException, BufferReader, parquet  # type: ignore[import-untyped]  # noqa: PLC0415
    except ImportError as error:
        cure = "pip install 'socratune[parquet]', or save the rows as .csv or .jsonl"
        raise BadInput("parquet files need the package pyarrow", place=place, cure=cure) from error
    try:
        file = parquet.ParquetFile(BufferReader(content))
        _refuse_twice(file.schema_arrow.names, place=place)
        unpacked = sum(file.metadata.row_group(group).total_byte_size for group in range(file.num_row_groups))
        if unpacked > LARGEST_FILE:
            problem = f"larger than {LARGEST_FILE // 1024**2} MiB when it is unpacked"
            raise BadInput(problem, place=place, cure="give a part of it")
        # What pandas keeps of its index has no name in the table that a person sees.
        names = [name for name in file.schema_arrow.names if not name.startswith("__index_level_")]
        number = 0
        for batch in file.iter_batches(batch_size=256, columns=names):
            for record in batch.to_pylist():
                number += 1
                yield _parquet_row(record, names, f"{place}: row {number}")
    except (ArrowException, OSError) as error:
        reason = str(error).splitlines()[0][:100]
        raise BadInput(f"not a parquet file ({reason})", place=place, cure="write it again") from error


def _parquet_row(record: Mapping[str, object], names: Sequence[str], place: str) -> Row:
    values: dict[str, str] = {}
    for name in names:
        try:
            values[well_formed(name)] = as_text(record[name])
        except ValueError as error:
            raise BadInput(f"column {name!r} {error}", place=place, cure="write it as text") from error
    return Row(place=place, values=values)


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
        raise BadInput(f"{as_text(row)[:40]!r} is not an object", place=place, cure='write {"column": "value", ...}')
    return Row(place=place, values={well_formed(name): as_text(value) for name, value in row.items()})


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


def as_text(value: object) -> str:
    """Return a value as text: a text as it is, null as nothing, all else as compact JSON.

    Raises `ValueError` for what JSON cannot say.
    """
    if value is None:
        return ""
    text = value if isinstance(value, str) else _as_json(value)
    return well_formed(text)


def _as_json(value: object) -> str:
    """Return compact JSON; a date or a decimal number, which JSON does not have, as people write it."""
    if isinstance(value, date | time | Decimal):
        return str(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain)


def _plain(value: object) -> str:
    if isinstance(value, bytes):
        raise ValueError("holds bytes")  # noqa: TRY004  # json passes on a ValueError
    return str(value)
