"""The two wire protocols, as far as the simulator speaks them: what they refuse, and what their answers look like."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, Field, JsonValue, ValidationError

from socratune.memory.records import Message
from socratune.tools.models import ANSWER, Request
from socratune.tools.simulator.formats import trouble_with_completion, trouble_with_message

SAMPLING = ("temperature", "top_p", "top_k")
STRICT_VERSION = "2026-10-21"
"""From this version on the messages API refuses sampling parameters."""
NO_LIMIT = 100_000
"""Tokens of an answer when the protocol lets the request leave it open."""


class Refused(Exception):
    """A request is not answered."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        self.status, self.kind = status, kind
        super().__init__(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A request that came over the wire."""

    model: str
    request: Request
    stream: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What is sent back; `stop_reason` in our words: `stop`, `max_tokens`, `refusal`, any other, or None for a cut."""

    number: int
    model: str
    text: str
    stop_reason: str | None
    tokens_in: int
    tokens_out: int
    shows_usage: bool = True

    @property
    def pieces(self) -> tuple[str, ...]:
        """The text in parts, as a stream sends it."""
        size = max(1, -(-len(self.text) // 4))
        return tuple(self.text[at : at + size] for at in range(0, len(self.text), size))


class _Block(BaseModel):
    type: Literal["text"]
    text: str


class _Turn(BaseModel):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[_Block]

    @property
    def text(self) -> str:
        return self.content if isinstance(self.content, str) else "".join(block.text for block in self.content)


class _Body(BaseModel):
    model: str
    messages: Annotated[list[_Turn], Field(min_length=1)]
    stream: bool = False
    system: str | list[_Block] = ""
    max_tokens: Annotated[int, Field(gt=0)] | None = None
    max_completion_tokens: Annotated[int, Field(gt=0)] | None = None

    @property
    def instructions(self) -> str:
        return self.system if isinstance(self.system, str) else "".join(block.text for block in self.system)


class WireProtocol(Protocol):
    """How one provider's requests and answers are written."""

    def read(self, raw: Mapping[str, JsonValue], headers: Mapping[str, str]) -> Heard:
        """Return the request. Raises `Refused` as the provider would."""

    def error(self, refused: Refused) -> dict[str, JsonValue]:
        """Return the body of an error answer."""

    def whole(self, said: Said) -> dict[str, JsonValue]:
        """Return the body of an answer that is not streamed."""

    def opening(self, said: Said) -> Iterator[str]:
        """Yield the events before the first text."""

    def text(self, said: Said, piece: str) -> str:
        """Return the event that carries a piece of text."""

    def closing(self, said: Said) -> Iterator[str]:
        """Yield the events after the last text."""

    def ping(self, said: Said) -> str:
        """Return what keeps a connection open and says nothing."""

    def stream_error(self) -> str:
        """Return the event of an error after the first byte."""


def _body(raw: Mapping[str, JsonValue]) -> _Body:
    try:
        return _Body.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Refused(400, "invalid_request_error", f"{where}: {first['msg']}") from error


def _check(trouble: str) -> None:
    if trouble:
        raise Refused(400, "invalid_request_error", trouble)


def _event(name: str | None, value: object) -> str:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(value)}\n\n"


class OpenAIProtocol:
    """`POST /v1/chat/completions`."""

    def read(self, raw: Mapping[str, JsonValue], headers: Mapping[str, str]) -> Heard:
        """Return the request; a limit on the answer is optional."""
        body = _body(raw)
        _check(trouble_with_completion(raw))
        turns = tuple(
            Message(role="system" if turn.role == "developer" else turn.role, content=turn.text)
            for turn in body.messages
        )
        limit = body.max_completion_tokens or body.max_tokens or NO_LIMIT
        return Heard(model=body.model, request=Request(messages=turns, max_tokens=limit), stream=body.stream)

    def error(self, refused: Refused) -> dict[str, JsonValue]:
        """Return an error object."""
        return {"error": {"message": str(refused), "type": refused.kind, "param": None, "code": None}}

    def whole(self, said: Said) -> dict[str, JsonValue]:
        """Return a completion."""
        is_refusal = said.stop_reason == "refusal"
        message: dict[str, JsonValue] = {
            "role": "assistant",
            "content": None if is_refusal else said.text,
            "refusal": said.text if is_refusal else None,
        }
        choice: JsonValue = {"index": 0, "message": message, "finish_reason": self._reason(said), "logprobs": None}
        frame = self._frame(said, "chat.completion", [choice])
        return {**frame, "usage": self._usage(said)} if said.shows_usage else frame

    def opening(self, said: Said) -> Iterator[str]:
        """Yield the chunk that names the role."""
        yield self._chunk(said, {"role": "assistant", "content": ""})

    def text(self, said: Said, piece: str) -> str:
        """Return a chunk with content."""
        return self._chunk(said, {"refusal" if said.stop_reason == "refusal" else "content": piece})

    def closing(self, said: Said) -> Iterator[str]:
        """Yield the reason of the end, the usage and the mark that nothing follows."""
        if said.stop_reason is None:
            return
        yield self._chunk(said, {}, self._reason(said))
        if said.shows_usage:
            yield _event(None, {**self._frame(said, "chat.completion.chunk", []), "usage": self._usage(said)})
        yield "data: [DONE]\n\n"

    def ping(self, said: Said) -> str:
        """Return a comment and an empty chunk."""
        return f": ping\n\n{self._chunk(said, {'content': ''})}"

    def stream_error(self) -> str:
        """Return an error object as an event."""
        return _event(None, self.error(Refused(500, "server_error", "The server had an error.")))

    def _chunk(self, said: Said, delta: dict[str, JsonValue], reason: str | None = None) -> str:
        choice: JsonValue = {"index": 0, "delta": delta, "finish_reason": reason}
        return _event(None, self._frame(said, "chat.completion.chunk", [choice]))

    def _frame(self, said: Said, kind: str, choices: list[JsonValue]) -> dict[str, JsonValue]:
        name = f"chatcmpl-{said.number}"
        return {"id": name, "object": kind, "created": 0, "model": said.model, "choices": choices}

    def _usage(self, said: Said) -> dict[str, JsonValue]:
        total = said.tokens_in + said.tokens_out
        return {"prompt_tokens": said.tokens_in, "completion_tokens": said.tokens_out, "total_tokens": total}

    def _reason(self, said: Said) -> str | None:
        return {"max_tokens": "length", "refusal": "stop"}.get(said.stop_reason or "", said.stop_reason)


class AnthropicProtocol:
    """`POST /v1/messages`."""

    def read(self, raw: Mapping[str, JsonValue], headers: Mapping[str, str]) -> Heard:
        """Return the request; a limit is required, sampling is not allowed, and the user speaks first."""
        version = headers.get("anthropic-version", "")
        if not version:
            raise Refused(400, "invalid_request_error", "anthropic-version: header is required")
        sampled = [name for name in SAMPLING if name in raw]
        if version >= STRICT_VERSION and sampled:
            raise Refused(400, "invalid_request_error", f"{sampled[0]}: is not supported in this version")
        body = _body(raw)
        if body.max_tokens is None:
            raise Refused(400, "invalid_request_error", "max_tokens: Field required")
        _check(trouble_with_message(raw))
        request = Request(messages=(*_system(body.instructions), *_dialogue(body)), max_tokens=body.max_tokens)
        return Heard(model=body.model, request=request, stream=body.stream)

    def error(self, refused: Refused) -> dict[str, JsonValue]:
        """Return an error object."""
        return {"type": "error", "error": {"type": refused.kind, "message": str(refused)}}

    def whole(self, said: Said) -> dict[str, JsonValue]:
        """Return a message."""
        content: list[JsonValue] = [{"type": "text", "text": said.text}] if said.text else []
        frame = self._frame(said, content, self._reason(said))
        return {**frame, "usage": self._usage(said, said.tokens_out)} if said.shows_usage else frame

    def opening(self, said: Said) -> Iterator[str]:
        """Yield the start of the message and of its text."""
        frame = self._frame(said, [], None)
        message = {**frame, "usage": self._usage(said, 1)} if said.shows_usage else frame
        yield _event("message_start", {"type": "message_start", "message": message})
        block = {"type": "text", "text": ""}
        yield _event("content_block_start", {"type": "content_block_start", "index": 0, "content_block": block})

    def text(self, said: Said, piece: str) -> str:
        """Return a delta with text."""
        delta = {"type": "text_delta", "text": piece}
        return _event("content_block_delta", {"type": "content_block_delta", "index": 0, "delta": delta})

    def closing(self, said: Said) -> Iterator[str]:
        """Yield the ends of text and message, and between them the reason and the usage."""
        if said.stop_reason is None:
            return
        yield _event("content_block_stop", {"type": "content_block_stop", "index": 0})
        delta = {"stop_reason": self._reason(said), "stop_sequence": None}
        usage = {"usage": {"output_tokens": said.tokens_out}} if said.shows_usage else {}
        yield _event("message_delta", {"type": "message_delta", "delta": delta, **usage})
        yield _event("message_stop", {"type": "message_stop"})

    def ping(self, said: Said) -> str:
        """Return a ping."""
        return _event("ping", {"type": "ping"})

    def stream_error(self) -> str:
        """Return an error event."""
        return _event("error", self.error(Refused(529, "overloaded_error", "Overloaded")))

    def _frame(self, said: Said, content: list[JsonValue], reason: str | None) -> dict[str, JsonValue]:
        return {
            "id": f"msg_{said.number}",
            "type": "message",
            "role": "assistant",
            "model": said.model,
            "content": content,
            "stop_reason": reason,
            "stop_sequence": None,
        }

    def _usage(self, said: Said, tokens_out: int) -> dict[str, JsonValue]:
        return {"input_tokens": said.tokens_in, "output_tokens": tokens_out}

    def _reason(self, said: Said) -> str | None:
        return "end_turn" if said.stop_reason == ANSWER else said.stop_reason


def _system(text: str) -> tuple[Message, ...]:
    return (Message(role="system", content=text),) if text else ()


def _dialogue(body: _Body) -> Iterator[Message]:
    for number, turn in enumerate(body.messages):
        if turn.role not in ("user", "assistant") or (number == 0 and turn.role != "user"):
            raise Refused(400, "invalid_request_error", f"messages.{number}: role {turn.role!r} is out of order")
        if not turn.text.strip():
            raise Refused(400, "invalid_request_error", f"messages.{number}: content must not be empty")
        yield Message(role=turn.role, content=turn.text)
