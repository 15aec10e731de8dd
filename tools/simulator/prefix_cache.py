"""What a simulated provider keeps of the requests it has answered, counted as the real ones count.

Nothing is forgotten: a simulated provider does not live long enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TypedDict

from socratune.tools.providers.prefixes import STEP, USUAL, kept_from
from socratune.tools.simulator.protocols import Heard
from socratune.tools.tokens import BYTES_PER_TOKEN, estimate


class Kept(TypedDict):
    """Input tokens that were kept before, and those that are paid for to be kept."""

    tokens_cached: int
    tokens_written: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What can be kept of one request, and what of it was there when the request came."""

    marks: dict[str, int]
    """Tokens up to each place at which a later request may join, the shortest first."""
    found: int
    """Tokens that were there."""
    is_paid: bool
    """Whether keeping has a price."""


@dataclass(slots=True)
class PrefixCache:
    """The beginnings that are kept; a request finds them once the first answer that carried them has begun."""

    _kept: set[str] = field(default_factory=set)

    def look(self, heard: Heard, *, by_itself: bool) -> Beginning:
        """Return what is there for a request that has just come."""
        marks = dict(_steps(heard) if by_itself else _marked(heard))
        found = max((tokens for mark, tokens in marks.items() if mark in self._kept), default=0)
        return Beginning(marks=marks, found=found, is_paid=not by_itself)

    def keep(self, beginning: Beginning) -> Kept:
        """Keep a beginning whose answer begins now."""
        self._kept.update(beginning.marks)
        longest = max(beginning.marks.values(), default=0)
        return Kept(tokens_cached=beginning.found, tokens_written=(longest - beginning.found) * beginning.is_paid)


def _steps(heard: Heard) -> Iterator[tuple[str, int]]:
    """Yield the beginnings of 1,024 tokens and each 128 more."""
    sent = b"".join(_whole_tokens(message.content) for message in heard.request.messages)
    running = sha256(heard.model.encode() + b"\0")
    at = 0
    for tokens in range(USUAL, len(sent) // BYTES_PER_TOKEN + 1, STEP):
        running.update(sent[at : (at := tokens * BYTES_PER_TOKEN)])
        yield running.hexdigest(), tokens


def _marked(heard: Heard) -> Iterator[tuple[str, int]]:
    """Yield the beginning up to the last mark, when it is long enough to be kept."""
    parts = heard.request.shared
    tokens = sum(map(estimate, parts))
    if parts and tokens >= kept_from(heard.model):
        yield sha256("\0".join((heard.model, *parts)).encode()).hexdigest(), tokens


def _whole_tokens(text: str) -> bytes:
    """Return the text filled up to whole tokens, as the simulator counts them."""
    written = text.encode("utf-8", "surrogatepass")
    return written + b"\0" * (-len(written) % BYTES_PER_TOKEN)
