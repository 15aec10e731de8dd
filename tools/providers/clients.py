"""The SDKs' clients: one for each event loop, closed with it, and mute about secrets at foreign addresses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar
from weakref import WeakKeyDictionary

from socratune.tools.providers.endpoint import NO_KEY, Endpoint
from socratune.tools.providers.stream import Limits

if TYPE_CHECKING:
    import httpx2


class Closable(Protocol):
    """Anything with connections."""

    async def close(self) -> None:
        """Let go of them."""


C = TypeVar("C", bound=Closable)

SENT_ANYWHERE = frozenset(
    {"host", "accept", "accept-encoding", "connection", "content-type", "content-length", "transfer-encoding"}
    | {"user-agent", "anthropic-version"}
)
"""Headers that a server other than the provider gets. The SDKs read others, with keys, from the environment."""

_OPEN: dict[Closable, AsyncGenerator[None]] = {}
"""Holds what is open until it is closed: a client that is merely forgotten cannot close its connections."""


class Clients(Generic[C]):
    """Makes a client when an event loop needs one."""

    def __init__(self, make: Callable[[], C]) -> None:
        self._make = make
        self._held: WeakKeyDictionary[asyncio.AbstractEventLoop, C] = WeakKeyDictionary()

    async def get(self) -> C:
        """Return the client of the running loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._held:
            client = self._held[loop] = self._make()
            _OPEN[client] = _closed_at_the_end(client)
            await anext(_OPEN[client])
        return self._held[loop]

    async def aclose(self) -> None:
        """Close the client of the running loop, if it has one."""
        client = self._held.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await _OPEN[client].aclose()


async def _closed_at_the_end(client: Closable) -> AsyncGenerator[None]:
    # An event loop that ends finishes the generators that were begun in it: no run can forget to close.
    try:
        yield
    finally:
        _OPEN.pop(client, None)
        await client.close()


def client_options(
    endpoint: Endpoint, limits: Limits, http_client: type[httpx2.AsyncClient], headers: Mapping[str, str]
) -> dict[str, Any]:
    """Return what a client of either SDK is made with; `headers` are a person's own."""
    import httpx2  # noqa: PLC0415  # comes with the SDKs

    key = endpoint.key or NO_KEY
    trusted = endpoint.is_providers and endpoint.key is not None

    async def dress(request: httpx2.Request) -> None:
        if not trusted:
            for name in set(request.headers) - SENT_ANYWHERE:
                del request.headers[name]
            request.headers["authorization"] = f"Bearer {key}"
        request.headers.update(headers)

    connections = http_client(
        timeout=httpx2.Timeout(None, connect=limits.connect),
        follow_redirects=False,  # a redirect could lead the rows to a host that nobody named
        event_hooks={"request": [dress]},
    )
    return {"api_key": key, "base_url": endpoint.url, "max_retries": 0, "http_client": connections}
