"""How long a text is, in tokens, without asking a tokenizer.

Tokenizers differ by model and most have to be downloaded; none is. `estimate` is for lengths that people and limits
speak of, `at_most` for money, where being too low would break a promise.
"""

from __future__ import annotations

BYTES_PER_TOKEN = 4
"""Bytes of UTF-8 in one token of ordinary English text."""
TOKENS_PER_MESSAGE = 8
"""More than any provider adds for the role and the borders of one message."""


def estimate(text: str) -> int:
    """Return about how many tokens `text` is; 0 only when it is empty."""
    return -(-_bytes(text) // BYTES_PER_TOKEN)


def at_most(text: str) -> int:
    """Return a number of tokens that `text`, sent as one message, does not exceed.

    Each token of a byte-level vocabulary stands for at least one byte.
    """
    return _bytes(text) + TOKENS_PER_MESSAGE


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
