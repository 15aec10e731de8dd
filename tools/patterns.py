"""Patterns that a person wrote, made safe to search with."""

from __future__ import annotations

import re

LONGEST_SEARCHED = 20_000  # characters of an output that a pattern from the data may search, or that rouge compares

_NESTED_REPEAT = re.compile(r"\([^()]{0,200}(?<!\\)[*+][^()]{0,200}\)[*+{]")


def compiled(text: str) -> re.Pattern[str]:
    """Return the pattern. Raises `ValueError`, which ends a sentence that begins with the pattern."""
    # A repeat inside a repeat can take longer than the universe has lasted, and nothing can interrupt it.
    if _NESTED_REPEAT.search(text):
        raise ValueError("repeats a group that repeats")
    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"is not a pattern ({error})") from error
