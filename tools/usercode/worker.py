"""The inside of the process that runs one function of the user's, many calls at once.

It is started by its path and knows nothing of Socratune: with the standard library alone it starts at once, and the
user's modules meet an interpreter like any other. A line in is a call, a line out its answer, on descriptors that the
user's code does not know; whatever that code prints goes to stderr. When the other end is gone, so is the process.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import inspect
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, BinaryIO

LARGEST = 4 * 1024 * 1024
"""Characters of JSON that one call may return."""
LONGEST_MESSAGE = 300
"""Characters of an exception that are told."""
THREADS = 64
"""Calls of a plain function at once; those of an `async def` are not limited here."""
SECRET = ("KEY", "TOKEN", "SECRET", "PASSWORD")
"""How the names of variables end that hold what nobody may read."""

Arguments = Mapping[str, Any]


class Unusable(Exception):
    """What the function is or returned cannot be used; the message is told as it is."""


def main() -> None:
    """Load the function that the command line describes and answer calls until the other end closes."""
    order = json.loads(sys.argv[1])
    calls, answers = _own_pipes()
    asyncio.set_event_loop(loop := asyncio.new_event_loop())
    host = Host(loop, answers)
    threading.Thread(target=host.listen, args=(calls,), daemon=True).start()
    try:
        function = load(order["file"], order["function"], order["digest"], folder=order["folder"])
        host.use = functools.partial(outcome, function, USES[order["use"]], order["file"])
    except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever importing the user's file does is told
        host.say({"refused": told(error, order["file"])})
        return
    host.say({"ready": True})
    loop.run_forever()


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Keep stdin and stdout for ourselves; the user's code finds nothing in one and stderr in place of the other."""
    calls, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb", buffering=0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    sys.stdout = sys.stderr
    return calls, answers


class Host:
    """Takes calls and gives answers, each as soon as it is there."""

    def __init__(self, loop: asyncio.AbstractEventLoop, answers: BinaryIO) -> None:
        self.use: Callable[[Arguments], Any]
        self._loop, self._answers = loop, answers
        self._running: dict[int, asyncio.Task[None]] = {}

    def listen(self, calls: BinaryIO) -> None:
        """Hand each line to the loop. At the end of the file, end this process and all that it started."""
        for line in calls:
            self._loop.call_soon_threadsafe(self._take, line)
        if hasattr(os, "killpg"):
            os.killpg(os.getpgrp(), signal.SIGKILL)
        os._exit(0)

    def _take(self, line: bytes) -> None:
        order = json.loads(line)
        if "cancel" in order:
            if (running := self._running.get(order["cancel"])) is not None:
                running.cancel()
            return
        number = order["id"]
        self._running[number] = task = self._loop.create_task(self._answer(number, order["arguments"]))
        task.add_done_callback(lambda _: self._running.pop(number))

    async def _answer(self, number: int, arguments: Arguments) -> None:
        try:
            said = await self.use(arguments)
        except asyncio.CancelledError:
            said = {"error": "was cancelled"}
        self.say({"id": number, **said})

    def say(self, message: Mapping[str, object]) -> None:
        """Write one line, whole."""
        line = memoryview(json.dumps(message).encode() + b"\n")
        while line:
            line = line[self._answers.write(line) :]


def load(file: str, function: str, digest: str, *, folder: str) -> Callable[..., Any]:
    """Return a function of a file, having run exactly the bytes that were agreed to."""
    source = Path(file).read_bytes()
    if hashlib.sha256(source).hexdigest() != digest:
        raise Unusable("has changed since it was allowed to run")
    sys.path[:0] = dict.fromkeys((folder, str(Path(file).parent)))
    module = ModuleType(Path(file).stem)
    module.__file__ = file
    sys.modules.setdefault(module.__name__, module)
    exec(compile(source, file, "exec"), module.__dict__)  # noqa: S102  # what the user agreed to run, in a process of its own
    found = getattr(module, function, None)
    if not callable(found):
        raise Unusable(f"has no function {function!r}")
    return found  # type: ignore[no-any-return]  # callable, as was just seen


async def outcome(function: Callable[..., Any], use: Use, file: str, arguments: Arguments) -> dict[str, object]:
    """Call the function; return `value`, or in `error` what went wrong: the user's code must not end anything."""
    try:
        value = _small(use.read(await _called(function, use.arrange(function, arguments))))
    except Unusable as error:
        return {"error": f"{error} ({place(function, file)})"}
    except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever the user's function does is told
        return {"error": f"{told(error, file)}{_called_as(function, use, error)}"}
    return {"value": value}


def _called_as(function: Callable[..., Any], use: Use, error: BaseException) -> str:
    """Return how a function is called, when it seems to expect something else."""
    try:
        names = _positional(function)
    except (TypeError, ValueError):  # of some built-in functions nothing is known
        return ""
    was_entered = any(frame.f_code is _code(function) for frame, _ in traceback.walk_tb(error.__traceback__))
    fits = not names or tuple(names) == use.names or (was_entered and use.is_free)
    name = getattr(function, "__name__", type(function).__name__)
    return "" if fits else f"; it is called as {name}({', '.join(use.names)})"


def _small(value: dict[str, object]) -> dict[str, object]:
    if len(json.dumps(value)) > LARGEST:
        raise Unusable(f"returned more than {LARGEST // 1024**2} MiB")
    return value


