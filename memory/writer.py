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
        if not self._thread.is_alive():
            raise RuntimeError("nothing can be written any more: the ledger is closed")
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
        """Commit what somebody still waits for; a write whose waiter was cancelled is dropped."""
        self._settle([pending for pending in group if pending.done.set_running_or_notify_cancel()])

    def _settle(self, group: list[_Pending]) -> None:
        """Commit together; when that fails, each alone, so that one write that cannot be done spoils no other."""
        try:
            results = self._transact(group)
        except Exception as error:  # noqa: BLE001  # it goes to whoever waits; without this thread all would wait for ever
            if len(group) == 1:
                group[0].done.set_exception(error)
                return
            for pending in group:
                self._settle([pending])
        else:
            for pending, result in zip(group, results, strict=True):
                pending.done.set_result(result)

    def _transact(self, group: list[_Pending]) -> list[Any]:
        with self._engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                # Nobody may write between the check and the commit; by itself SQLite would lock at the first write.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            self._check(connection)
            return [pending.write(connection) for pending in group]
