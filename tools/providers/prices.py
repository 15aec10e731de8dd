"""What a model costs, from the table that `genai-prices` ships; nothing is looked up on the network."""

from __future__ import annotations

from functools import lru_cache

from socratune.tools.models import Price
from socratune.tools.providers.endpoint import Endpoint


def price_of(endpoint: Endpoint) -> Price | None:
    """Return the price of a model where it is; None when the table does not know it.

    The price is that of requests of usual length: long-context tiers begin beyond what a prompt and a row come to. A
    server at another address is looked up by its address, never by the maker of the protocol that it speaks.
    """
    spec = endpoint.spec
    return _listed(spec.name, spec.provider if endpoint.is_providers else None, endpoint.url)


@lru_cache(maxsize=256)
def _listed(name: str, provider: str | None, url: str) -> Price | None:
    from genai_prices import Usage, calc_price  # noqa: PLC0415  # a large table

    def usd(**tokens: int) -> tuple[float, float]:
        """Return the USD of a million such calls: input, output."""
        used = Usage(**tokens)
        if provider is None:
            found = calc_price(used, name, provider_api_url=url)
        else:
            found = calc_price(used, name, provider_id=provider)
        return float(found.input_price * 1_000_000), float(found.output_price * 1_000_000)

    try:
        sent, received = usd(input_tokens=1, output_tokens=1)
        read, _ = usd(input_tokens=1, cache_read_tokens=1)
        write, _ = usd(input_tokens=1, cache_write_tokens=1)
    except LookupError:
        return None
    return Price(input=sent, output=received, cache_read=read, cache_write=write)
