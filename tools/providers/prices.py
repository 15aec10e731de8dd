"""What a model costs, from the table that `genai-prices` ships; nothing is looked up on the network."""

from __future__ import annotations

from collections.abc import Mapping

from socratune.memory.records import ModelOptions
from socratune.tools.model_spec import ModelSpec
from socratune.tools.models import Price, given_price
from socratune.tools.providers.endpoint import HOMES, Endpoint


def price_of(endpoint: Endpoint) -> Price | None:
    """Return the price of a model where it is; None when the table does not know it.

    The price is that of requests of usual length, at full price: long-context tiers begin beyond what a prompt and a
    row come to, and no cache discount is taken off. A server at another address is looked up by its address, never by
    the maker of the protocol that it speaks.
    """
    from genai_prices import Usage, calc_price  # noqa: PLC0415  # a large table

    one = Usage(input_tokens=1, output_tokens=1)
    name = endpoint.spec.name
    try:
        if endpoint.is_providers:
            found = calc_price(one, name, provider_id=endpoint.spec.provider)
        else:
            found = calc_price(one, name, provider_api_url=endpoint.url)
    except LookupError:
        return None
    return Price(input=float(found.input_price * 1_000_000), output=float(found.output_price * 1_000_000))


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
