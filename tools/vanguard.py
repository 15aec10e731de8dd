"""Who goes first: of calls that begin alike, one goes ahead, so that the provider has kept the beginning for the rest.

All at once would each pay in full. What a call asks and what comes of it are not changed, and neither is the order in
which calls are admitted to the budget.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from socratune.memory.records import digest
from socratune.tools.models import KeepsPrefixes, LanguageModel, Request
from socratune.tools.tokens import estimate

KEPT_FOR = 240.0
"""Seconds after which a beginning may be forgotten; providers promise about five minutes from its last use."""


def kept_from(model: LanguageModel) -> int | None:
    """Return the tokens from which on the model's provider keeps a beginning; None when it keeps none."""
    return model.kept_from if isinstance(model, KeepsPrefixes) else None


def kept_beginning(model: str, request: Request, least: int | None) -> str | None:
    """Return what stands for the beginning that is kept for a model; None when it has fewer than `least` tokens.

    The form of the answer stands before the messages: where it differs, nothing is shared.
    """
    if least is None or sum(map(estimate, request.shared)) < least:
        return None
    return digest([model, request.schema, *request.shared])


class Vanguard:
    """Lets one call with a beginning go ahead, and the others wait for its end."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ahead: dict[str, asyncio.Event] = {}
        self._used: dict[str, float] = {}

    @asynccontextmanager
    async def turn(self, beginning: str | None) -> AsyncIterator[None]:
        """Wait while the first call with this beginning is on its way; None waits for nobody.

        When that one fails the others go all the same: it may have been its row's fault.
        """
        if beginning is None:
            yield
            return
        ahead = self._ahead.get(beginning)
        if ahead is None and not self._is_kept(beginning):
            ahead = self._ahead[beginning] = asyncio.Event()
            try:
                yield
            finally:
                del self._ahead[beginning]
                ahead.set()
        else:
            if ahead is not None:
                await ahead.wait()
            yield
        self._used[beginning] = self._clock()

    def _is_kept(self, beginning: str) -> bool:
        return self._clock() - self._used.get(beginning, float("-inf")) < KEPT_FOR
