"""Work on a thread and an event loop of its own: where the caller's loop must not wait, or is busy waiting."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Apart(Generic[T]):
    """One piece of work that goes on by itself; a thread that is told to stop stops as a cancelled task does."""

    def __init__(self, work: Coroutine[Any, Any, T]) -> None:
        self._begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any] | None]] = Future()
        with_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="socratune")
        self.ended: Future[T] = with_thread.submit(asyncio.run, self._watched(work))
        """Raises what the work raised; `asyncio.CancelledError` when it was cancelled."""
        with_thread.shutdown(wait=False)

    async def _watched(self, work: Coroutine[Any, Any, T]) -> T:
        self._begun.set_result((asyncio.get_running_loop(), asyncio.current_task()))
        return await work

    def cancel(self) -> None:
        """Ask the work to stop; `ended` says when it has. Harmless when it ended before."""
        loop, task = self._begun.result()
        with contextlib.suppress(RuntimeError):  # its loop is closed already
            loop.call_soon_threadsafe(task.cancel if task else loop.stop)

    def wait(self) -> T:
        """Return what comes of the work. Ctrl-C stops it first, as it stops a plain call."""
        try:
            return self.ended.result()
        except KeyboardInterrupt:
            self.cancel()
            with contextlib.suppress(BaseException):
                self.ended.result()
            raise
