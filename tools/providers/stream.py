"""What adapters share in reading a streamed answer: time limits on content, and what a finished draft is worth."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from socratune.memory.errors import FinalFailure, TransientFailure
from socratune.tools.models import ANSWER, Reply, Request
from socratune.tools.tokens import estimate

EVENTS = "text/event-stream"
CALLS = ("tool_calls", "tool_use")
"""Stop reasons of a model that wants a tool: a natural end, for no tool is ever carried out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds. What a server sends without saying anything, such as pings, does not reset them."""

    connect: float = 10.0
    first: float = 60.0
    """From sending to the first content."""
    gap: float = 60.0
    """Between one content and the next, or the end."""


USUAL = Limits()


@asynccontextmanager
async def content_limits(model: str, limits: Limits) -> AsyncIterator[Callable[[], None]]:
    """Give the function to call at each piece of content. Raises `TransientFailure` when none comes in time."""
    heard = 0

    def note() -> None:
        nonlocal heard
        heard += 1
        timer.reschedule(asyncio.get_running_loop().time() + limits.gap)

    try:
        async with asyncio.timeout(limits.first) as timer:
            yield note
    except TimeoutError:
        said = f"nothing new for {limits.gap:g} s" if heard else f"no content within {limits.first:g} s"
        raise TransientFailure(model, said) from None


def check_stream(model: str, content_type: str) -> None:
    """Raise unless a server answers with events.

    A gateway in trouble answers 200 with a page, and so does a wrong address, which pauses the run after a few calls.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind != EVENTS:
        shown = kind if kind in ("text/html", "text/plain", "application/json") else "something else"
        raise TransientFailure(model, f"the server answered with {shown} instead of a stream")


@dataclass(slots=True, kw_only=True)
class ToolCall:
    """A call of a tool that is being received."""

    name: str = ""
    parts: list[str] = field(default_factory=list)
    """Of its arguments, which are JSON in the end."""

    @property
    def record(self) -> dict[str, object]:
        """Return plain values; arguments that are not JSON stay the text that they are."""
        text = "".join(self.parts)
        try:
            return {"name": self.name, "arguments": json.loads(text or "{}")}
        except (ValueError, RecursionError):
            return {"name": self.name, "arguments": text}


@dataclass(slots=True, kw_only=True)
class Draft:
    """An answer that is being received."""

    parts: list[str] = field(default_factory=list)
    calls: dict[int, ToolCall] = field(default_factory=dict)
    """By their place in the answer."""
    stop_reason: str | None = None
    """The provider's own word; `stop` for a natural end."""
    tokens_in: int | None = None
    tokens_out: int | None = None

    def called(self, index: int, *, name: str | None, arguments: str | None) -> None:
        """Take a piece of a tool call."""
        call = self.calls.setdefault(index, ToolCall())
        call.name += name or ""
        call.parts.append(arguments or "")

    @property
    def text(self) -> str:
        """What is scored: the text, and what tools were called as `{"name":, "arguments":}`, several as a list."""
        said = "".join(self.parts)
        if not self.calls:
            return said
        records = [call.record for call in self.calls.values()]
        written = json.dumps(records[0] if len(records) == 1 else records, ensure_ascii=False)
        return f"{said}\n{written}" if said.strip() else written

    def reply(self, model: str, request: Request) -> Reply:
        """Return the answer. Raises when it was cut off or says nothing.

        What ended for any other reason is returned, for it was paid for; the caller lets only a natural end count.
        """
        text = self.text
        if self.stop_reason is None:
            raise TransientFailure(model, "the stream was cut")
        if self.stop_reason == ANSWER and not text.strip():
            raise FinalFailure(model, "empty answer")
        sent = sum(estimate(message.content) for message in request.messages)
        return Reply(
            text=text,
            stop_reason=ANSWER if self.calls and self.stop_reason in CALLS else self.stop_reason,
            tokens_in=sent if self.tokens_in is None else self.tokens_in,
            tokens_out=estimate(text) if self.tokens_out is None else self.tokens_out,
        )
