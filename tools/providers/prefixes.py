"""Which beginnings of requests a provider keeps, so that they are cheaper when they come again.

OpenAI keeps them by itself; Anthropic keeps what is marked, and asks more for what it begins to keep.
"""

from __future__ import annotations

from dataclasses import dataclass

from socratune.tools.models import Request
from socratune.tools.providers.endpoint import Endpoint
from socratune.tools.tokens import estimate

USUAL = 1_024
"""Tokens. OpenAI: platform.openai.com/docs/guides/prompt-caching."""
STEP = 128
"""Tokens; OpenAI keeps multiples of it beyond the first 1,024."""
LARGER = {
    "claude-opus-4-5": 4_096,
    "claude-opus-4-6": 4_096,
    "claude-haiku-4-5": 4_096,
    "claude-sonnet-4-6": 2_048,
    "claude-3-5-haiku": 2_048,
    "claude-3-haiku": 2_048,
}
"""Tokens, by the beginning of the name: platform.claude.com/docs/en/build-with-claude/prompt-caching.

A mark on less is not refused and keeps nothing, so a model that is missing here costs no more than without a mark.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Where the part of a request ends that a provider is asked to keep."""

    message: int
    """Its place among the messages, counted from 0."""
    length: int
    """Characters of that message: all of them, or those that requests share."""


def kept_from(name: str) -> int:
    """Return the tokens from which on a beginning is kept for the model of this name."""
    return next((tokens for known, tokens in LARGER.items() if name.startswith(known)), USUAL)


def kept_at(endpoint: Endpoint) -> int | None:
    """Return the same for a model where it is; None at an address that is not the provider's: nobody knows there."""
    return kept_from(endpoint.spec.name) if endpoint.is_providers else None


def mark_of(request: Request, least: int | None) -> Mark | None:
    """Return the mark after what is shared; None when it is shorter than `least` tokens, or nothing is kept.

    A message is divided only when those before it are too short alone: a model is sent the turns as they are written.
    """
    found, tokens = None, 0
    for number, text in enumerate(request.shared):
        tokens += estimate(text)
        is_whole = len(text) == len(request.messages[number].content)
        if least is not None and tokens >= least and (is_whole or found is None):
            found = Mark(message=number, length=len(text))
    return found
