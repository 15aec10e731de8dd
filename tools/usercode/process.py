"""The user's code in a process of its own: started at the first call, again after it died, never left behind.

Calls run at once. When the process dies, nobody knows which call was its end: each that was in flight is tried once
more, alone, so that only the guilty one fails.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import itertools
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast

from socratune.memory.errors import FinalFailure
from socratune.memory.usercode import UserCode

WORKER = Path(__file__).with_name("worker.py")
LONGEST_LINE = 32 * 1024 * 1024
"""Bytes of one answer, as JSON."""
START_SECONDS = 120.0
"""For importing what the user's file imports."""
GRACE_SECONDS = 1.0
"""For a call that is cancelled; after that its process is ended."""

Use = Literal["application", "metric"]


class _Died(Exception):
    """The process ended while it had calls to answer."""


class CodeProcess:
    """One function of the user's, and the process that runs it."""

    def __init__(self, code: UserCode, *, use: Use, seconds: float) -> None:
        """`seconds` is the longest that one call may take."""
        self.code, self.use, self.seconds = code, use, seconds
        self._child: _Child | None = None
        self._starting, self._alone = asyncio.Lock(), asyncio.Lock()

    async def call(self, arguments: Mapping[str, object]) -> Any:
        """Return what the function returned, as plain values. Raises `FinalFailure` when it returned nothing usable."""
        async with self._alone:  # whoever is tried alone is not to die of a newcomer
            pass
        try:
            return await self._once(arguments)
        except _Died:
            async with self._alone:
                try:
                    return await self._once(arguments)
                except _Died as error:
                    raise self._failure(str(error)) from None

    async def aclose(self) -> None:
        """End the process; the next call starts another."""
        if self._child is not None:
            await self._child.end()
            self._child = None

    async def _once(self, arguments: Mapping[str, object]) -> Any:
        async with self._starting:
            if self._child is None or self._child.ended:
                self._child = await self._started()
        try:
            said = await self._child.ask(arguments, seconds=self.seconds)
        except TimeoutError:
            raise self._failure(f"gave no answer within {self.seconds:g} s") from None
        if "error" in said:
            raise self._failure(said["error"])
        return said["value"]

    async def _started(self) -> _Child:
        child = await _Child.start(self.code, self.use)
        try:
            said = await child.first_word()
        except TimeoutError:
            await child.end()
            raise self._failure(f"was not ready within {START_SECONDS:g} s") from None
        except BaseException:
            await child.end()
            raise
        if "refused" in said:
            await child.end()
            raise self._failure(f"could not be loaded: it {said['refused']}")
        return child

    def _failure(self, what: str) -> FinalFailure:
        return FinalFailure(self.code.spec, f"the {self.use} {what}")


class _Child:
    """One process, from its start to its end."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        # All three are pipes, by how it was started.
        self._stdin = cast("asyncio.StreamWriter", process.stdin)
        self._stdout = cast("asyncio.StreamReader", process.stdout)
        self._stderr = cast("asyncio.StreamReader", process.stderr)
        self._numbers = itertools.count()
        loop = asyncio.get_running_loop()
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._first: asyncio.Future[dict[str, Any]] = loop.create_future()
        self._ends = asyncio.gather(self._listen(), self._repeat())
        self.ended = False

    @classmethod
    async def start(cls, code: UserCode, use: Use) -> _Child:
        order = {"file": code.file, "function": code.function, "digest": code.digest, "folder": code.folder, "use": use}
        command = (sys.executable, "-P", str(WORKER), json.dumps(order))
        # A session of its own: Ctrl-C is for us to handle, and its end takes all that it started with it.
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=code.folder,
            env=_environment(),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            limit=LONGEST_LINE,
            start_new_session=True,
        )
        return cls(process)

    async def first_word(self) -> dict[str, Any]:
        """Return whether it is ready; raises `TimeoutError` or `_Died`."""
        async with asyncio.timeout(START_SECONDS):
            return await asyncio.shield(self._first)

    async def ask(self, arguments: Mapping[str, object], *, seconds: float) -> dict[str, Any]:
        """Return the answer to one call. Raises `TimeoutError` without one in time, `_Died` when the process ends."""
        if self.ended:
            raise _Died("ended its process")
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._send({"id": number, "arguments": arguments})
        try:
            await asyncio.wait({answer}, timeout=seconds)
            if answer.done():
                said: dict[str, Any] = answer.result()
                return said
            self._send({"cancel": number})
            await asyncio.wait({answer}, timeout=GRACE_SECONDS)
            if not answer.done():  # it blocks all calls, and hears nothing
                self._kill()
            raise TimeoutError
        finally:
            del self._waiting[number]
            if not answer.done():
                self._send({"cancel": number})
                answer.cancel()

    async def end(self) -> None:
        """Kill it and wait until it is gone."""
        self._kill()
        await self._ends

    def _send(self, message: Mapping[str, object]) -> None:
        if not self._stdin.is_closing():
            self._stdin.write(json.dumps(message).encode() + b"\n")

    def _kill(self) -> None:
        if self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()

    async def _listen(self) -> None:
        """Give each answer to whoever waits for it, until the process ends or no longer keeps to the protocol."""
        with contextlib.suppress(ValueError, TypeError):
            async for line in self._stdout:
                said = json.loads(line)
                answer = self._waiting.get(said["id"]) if "id" in said else self._first
                if answer is not None and not answer.done():
                    answer.set_result(said)
        self.ended = True
        self._kill()
        code = await self._process.wait()
        self._stdin.close()
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        for answer in (*self._waiting.values(), self._first):
            if not answer.done():
                answer.set_exception(_Died(f"ended its process ({how})"))
                answer.exception()  # whoever waits still gets it; nobody need

    async def _repeat(self) -> None:
        """Repeat on our own stderr what it prints; a live view then keeps its place below."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while said := await self._stderr.read(4096):
            with contextlib.suppress(OSError, ValueError):  # a stderr that is gone must not hold up the application
                sys.stderr.write(decoder.decode(said))


def _environment() -> dict[str, str]:
    """Return the environment as it is, keys included; relative places of modules stay where they are."""
    places = os.environ.get("PYTHONPATH", "")
    absolute = os.pathsep.join(os.path.abspath(place) for place in places.split(os.pathsep) if place)
    return {**os.environ, **({"PYTHONPATH": absolute} if absolute else {})}
