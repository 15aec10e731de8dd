"""How many calls are in flight at once: as many as configured, fewer while the provider refuses."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

WINDOW = 20
"""Outcomes that are looked at when a call is refused."""


class Throttle:
    """A limit on concurrency that halves under refusals and grows back by one.

    It halves at most once in the time that the provider asked to wait, and only when more than half of the last
    window was refused: one unlucky burst does not slow a healthy run.
    """

    def __init__(self, limit: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = self._most = limit
        self._clock = clock
        self._busy = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._refused = deque([False] * WINDOW, maxlen=WINDOW)
        self._calm = 0
        """Answers since the last refusal, or since the limit last grew."""
        self._quiet_until = 0.0

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for a free place and hold it; who came first goes first."""
        if self._waiting or self._busy >= self.limit:
            await self._place()
        else:
            self._busy += 1
        try:
            yield
        finally:
            self._leave()

    async def _place(self) -> None:
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if not place.cancelled():  # it was given the place, and will not use it
                self._leave()
            raise

    def _leave(self) -> None:
        self._busy -= 1
        # One by one: to wake all of a long queue for each place would cost more than the calls.
        while self._waiting and self._busy < self.limit:
            place = self._waiting.popleft()
            if not place.done():
                self._busy += 1
                place.set_result(None)

    def answered(self) -> None:
        """Note a call that the provider took; a full window of them lets one more in."""
        self._refused.append(False)
        self._calm += 1
        if self.limit < self._most and self._calm >= WINDOW:
            self.limit += 1
            self._calm = 0

    def refused(self, retry_after: float) -> None:
        """Note a call that the provider turned away, asking to wait `retry_after` seconds."""
        self._refused.append(True)
        self._calm = 0
        now = self._clock()
        if now >= self._quiet_until and sum(self._refused) * 2 > WINDOW:
            self.limit = max(1, self.limit // 2)
            self._quiet_until = now + max(retry_after, 1.0)
