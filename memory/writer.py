"""One thread that commits writes in groups.

A write is acknowledged only after its commit. What gathers while one commit waits for the disk goes into the next, so
that a thousand small writes cost a few dozen waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa

T = TypeVar("T")
Write = Callable[[sa.Connection], T]


@dataclass(slots=True, eq=False)
class _Pending:
    write: Write[Any]
    done: Future[Any] | asyncio.Future[Any]

    @property
    def is_wanted(self) -> bool:
        """Whether somebody still waits."""
        return self.done.set_running_or_notify_cancel() if isinstance(self.done, Future) else not self.done.cancelled()

    def tell(self, result: Any) -> None:
        """Hand over a result, or raise an error where it is waited for."""
        if self.done.done():
            return
        if isinstance(result, Exception):
            self.done.set_exception(result)
        else:
            self.done.set_result(result)


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
        done: Future[T] = Future()
        self._submit(write, done)
        return done.result()

    async def awrite(self, write: Write[T]) -> T:
        """Commit one write and return its result."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._submit(write, done)
        return await done

    def close(self) -> None:
        """Commit what is waiting and stop. Closing twice is harmless."""
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()

    def _submit(self, write: Write[T], done: Future[T] | asyncio.Future[T]) -> None:
        if not self._thread.is_alive():
            raise RuntimeError("nothing can be written any more: the ledger is closed")
        self._waiting.put(_Pending(write=write, done=done))

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
        self._settle([pending for pending in group if pending.is_wanted])

    def _settle(self, group: list[_Pending]) -> None:
        """Commit together; when that fails, each alone, so that one write that cannot be done spoils no other."""
        try:
            results = self._transact(group)
        except Exception as error:  # noqa: BLE001  # it goes to whoever waits; without this thread all would wait for ever
            if len(group) == 1:
                _tell([(group[0], error)])
                return
            for pending in group:
                self._settle([pending])
        else:
            _tell(list(zip(group, results, strict=True)))

    def _transact(self, group: list[_Pending]) -> list[Any]:
        with self._engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                # Nobody may write between the check and the commit; by itself SQLite would lock at the first write.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            self._check(connection)
            return [pending.write(connection) for pending in group]


class DirectWriter:
    """Writes at once and in the thread that asks, for what need not be durable: a thread of its own would only wait.

    The engine commits each statement by itself.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._connection = engine.connect()

    def write(self, write: Write[T]) -> T:
        """Make one write and return its result."""
        return write(self._connection)

    async def awrite(self, write: Write[T]) -> T:
        """Do what `write` does."""
        return self.write(write)

    def close(self) -> None:
        """Let go of the connection: all is written. Closing twice is harmless."""
        self._connection.close()


def _tell(outcomes: Sequence[tuple[_Pending, Any]]) -> None:
    """Hand over what came of a group: each event loop is woken once, for waking it costs more than the answer."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[_Pending, Any]]] = {}
    for pending, result in outcomes:
        if isinstance(pending.done, Future):
            pending.tell(result)
        else:
            loops.setdefault(pending.done.get_loop(), []).append((pending, result))
    for loop, told in loops.items():
        with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits there any more
            loop.call_soon_threadsafe(_tell_all, told)


def _tell_all(told: Sequence[tuple[_Pending, Any]]) -> None:
    for pending, result in told:
        pending.tell(result)
