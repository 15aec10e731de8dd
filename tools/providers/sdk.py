"""What models over an SDK share: their name, their price, their connections and the way a call goes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from types import ModuleType
from typing import Generic

from pydantic import BaseModel, ConfigDict

from socratune.memory.model_options import PLAIN, ModelOptions
from socratune.tools.models import Reply, Request, burden, named
from socratune.tools.price import Price
from socratune.tools.providers.clients import C, Clients
from socratune.tools.providers.endpoint import Endpoint
from socratune.tools.providers.failures import translated
from socratune.tools.providers.prefixes import kept_at
from socratune.tools.providers.prices import agreed_price
from socratune.tools.providers.stream import USUAL, Draft, Limits, receiving


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
        return agreed_price(self.endpoint, self.options)

    @property
    def kept_from(self) -> int | None:
        """Tokens from which on the provider keeps what requests begin with; None when none is known to."""
        return kept_at(self.endpoint)

    @property
    def overhead(self) -> int:
        """Tokens at most that a request holds besides its messages."""
        return burden(self.options)

    async def complete(self, request: Request) -> Reply:
        """Answer. Raises `TransientFailure` when another attempt may help, else `FinalFailure`."""
        client = await self._clients.get()
        async with receiving(self.name, request, self.limits) as draft:
            with translated(self.name, self._sdk()):
                await self._receive(client, request, draft)
            return draft.reply(self.name, request)

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
    async def _receive(self, client: C, request: Request, draft: Draft) -> None:
        """Send a request and receive what comes in `draft`, which is told when it begins and at each content."""
