"""What a model costs, from the table that `genai-prices` ships; nothing is looked up on the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from socratune.memory.model_options import ModelOptions
from socratune.tools.model_spec import ModelSpec
from socratune.tools.price import Price, given_price
from socratune.tools.providers.endpoint import HOMES, Endpoint

SURCHARGES = {"anthropic": 1.25}
"""What a provider asks for input that it begins to keep, as a multiple of its price for input; the others ask none.

platform.claude.com/docs/en/build-with-claude/prompt-caching.
"""


def agreed_price(endpoint: Endpoint, options: ModelOptions) -> Price | None:
    """Return the price that a person gave, else that of the table.

    Who gave a price said nothing of caches: no discount is taken off, and what is to be kept is not too cheap.
    """
    given = given_price(options)
    if given is None:
        return price_of(endpoint)
    surcharge = SURCHARGES.get(endpoint.spec.provider) if endpoint.is_providers else None
    return replace(given, cache_write=given.input * surcharge) if surcharge else given


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


def price_note(spec: str, options: ModelOptions, hosts: Mapping[str, str]) -> str:
    """Return a sentence when a price was given and the table knows another; empty when there is nothing to say."""
    given, found = given_price(options), ModelSpec.parse(spec)
    if given is None or found.provider not in HOMES:
        return ""
    known = price_of(Endpoint.of(found, hosts=hosts))
    if known is None or (known.input, known.output) == (given.input, given.output):
        return ""
    return (
        f"{spec} counts at the {given.input:g} and {given.output:g} USD a million tokens that you gave; "
        f"the price table says {known.input:g} and {known.output:g}"
    )
