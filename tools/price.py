"""What tokens cost at a model, and what a person said that they cost."""

from __future__ import annotations

from dataclasses import dataclass

from socratune.memory.model_options import ModelOptions
from socratune.memory.usage import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """USD for a million tokens."""

    input: float
    output: float
    cache_read: float | None = None
    """Of input that the provider had kept; None for the full price."""
    cache_write: float | None = None
    """Of input that the provider is to keep; None for the full price."""

    def cost(self, *, tokens_in: int, tokens_out: int, tokens_cached: int = 0, tokens_written: int = 0) -> float:
        """Return USD; `tokens_in` counts all input, what was kept and what is to be kept included."""
        read = self.input if self.cache_read is None else self.cache_read
        write = self.input if self.cache_write is None else self.cache_write
        plain = tokens_in - tokens_cached - tokens_written
        sent = plain * self.input + tokens_cached * read + tokens_written * write
        return (sent + tokens_out * self.output) / 1_000_000

    def of(self, used: Usage) -> float:
        """Return the USD that a call cost."""
        return self.cost(
            tokens_in=used.tokens_in,
            tokens_out=used.tokens_out,
            tokens_cached=used.tokens_cached,
            tokens_written=used.tokens_written,
        )


def given_price(options: ModelOptions) -> Price | None:
    """Return the price that a person gave; None when they left it to the table."""
    return None if options.price is None else Price(input=options.price[0], output=options.price[1])
