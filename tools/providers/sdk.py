"""What models over an SDK share: their name, their price, their connections and the way a call goes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Generic

from pydantic import BaseModel, ConfigDict

from socratune.memory.records import PLAIN, ModelOptions
from socratune.tools.models import Price, Reply, Request, burden, given_price, named
from socratune.tools.providers.clients import C, Clients
from socratune.tools.providers.endpoint import Endpoint
from socratune.tools.providers.failures import translated
from socratune.tools.providers.prices import price_of
from socratune.tools.providers.stream import USUAL, Draft, Limits, content_limits


class Read(BaseModel):
    """The SDK does not check what a server sends; this does, for the little that is used."""

    model_config = ConfigDict(from_attributes=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SdkModel(ABC, Generic[C]):
    """A `LanguageModel` behind an endpoint."""

    endpoint: Endpoint
    options: ModelOptions = PLAIN
    limits: Limits = USUAL
    _clients: Clients[C] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_clients", Clients(self._client))

    @property
    def name(self) -> str:
        """The specification, and a mark of the options sent with it."""
        return named(self.endpoint.spec.text, self.options)

    @property
    def price(self) -> Price | None:
        """What was given, else what the table says; None when nobody knows."""
        return given_price(self.options) or price_of(self.endpoint)

    @property
    def overhead(self) -> int:
        """Tokens at most that a request holds besides its messages."""
        return burden(self.options)

    async def complete(self, request: Request) -> Reply:
        """Answer. Raises `TransientFailure` when another attempt may help, else `FinalFailure`."""
        client = await self._clients.get()
        with translated(self.name, self._sdk()):
            async with content_limits(self.name, self.limits) as heard:
                return (await self._draft(client, request, heard)).reply(self.name, request)

    async def aclose(self) -> None:
        """Close the connections of the running event loop; the next call opens new ones."""
        await self._clients.aclose()

    @abstractmethod
    def _sdk(self) -> ModuleType:
        """Import the SDK: it is heavy, and not every run needs it."""

    @abstractmethod
    def _client(self) -> C:
        """Make a client."""

    @abstractmethod
    async def _draft(self, client: C, request: Request, heard: Callable[[], None]) -> Draft:
        """Send a request and receive what comes; `heard` is called at each piece of content."""
