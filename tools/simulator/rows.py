"""Which row of a world a message is about."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from socratune.memory.records import Example

_WORD = re.compile(r"\b\w")
_HEADS = (32, 8, 1)
"""Lengths of the beginnings by which rows are looked up; each row under the longest that it has."""
_STEP = 400
"""Characters of a message that are looked through at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row and the text by which it is found: its longest input, from the first word on."""

    example: Example
    anchor: str
    length: int
    """Characters of all inputs together."""

    @classmethod
    def of(cls, example: Example) -> Row:
        """Return the row of `example`."""
        longest = max(example.inputs.values(), key=len, default="")
        first = _WORD.search(longest)
        length = sum(map(len, example.inputs.values()))
        return cls(example=example, anchor=longest[first.start() if first else 0 :], length=length)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowIndex:
    """Finds rows in messages, by the beginnings of their anchors."""

    rows: tuple[Row, ...]
    heads: Mapping[int, Mapping[str, Sequence[Row]]]
    reach: int
    """Characters of the longest anchor."""

    @classmethod
    def of(cls, examples: Sequence[Example]) -> RowIndex:
        """Index `examples`; of equal rows the first stands for all."""
        rows = tuple(row for row in map(Row.of, examples) if row.anchor)
        heads: dict[int, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
        for row in rows:
            size = next(size for size in _HEADS if size <= len(row.anchor))
            heads[size][row.anchor[:size]].append(row)
        return cls(rows=rows, heads=heads, reach=max((len(row.anchor) for row in rows), default=0))

    def find(self, message: str) -> Example | None:
        """Return the row that ends last in `message`, the longest of several; None when there is none.

        All its inputs must occur.
        """
        found = self._at_words(message) or list(self._anywhere(message))
        return max(found, key=lambda hit: (hit[0], hit[1].length))[1].example if found else None

    def _at_words(self, message: str) -> list[tuple[int, Row]]:
        """Look from the end on, where the row mostly stands, as long as a row could end later than those found."""
        found: list[tuple[int, Row]] = []
        last, high = 0, len(message)
        while high > 0 and high + self.reach > last:
            low = max(0, high - _STEP)
            starts = [match.start() for match in _WORD.finditer(message, low, high)]
            found = [*self._starting_at(starts, message), *found]
            last, high = max((end for end, _ in found), default=0), low
        return found

    def _starting_at(self, starts: Sequence[int], message: str) -> Iterator[tuple[int, Row]]:
        for size, heads in self.heads.items():
            for start in starts:
                for row in heads.get(message[start : start + size], ()):
                    if message.startswith(row.anchor, start) and _all_in(row, message):
                        yield start + len(row.anchor), row

    def _anywhere(self, message: str) -> Iterator[tuple[int, Row]]:
        """Look at every row: for anchors without a word, or glued to one."""
        for row in self.rows:
            start = message.rfind(row.anchor)
            if start >= 0 and _all_in(row, message):
                yield start + len(row.anchor), row


def _all_in(row: Row, message: str) -> bool:
    return all(value in message for value in row.example.inputs.values())


def without(message: str, values: Iterable[str]) -> str:
    """Return `message` with the last occurrence of each value taken out, the longest first."""
    for value in sorted(filter(None, values), key=len, reverse=True):
        before, _, after = message.rpartition(value)
        message = before + after
    return message
