"""Chance that is a function of its keys, so that no draw depends on the order of calls."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def chance(*keys: object) -> float:
    """Return a number in [0, 1) that looks random and is always the same for the same keys."""
    text = "\x1f".join(map(str, keys))
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=6).digest()) / 2**48


def pick(items: Sequence[T], *keys: object) -> T:
    """Return one of `items`, which must not be empty."""
    return items[int(chance(*keys) * len(items))]
