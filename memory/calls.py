"""One call as the ledger keeps it: before it is sent, and when it was answered."""

from __future__ import annotations

from dataclasses import dataclass

from socratune.memory.records import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStart:
    """What is written before a request is sent."""

    key: str
    role: Role
    phase: str
    model: str
    reserved_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidReply:
    """A completed call, as the ledger gives it back."""

    text: str
    tokens_in: int
    tokens_out: int
    usd: float
    tokens_cached: int = 0
    """Those of `tokens_in` that came from the provider's cache."""
