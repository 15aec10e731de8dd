"""Calls of tools that come out of a stream, through the real SDKs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import StreamingResponse
from starlette.routing import Route
from tests.tools.providers.conftest import Serve
from tests.tools.providers.scene import WORLD, Speaker, asked, wire
from tests.tools.providers.test_options import connected

from socratune.tools.models import ANSWER
from socratune.tools.simulator.wire import POLITE, Wire


class Canned(Wire):
    """A provider that says what it is told to, event by event."""

    def say(self, events: list[str]) -> Canned:
        self.events = events
        return self

    def app(self) -> Starlette:
        async def answer(_: HttpRequest) -> StreamingResponse:
            return StreamingResponse(self._each(), media_type="text/event-stream")

        return Starlette(
            routes=[Route(path, answer, methods=["POST"]) for path in ("/v1/chat/completions", "/v1/messages")]
        )

    async def _each(self) -> AsyncIterator[str]:
        for event in self.events:
            yield event


def completion(deltas: list[dict[str, Any]], reason: str) -> list[str]:
    """Events as OpenAI documents them."""
    choices: list[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": reason})
    frame = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": WORLD}
    return [*(f"data: {json.dumps({**frame, 'choices': [each]})}\n\n" for each in choices), "data: [DONE]\n\n"]


def openai_call(pieces: list[str], text: str = "", reason: str = "tool_calls") -> list[str]:
    opening = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "route", "arguments": ""}}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": text or None}, {"tool_calls": [opening]}]
    deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in pieces]
    return completion(deltas, reason)


def anthropic_call(pieces: list[str], text: str = "", reason: str = "tool_use") -> list[str]:
    """Events as Anthropic documents them."""
    events: list[dict[str, Any]] = [
        {
            "type": "message_start",
            "message": {
                "id": "m",
                "type": "message",
                "role": "assistant",
                "model": WORLD,
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {"input_tokens": 9, "output_tokens": 1},
            },
        },
    ]
    if text:
        events.append({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
        events.append({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})
        events.append({"type": "content_block_stop", "index": 0})
    block = {"type": "tool_use", "id": "toolu_1", "name": "route", "input": {}}
    events.append({"type": "content_block_start", "index": 1, "content_block": block})
    for piece in pieces:
        delta = {"type": "input_json_delta", "partial_json": piece}
        events.append({"type": "content_block_delta", "index": 1, "delta": delta})
    events.append({"type": "content_block_stop", "index": 1})
    events.append(
        {
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": None},
            "usage": {"output_tokens": 7},
        }
    )
    events.append({"type": "message_stop"})
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events]


def canned(speaker: Speaker, pieces: list[str], text: str = "", reason: str | None = None) -> Canned:
    made = openai_call if speaker.provider == "openai" else anthropic_call
    natural = "tool_calls" if speaker.provider == "openai" else "tool_use"
    plain = wire(POLITE)
    said = made(pieces, text, reason or natural)
    return Canned(world=plain.world, examples=plain.examples).say(said)


async def test_a_reply_that_is_only_a_tool_call_is_scored_as_its_json(serve: Serve, speaker: Speaker) -> None:
    said = canned(speaker, ['{"queue": ', '"billing"}'])
    reply = await connected(speaker.spec(serve(made=said))).complete(asked())
    assert reply.stop_reason == ANSWER
    assert json.loads(reply.text) == {"name": "route", "arguments": {"queue": "billing"}}


async def test_text_before_a_tool_call_is_kept(serve: Serve, speaker: Speaker) -> None:
    said = canned(speaker, ["{}"], text="Let me see.")
    reply = await connected(speaker.spec(serve(made=said))).complete(asked())
    assert reply.text == 'Let me see.\n{"name": "route", "arguments": {}}'


async def test_a_tool_call_that_was_cut_is_no_answer(serve: Serve, speaker: Speaker) -> None:
    reason = "length" if speaker.provider == "openai" else "max_tokens"
    said = canned(speaker, ['{"queue": "bil'], reason=reason)
    reply = await connected(speaker.spec(serve(made=said))).complete(asked())
    assert reply.stop_reason == reason
