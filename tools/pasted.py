"""What a person pastes: rows are told from words by their shape alone, in code.

Rows come as csv or tsv with a header, as JSON lines, or as lines `input => output`.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from socratune.memory.errors import BadInput
from socratune.tools.datasets import well_formed

Row = Mapping[str, str]

INPUT, EXPECTED = "input", "expected"
"""Columns of rows that come as `input => output`."""
FEWEST = 2
"""Rows that are recognised as rows."""
PREFACE = 4
"""Lines of words that may stand before rows in one paste."""
KINDS = {
    ".csv": "rows",
    ".tsv": "rows",
    ".jsonl": "rows",
    ".json": "rows",
    ".parquet": "rows",
    ".txt": "prompt",
    ".md": "prompt",
    ".prompt": "prompt",
}
"""What a file holds, by its ending."""

_ARROW = re.compile(r"\s*(?:=>|⇒|->|→)\s*")
_HEADER_CELL = re.compile(r"[^\W\d][\w .-]{0,40}")
_PLACEHOLDER = re.compile(r"\{\{?\s*[^\W\d]\w*\s*\}?\}")
_QUOTES = "\"'`()<>,;"
PROMPT_LINES = 3
"""A text of so many lines is a prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pasted:
    """One block of text, taken apart."""

    words: str
    """What is not rows."""
    rows: tuple[Row, ...] = ()


def taken_apart(block: str) -> Pasted:
    """Return the words and the rows of a block; words may stand before the rows. Raises `BadInput` for broken rows."""
    lines = well_formed(block).replace("\r\n", "\n").replace("\r", "\n").strip("\n").split("\n")
    for start in range(min(PREFACE, len(lines)) + 1):
        rows = _rows("\n".join(lines[start:]).strip("\n"))
        if rows:
            return Pasted(words="\n".join(lines[:start]).strip(), rows=rows)
    return Pasted(words="\n".join(lines).strip())


def files_named(words: str, folder: Path) -> dict[Path, str]:
    """Return the files of a folder that some words name, each with what it holds: `rows` or `prompt`."""
    named = (folder / token.strip(_QUOTES).rstrip(".") for token in words.split())
    return {path: KINDS[path.suffix.lower()] for path in named if path.suffix.lower() in KINDS and path.is_file()}


def is_prompt(words: str) -> bool:
    """Whether some words are a prompt rather than a wish: several lines, or a placeholder among them."""
    return words.count("\n") + 1 >= PROMPT_LINES or bool(_PLACEHOLDER.search(words))


def _rows(text: str) -> tuple[Row, ...]:
    readers: tuple[Callable[[str], tuple[Row, ...]], ...] = (_json_lines, _arrows, _table)
    return next((rows for reader in readers if (rows := reader(text))), ())


def _json_lines(text: str) -> tuple[Row, ...]:
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) < FEWEST or not all(line.lstrip().startswith("{") for line in lines):
        return ()
    return tuple(_object(line, number) for number, line in enumerate(lines, start=1))


def _object(line: str, number: int) -> Row:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        place = f"pasted rows, line {number}"
        raise BadInput(f"not valid JSON ({error})", place=place, cure="paste one object a line") from error
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in found.items()}


def _arrows(text: str) -> tuple[Row, ...]:
    parts = [_ARROW.split(line.strip()) for line in text.split("\n") if line.strip()]
    if len(parts) < FEWEST or not all(len(part) == 2 and all(part) for part in parts):
        return ()
    return tuple({INPUT: given, EXPECTED: wanted} for given, wanted in parts)


def _table(text: str) -> tuple[Row, ...]:
    delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
    try:
        records = [cells for cells in csv.reader(io.StringIO(text), delimiter=delimiter, strict=True) if cells]
    except csv.Error:
        return ()
    if len(records) <= FEWEST or len(records[0]) < 2 or len(set(records[0])) < len(records[0]):
        return ()
    names = records[0]
    # A header is not a sentence: no space follows its commas.
    if not all(_HEADER_CELL.fullmatch(name) and name == name.strip() for name in names):
        return ()
    if any(len(cells) != len(names) for cells in records):
        return _refuse(records, names) if _mostly(records, names) else ()
    return tuple(dict(zip(names, cells, strict=True)) for cells in records[1:])


def _mostly(records: list[list[str]], names: list[str]) -> bool:
    return sum(len(cells) == len(names) for cells in records) * 2 > len(records) > 5


def _refuse(records: list[list[str]], names: list[str]) -> tuple[Row, ...]:
    number, cells = next((n, cells) for n, cells in enumerate(records) if len(cells) != len(names))
    problem = f"{len(cells)} cells under a header of {len(names)}"
    raise BadInput(problem, place=f"pasted rows, row {number}", cure="quote the cells that hold commas or line breaks")
