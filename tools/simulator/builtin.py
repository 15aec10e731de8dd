"""The worlds that come with Socratune, by what they are for."""

from __future__ import annotations

from pathlib import Path

BUILTIN = Path(__file__).parents[1] / "worlds"
"""Where they, and their rows, are kept."""

OPEN = ("ticket-routing", "moderation", "invoices", "house-arithmetic", "prerequisite", "local-optimum")
"""Worlds to design and tune an optimizer on."""
FROZEN = ("regions", "label-free", "defective-seed", "noisy", "long", "unfixable")
"""Worlds that no optimizer is tuned on. `frozen.json` beside them holds their hashes."""
SHUFFLED = ("null-shuffled-moderation", "null-shuffled-tickets")
"""Nulls in which the labels are dealt at random."""
NULLS = ("null-ideal", "null-churn", *SHUFFLED)
"""Worlds in which no prompt is better than the seed."""
