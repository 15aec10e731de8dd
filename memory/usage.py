"""What a call used, whether or not an answer came of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one call used, in tokens."""

    tokens_in: int
    """All of the request, whatever each of them cost."""
    tokens_out: int
    tokens_cached: int = 0
    """Those of `tokens_in` that the provider had kept from an earlier call."""
    tokens_written: int = 0
    """Those of `tokens_in` that the provider was paid to keep for later calls."""
    usd: float | None = None
    """What it cost, when whoever answered said so; else it is priced by its tokens."""
