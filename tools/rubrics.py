"""The criteria of a rubric, numbered by code.

A model asked to find them would find others on another day, and scores of two runs could not be compared. So the
person who writes a rubric divides it: a list has an item a criterion, a single line may divide them by semicolons, and
anything else is one criterion, met as a whole or not. Commas and periods divide nothing: they stand inside criteria.
"""

from __future__ import annotations

import re

_ITEM = re.compile(r"^[ \t]*(?:[-*•+]|\d{1,2}[.)])[ \t]+(?=\S)", re.MULTILINE)


def criteria(rubric: str) -> tuple[str, ...]:
    """Return the criteria of a rubric that is not empty, at least one; words before a list are not one."""
    text = rubric.strip()
    parts = _ITEM.split(text)[1:] or (text.split(";") if "\n" not in text else [])
    found = tuple(" ".join(part.split()) for part in parts if part.strip(" \t\n."))
    return found or (" ".join(text.split()),)