async def _called(function: Callable[..., Any], arguments: tuple[object, ...]) -> object:
    """Await a coroutine function; run any other in a thread, so that it holds up no other call."""
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None)):  # noqa: B004  # asked what it is, not whether it is there
        return await function(*arguments)
    found = await asyncio.get_running_loop().run_in_executor(_threads(), _in_thread, function, arguments)
    return await found if inspect.isawaitable(found) else found


@functools.cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=THREADS)


def _in_thread(function: Callable[..., Any], arguments: tuple[object, ...]) -> object:
    try:
        return function(*arguments)
    except StopIteration as error:  # no future can hold one, and the call would never end
        raise RuntimeError("StopIteration") from error


def told(error: BaseException, file: str) -> str:
    """Return an exception in one line: type, message, and the last place in the user's file."""
    if isinstance(error, Unusable):
        return str(error)
    if isinstance(error, SyntaxError) and error.filename == file:
        return f"raised {type(error).__name__}: {error.msg} ({Path(file).name}:{error.lineno})"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    message = _masked(" ".join(traceback.format_exception_only(error)[0].split()))[:LONGEST_MESSAGE]
    return f"raised {message}" + (f" ({Path(file).name}:{lines[-1]})" if lines else "")


def place(function: Callable[..., Any], file: str) -> str:
    """Return where a function stands, for messages."""
    code = _code(function)
    return f"{Path(file).name}:{code.co_firstlineno}" if code else Path(file).name or type(function).__name__


def file_of(function: Callable[..., Any]) -> str:
    """Return the file that a function, or the class of a callable object, was written in; empty when in none."""
    code = _code(function)
    return code.co_filename if code else ""


def _code(function: Callable[..., Any]) -> CodeType | None:
    own = inspect.unwrap(function)
    return getattr(own, "__code__", None) or getattr(getattr(type(own), "__call__", None), "__code__", None)  # noqa: B004  # the method itself is wanted


def _masked(text: str) -> str:
    """Libraries put keys into their errors; no message carries one on."""
    for name, value in os.environ.items():
        if len(value) >= 8 and name.upper().endswith(SECRET):
            text = text.replace(value, f"[{name}]")
    return text


class Use:
    """What a function is called for: how it takes its arguments, and what it may return."""

    def __init__(
        self,
        arrange: Callable[[Callable[..., Any], Arguments], tuple[object, ...]],
        read: Callable[[Any], dict[str, object]],
        *,
        names: tuple[str, ...],
        is_free: bool,
    ) -> None:
        """`names` are the usual arguments; when `is_free`, others are no sign of a mistake."""
        self.arrange, self.read, self.names, self.is_free = arrange, read, names, is_free


class Columns(dict[str, str]):
    """A row whose columns are attributes, too, as the records of DSPy are."""

    def __getattr__(self, name: str) -> str:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the row has no column {name!r}") from None


class Prediction(Columns):
    """The output, under whatever name a metric looks for it."""

    def __missing__(self, name: str) -> str:
        if name.startswith("__"):
            raise KeyError(name)
        return self["output"]


def _as_turns(_: Callable[..., Any], given: Arguments) -> tuple[object, ...]:
    return (given["messages"], given["row"])


def _as_metric(function: Callable[..., Any], given: Arguments) -> tuple[object, ...]:
    """Arrange an output and its row as the metric's signature asks: Promptfoo's, that of DSPy and GEPA, or ours."""
    output, row = given["output"], given["row"]
    if getattr(function, "__name__", "") == "get_assert":
        return (output, {"vars": row, "prompt": None, "test": {"vars": row}})
    names = _positional(function)
    if len(names) == 5 or names[2:3] == ["trace"]:
        return (Columns(row), Prediction(output=output), None, None, None)[: len(names)]
    return (output, row)


def _positional(function: Callable[..., Any]) -> list[str]:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [name for name, each in inspect.signature(function).parameters.items() if each.kind in kinds]


def _answer_of(value: Any) -> dict[str, object]:
    if isinstance(value, str):
        return {"text": value}
    found = {name: _part(value, name) for name in ("text", "tokens_in", "tokens_out", "usd")}
    if not isinstance(found["text"], str):
        raise Unusable(f"returned {_kind(value)} and not a text")
    return found


def _score_of(value: Any) -> dict[str, object]:
    """Return score and feedback; Promptfoo says `pass` and `reason`."""
    score, feedback = _part(value, "score"), _part(value, "feedback") or _part(value, "reason")
    score = next((each for each in (score, _part(value, "pass"), _part(value, "pass_")) if each is not None), value)
    if isinstance(score, str) or not hasattr(score, "__float__"):
        raise Unusable(f"returned {_kind(value)} and not a score")
    if not 0 <= float(score) <= 1:  # false of a NaN, too
        raise Unusable(f"returned {float(score):g}, which is no score in [0, 1]")
    return {"score": float(score), "feedback": str(feedback or "")}


def _part(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


USES = {
    "application": Use(_as_turns, _answer_of, names=("messages", "row"), is_free=False),
    "metric": Use(_as_metric, _score_of, names=("output", "row"), is_free=True),
}

if __name__ == "__main__":
    main()
