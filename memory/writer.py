"""One thread that commits writes in groups.

A write is acknowledged only after its commit. What gathers while one commit waits for the disk goes into the next, so
that a thousand small writes cost a few dozen waits.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa

from socratune.memory.errors import RunOwned

T = TypeVar("T")
Write = Callable[[sa.Connection], T]


@dataclass(slots=True)
class _Pending:
    write: Write[Any]
    done: Future[Any]


class GroupWriter:
    """Commits to one database. `check` runs first in each transaction and refuses the whole group by raising."""

    def __init__(self, engine: sa.Engine, check: Callable[[sa.Connection], None]) -> None:
        self._engine = engine
        self._check = check
        self._waiting: queue.Queue[_Pending | None] = queue.Queue()
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self._thread.start()

    def write(self, write: Write[T]) -> T:
        """Commit one write and return its result; blocks."""
        return self._submit(write).result()

    async def awrite(self, write: Write[T]) -> T:
        """Commit one write and return its result."""
        return await asyncio.wrap_future(self._submit(write))

    def close(self) -> None:
        """Commit what is waiting and stop. Closing twice is harmless."""
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()

    def _submit(self, write: Write[T]) -> Future[T]:
        done: Future[T] = Future()
        self._waiting.put(_Pending(write=write, done=done))
        return done

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            group = [first]
            while not self._waiting.empty():
                following = self._waiting.get()
                if following is None:
                    self._commit(group)
                    return
                group.append(following)
            self._commit(group)

    def _commit(self, group: list[_Pending]) -> None:
        try:
            with self._engine.begin() as connection:
                self._check(connection)
                results = [pending.write(connection) for pending in group]
        except (sa.exc.SQLAlchemyError, RunOwned) as error:
            for pending in group:
                pending.done.set_exception(error)
        else:
            for pending, result in zip(group, results, strict=True):
                pending.done.set_result(result)
