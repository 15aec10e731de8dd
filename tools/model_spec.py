"""How a specification names a model: `openai:NAME`, `anthropic:NAME@http://host`, `sim:WORLD`, `langchain:X:NAME`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from socratune.memory.errors import BadInput

Provider = Literal["openai", "anthropic", "langchain", "sim"]
PROVIDERS: tuple[Provider, ...] = ("openai", "anthropic", "langchain", "sim")
CODE = "python:"
CALL = "call:"
FORMS = (
    "write openai:NAME, anthropic:NAME, openai:NAME@http://host/v1, langchain:PROVIDER:NAME "
    "or, for a simulated model, sim:WORLD"
)
NO_HOSTS: Mapping[str, str] = {}
"""No host is vouched for but the providers' own."""


def is_code(name: str) -> bool:
    """Whether a target or a metric is a function in a file of the user's, `python:app.py:answer`."""
    return name.startswith(CODE)


def is_application(target: str) -> bool:
    """Whether a target is the user's own code: in a file, or a function of the program that called us."""
    return target.startswith((CODE, CALL))


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """A specification, taken apart."""

    text: str
    """As it was written."""
    provider: Provider
    """Whose protocol is spoken."""
    name: str
    """The model's name at its provider: of a simulated one the world and its strength, of LangChain `PROVIDER:NAME`."""
    url: str | None = None
    """Where to send requests; None for the provider's own address."""

    @classmethod
    def parse(cls, text: str) -> ModelSpec:
        """Read a specification. Raises `BadInput` when it has none of the forms."""
        prefix, _, rest = text.partition(":")
        provider = next((each for each in PROVIDERS if each == prefix), None)
        if provider is None or not rest:
            raise BadInput(f"unknown model {text!r}", cure=FORMS)
        if provider == "sim":
            return cls(text=text, provider=provider, name=rest)
        name, url = _divided(rest)
        if provider == "langchain":
            return cls(text=text, provider=provider, name=_integration(name, url, text))
        if not name or url == "":
            raise BadInput(f"unknown model {text!r}", cure=FORMS)
        return cls(text=text, provider=provider, name=name, url=url and checked_url(url, place=f"{provider}:{name}"))

    @property
    def world(self) -> str:
        """WORLD of `sim:WORLD`, `sim:WORLD:strong` or `sim:WORLD:weak`; a name or a path."""
        return self.name.removesuffix(":strong").removesuffix(":weak")

    @property
    def strength(self) -> str | None:
        """`strong` or `weak` for a simulated optimizer, None for a target."""
        ending = self.name.rpartition(":")[2]
        return ending if self.name.endswith((":strong", ":weak")) else None


def _integration(name: str, url: str | None, text: str) -> str:
    """Return `PROVIDER:NAME`. An address is refused: the integration would send its key there, whoever wrote it."""
    if not all(name.partition(":")):
        raise BadInput(f"unknown model {text!r}", cure=FORMS)
    if url is not None:
        cure = "set the variable that the integration reads, OPENAI_BASE_URL for example, or write openai:NAME@URL"
        raise BadInput("a langchain: model takes no address", place=f"langchain:{name}", cure=cure)
    return name


def _divided(rest: str) -> tuple[str, str | None]:
    """Return name and address; a name may hold an @ of its own."""
    for mark in ("@http://", "@https://"):
        if mark in rest:
            name, _, place = rest.partition(mark)
            return name, f"{mark[1:]}{place}"
    return rest, None


def checked_url(url: str, *, place: str) -> str:
    """Return `url` without a final slash. Raises `BadInput`, which does not repeat it, when it is no plain address.

    A password in an address would be written to every record that names the model.
    """
    try:
        parts = urlsplit(url)
        plain = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 0) >= 0
    except ValueError:
        plain = None
    if not plain or parts.username is not None or parts.query or parts.fragment or not url.isprintable():
        raise BadInput("the address cannot be used", place=place, cure="write http://host:port/path and nothing else")
    return url.rstrip("/")


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port: what two addresses share when one server answers both."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").rstrip("."), parts.port or (443 if parts.scheme == "https" else 80)
