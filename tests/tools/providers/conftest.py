"""A simulated provider on the loopback, and the real SDKs that speak to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from tests.tools.providers.scene import WIRES, Served, Speaker, wire

from socratune.tools.simulator.server import served
from socratune.tools.simulator.wire import POLITE, Manners, Wire

Serve = Callable[..., Served]


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the person who runs the tests has set does not count."""
    for provider in ("OPENAI", "ANTHROPIC"):
        for name in ("API_KEY", "BASE_URL", "CUSTOM_HEADERS"):
            monkeypatch.delenv(f"{provider}_{name}", raising=False)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a provider; it is stopped when the test ends."""
    with ExitStack() as stack:

        def start(manners: Manners = POLITE, made: Wire | None = None) -> Served:
            return Served(url=stack.enter_context(served(made or wire(manners))))

        yield start


@pytest.fixture(params=WIRES)
def speaker(request: pytest.FixtureRequest) -> Speaker:
    """Each of the wire protocols in turn."""
    return Speaker(provider=request.param)
