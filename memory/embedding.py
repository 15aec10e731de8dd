"""The default embedder: signed feature hashing into 384 dimensions, with nothing to download.

Words without stop words, lightly stemmed, word pairs and character 3- and 4-grams are hashed by CRC-32, so a vector is
the same on every machine. It finds near-duplicates and shared vocabulary; it does not know that two different words
mean the same.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
DIMENSIONS = 384
NAME = "hashed-384-v1"
"""Kept beside an index; another name means that the index must be built again."""

_STOP = frozenset(
    re.findall(
        r"\w+",
        """a an and are as at be but by for from had has have if in into is it its no not of on or so such that the
        their then there these they this to was we were will with you your""",
    )
)
_SUFFIXES = ("ational", "ations", "ation", "ingly", "ings", "ing", "edly", "ies", "ied", "ed", "es", "ly", "s")


def _stem(word: str) -> str:
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            return word[: -len(suffix)]
    return word


def _features(text: str) -> Iterator[tuple[str, float]]:
    words = [word for word in re.findall(r"\w+", text.lower()) if word not in _STOP]
    for word in words:
        yield f"w:{_stem(word)}", 2.0
        padded = f"<{word}>"
        for size in (3, 4):
            for start in range(len(padded) - size + 1):
                yield padded[start : start + size], 0.5
    for first, second in pairwise(words):
        yield f"b:{_stem(first)}_{_stem(second)}", 1.0


@lru_cache(maxsize=4096)
def embed(text: str) -> Vector:
    """Return the unit vector of a text; a text without words has a fixed one."""
    vector = np.zeros(DIMENSIONS, dtype=np.float32)
    for feature, weight in _features(text):
        bits = zlib.crc32(feature.encode())
        vector[bits % DIMENSIONS] += weight if bits & 0x80000000 else -weight
    length = float(np.linalg.norm(vector))
    if length == 0:
        vector[0] = length = 1.0
    unit = vector / np.float32(length)
    unit.flags.writeable = False
    return unit
