"""Where a model is, and which key may go there.

A provider's key goes to the provider's own host, or to the host that its `..._BASE_URL` variable names, and nowhere
else. Another host gets a key only when a person's own configuration names it together with the variable, and then that
key alone. Scheme and port count: a key for https is not sent over http.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from socratune.memory.errors import BadInput
from socratune.tools.model_spec import NO_HOSTS, ModelSpec, checked_url, origin

NO_KEY = "none"
"""Sent where the SDKs insist on a key and none may go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """A provider's own address, and the variables that people set for it."""

    url: str
    key: str
    base: str


HOMES: Mapping[str, Home] = {
    "openai": Home(url="https://api.openai.com/v1", key="OPENAI_API_KEY", base="OPENAI_BASE_URL"),
    "anthropic": Home(url="https://api.anthropic.com", key="ANTHROPIC_API_KEY", base="ANTHROPIC_BASE_URL"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One model at one address."""

    spec: ModelSpec
    url: str
    key: str | None = field(repr=False)
    """None when no key may go there, or none is set and none is needed."""
    is_providers: bool
    """Whether it is the provider itself, or the stand-in that the environment names for it."""

    @classmethod
    def of(cls, spec: ModelSpec, *, hosts: Mapping[str, str] = NO_HOSTS, keyless: bool = False) -> Endpoint:
        """Read the environment. Raises `BadInput` naming the variable when a key is needed and there is none.

        `hosts` gives the variable with a host's key by origin, `https://gateway.corp:8443`. `keyless` is for whoever
        looks and does not call: then no key is needed.
        """
        home = HOMES[spec.provider]
        named = os.environ.get(home.base)
        stand_in = checked_url(named, place=home.base) if named else None
        url = spec.url or stand_in or home.url
        is_providers = origin(url) in {origin(each) for each in (home.url, stand_in) if each}
        variable = _vouched(url, hosts)
        key = _key(variable or home.key) if variable or is_providers else None
        if key is None and not keyless and (variable or origin(url) == origin(home.url)):
            raise BadInput(f"{variable or home.key} is not set", place=spec.text, cure="set it; sim:WORLD needs none")
        return cls(spec=spec, url=url, key=key, is_providers=is_providers)


def _vouched(url: str, hosts: Mapping[str, str]) -> str | None:
    """Return the variable with the key of the host at `url`, when a person has named it."""
    known = {origin(checked_url(host, place="hosts")): variable for host, variable in hosts.items()}
    return known.get(origin(url))


def _key(variable: str) -> str | None:
    """Return a key. What could not stand in a header is refused here, where no error text repeats it."""
    key = os.environ.get(variable, "").strip()
    if not key.isascii() or not key.isprintable() or " " in key:
        raise BadInput("the key has characters that no key has", place=variable, cure="set it again")
    return key or None
