"""Where a simulated provider listens: on this machine alone."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from socratune.memory.errors import BadInput
from socratune.memory.records import Example
from socratune.tools.simulator.wire import POLITE, Manners, Wire
from socratune.tools.simulator.world import World

if TYPE_CHECKING:
    import uvicorn

HOST = "127.0.0.1"
LAST_WAIT = 1
"""Seconds that requests get to end when the server stops."""


def serve(world: World, port: int, examples: Sequence[Example], manners: Manners = POLITE) -> None:
    """Answer until a person presses Ctrl-C. Raises `BadInput` when the port cannot be had."""
    with _listening(port) as taken:
        _server(Wire(world=world, examples=examples, manners=manners)).run(sockets=[taken])


@contextmanager
def served(wire: Wire) -> Iterator[str]:
    """Serve from a thread, and give the address: `http://127.0.0.1:PORT`."""
    server = _server(wire)
    with _listening(0) as taken:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]}, daemon=True)
        thread.start()
        try:
            yield f"http://{HOST}:{taken.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise BadInput(f"port {port} cannot be had: {error.strerror}", place="--port", cure="try another") from error


def _server(wire: Wire) -> uvicorn.Server:
    try:
        import uvicorn  # noqa: PLC0415  # only who serves needs it
        from uvicorn.protocols.http.h11_impl import H11Protocol  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise BadInput(f"{error.name} is not installed", cure="pip install 'socratune[serve]'") from error

    class Tearable(H11Protocol):
        """A connection that a fault can tear."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its parent
            super().connection_made(transport)
            wire.connections[self.client] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            wire.connections.pop(self.client, None)
            super().connection_lost(exc)

    options: dict[str, Any] = {"http": Tearable, "ws": "none", "lifespan": "off", "log_config": None}
    return uvicorn.Server(uvicorn.Config(wire.app(), timeout_graceful_shutdown=LAST_WAIT, **options))
