"""What all tests stand on: a ledger on a real disk, and no way to the network."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from socratune.memory.ledger import Ledger

_NAMED_BY = {"socket.connect": 1, "socket.sendto": 1, "socket.getaddrinfo": 0, "socket.gethostbyname": 0}
"""Events by which Python announces a connection, and which of their arguments says where to."""
_HOME = ("127.", "::1", "localhost")


class NetworkReached(RuntimeError):
    """A test tried to leave the machine. Not an `OSError`, so that nothing takes it for a provider's trouble."""


def _stay_home(event: str, arguments: tuple[object, ...]) -> None:
    if event not in _NAMED_BY:
        return
    place = arguments[_NAMED_BY[event]]
    host = place[0] if isinstance(place, tuple) else place
    # A path is a Unix socket; no host at all is this machine.
    if host and not str(host).startswith((*_HOME, "/")):
        raise NetworkReached(f"{event} to {host!r}")


sys.addaudithook(_stay_home)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """The ledger of a run that has begun."""
    made = Ledger.open(tmp_path / "ledger.db", "run")
    made.begin_run({})
    yield made
    made.close()
