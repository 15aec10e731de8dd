"""The simulator as a provider: a server on this machine that speaks both wire protocols, and can fail as they do.

Its log is the truth for money: one line for each request received, one for each answer completed. The same request
asked again is a repeat and may be answered otherwise, as a real model would; an answer that broke off is said again.
"""

from __future__ import annotations

import asyncio
import hmac
import itertools
import json
import os
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from socratune.memory.records import Example, digest
from socratune.tools.models import LanguageModel
from socratune.tools.simulator.bodies import Refused
from socratune.tools.simulator.faults import NO_FAULTS, Faults
from socratune.tools.simulator.optimizer import SimulatedOptimizer
from socratune.tools.simulator.prefix_cache import PrefixCache
from socratune.tools.simulator.protocols import (
    AnthropicProtocol,
    Heard,
    OpenAIProtocol,
    Said,
    WireProtocol,
)
from socratune.tools.simulator.target import SimulatedTarget
from socratune.tools.simulator.world import World
from socratune.tools.tokens import BYTES_PER_TOKEN, estimate

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request as HttpRequest
    from starlette.responses import Response

RETRY_AFTER = 1
"""Seconds that a rate limit asks to wait."""
PING_EVERY = 0.05
"""Seconds."""
STATUS = {
    "rate_limit": (429, "rate_limit_error"),
    "overloaded": (529, "overloaded_error"),
    "error": (500, "api_error"),
}
STOPS = {"refusal": "refusal", "too_long": "max_tokens", "odd_stop": "paused_for_thought", "cut": None}
SPOKEN = {"pings": 0, "stall": 1}
"""Pieces of the answer before a stream that goes on without a word."""
BREAKING_OFF = (*SPOKEN, "malformed", "stream_error", "cut")
"""Faults after which an answer has begun and does not end."""
PAGE = "<!doctype html><title>Welcome</title><p>Sign in to go on."


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How a simulated provider behaves."""

    key: str | None = None
    """The key that requests must carry; None asks for none."""
    latency: float = 0.0
    """Seconds before an answer."""
    faults: Faults = NO_FAULTS
    seed: int = 0
    log: Path | None = None
    """Where its records go, one JSON object a line."""


POLITE = Manners()


@dataclass(slots=True, kw_only=True)
class Wire:
    """A world that is reached over HTTP."""

    world: World
    examples: Sequence[Example]
    manners: Manners = POLITE
    _models: Mapping[str, LanguageModel] = field(init=False)
    _numbers: Iterator[int] = field(init=False)
    _asked: Counter[str] = field(init=False, default_factory=Counter)
    _kept: PrefixCache = field(init=False, default_factory=PrefixCache)
    connections: dict[object, asyncio.Transport] = field(init=False, default_factory=dict)
    """By the client's address; kept by the server, for connections that are to be torn."""

    def __post_init__(self) -> None:
        self._models = _models_of(self.world, self.examples, self.manners.seed)
        self._numbers = itertools.count(1)

    def app(self) -> Starlette:
        """Return the server's application."""
        from starlette.applications import Starlette  # noqa: PLC0415  # only who serves needs it
        from starlette.routing import Route  # noqa: PLC0415

        async def completions(request: HttpRequest) -> Response:
            return await self._answer(request, OpenAIProtocol())

        async def messages(request: HttpRequest) -> Response:
            return await self._answer(request, AnthropicProtocol())

        return Starlette(
            routes=[
                Route("/v1/chat/completions", completions, methods=["POST"]),
                Route("/v1/messages", messages, methods=["POST"]),
                Route("/v1/models", self._listing, methods=["GET"]),
            ]
        )

    async def _listing(self, request: HttpRequest) -> Response:
        from starlette.responses import JSONResponse  # noqa: PLC0415

        models = [{"id": name, "object": "model", "type": "model"} for name in self._models]
        return JSONResponse({"object": "list", "data": models})

    async def _answer(self, http: HttpRequest, protocol: WireProtocol) -> Response:
        from starlette.responses import JSONResponse  # noqa: PLC0415

        number = next(self._numbers)
        try:
            heard = await self._heard(http, protocol, number)
            return await self._behaved(http, protocol, heard, number)
        except Refused as refused:
            asked_to_wait = {"retry-after": str(RETRY_AFTER)} if refused.status == 429 else {}
            return JSONResponse(protocol.error(refused), status_code=refused.status, headers=asked_to_wait)

    async def _heard(self, http: HttpRequest, protocol: WireProtocol, number: int) -> Heard:
        raw = await http.body()
        self._write({"event": "received", "number": number, "path": http.url.path})
        self._check_key(http.headers)
        heard = protocol.read(_object(raw), http.headers)
        if heard.model not in self._models:
            raise Refused(404, "not_found_error", f"there is no model {heard.model!r}")
        return heard

    def _check_key(self, headers: Mapping[str, str]) -> None:
        if self.manners.key is None:
            return
        given = headers.get("authorization", "").removeprefix("Bearer ") or headers.get("x-api-key", "")
        if not hmac.compare_digest(given.encode(), self.manners.key.encode()):
            raise Refused(401, "authentication_error", f"incorrect key provided: {given}")

    async def _behaved(self, http: HttpRequest, protocol: WireProtocol, heard: Heard, number: int) -> Response:
        from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse  # noqa: PLC0415

        fault = self.manners.faults.drawn(seed=self.manners.seed, number=number)
        beginning = self._kept.look(heard, by_itself=protocol.keeps_by_itself)
        await asyncio.sleep(self.manners.latency)
        if fault in STATUS:
            raise Refused(*STATUS[fault], "not now")
        if fault in ("reset", "hang") or (fault in SPOKEN and not heard.stream):
            await self._left_alone(http, torn=fault == "reset")
            return Response()
        if fault == "html":
            return HTMLResponse(PAGE)
        # From here on the answer has begun, and who asks now finds what was kept of this request.
        said = await self._said(heard, number, breaks_off=fault in BREAKING_OFF)
        said = _spoilt(replace(said, **self._kept.keep(beginning)), fault)
        if heard.stream:
            return StreamingResponse(self._streamed(protocol, said, fault), media_type="text/event-stream")
        if fault in ("malformed", "stream_error"):
            return Response('{"choices": [', media_type="application/json")
        self._completed(said)
        return JSONResponse(protocol.whole(said))

    async def _said(self, heard: Heard, number: int, *, breaks_off: bool) -> Said:
        key = heard.request.key(heard.model)
        request = replace(heard.request, repeat=self._asked[key])
        self._asked[key] += not breaks_off
        reply = await self._models[heard.model].complete(request)
        said = Said(
            number=number,
            model=heard.model,
            text=reply.text,
            stop_reason=reply.stop_reason,
            tokens_in=reply.tokens_in,
            tokens_out=reply.tokens_out,
        )
        return said if reply.tokens_out <= request.max_tokens else _ended(said, request.max_tokens)

    async def _streamed(self, protocol: WireProtocol, said: Said, fault: str | None) -> AsyncIterator[str]:
        for event in protocol.opening(said):
            yield event
        for piece in said.pieces[: SPOKEN.get(fault or "")]:
            yield protocol.text(said, piece)
        while fault in SPOKEN:
            yield protocol.ping(said)
            await asyncio.sleep(PING_EVERY)
        if fault == "malformed":
            yield "event: message_delta\ndata: {\n\n"
        elif fault == "stream_error":
            yield protocol.stream_error()
        else:
            # Before the last bytes: who reads them finds them in the log.
            self._completed(said)
            for event in protocol.closing(said):
                yield event

    async def _left_alone(self, http: HttpRequest, *, torn: bool) -> None:
        """Wait until the other side goes, or send it away."""
        client = http.client
        transport = self.connections.get((client.host, client.port)) if client else None
        if torn and transport is not None:
            # Without lingering, closing is a reset.
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        while (await http.receive())["type"] != "http.disconnect":
            pass

    def _completed(self, said: Said) -> None:
        if said.stop_reason is None:
            return
        self._write(
            {
                "event": "completed",
                "number": said.number,
                "model": said.model,
                "tokens_in": said.tokens_in,
                "tokens_out": said.tokens_out,
                "tokens_cached": said.tokens_cached,
                "tokens_written": said.tokens_written,
                "stop_reason": said.stop_reason,
                "text": digest(said.text),
            }
        )

    def _write(self, entry: Mapping[str, object]) -> None:
        """Append one line by a single write, so that a process that is killed leaves only whole lines."""
        if self.manners.log is None:
            return
        descriptor = os.open(self.manners.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, (json.dumps(entry) + "\n").encode())
        finally:
            os.close(descriptor)


def _models_of(world: World, examples: Sequence[Example], seed: int) -> dict[str, LanguageModel]:
    """Return the target under the world's name, and the optimizers under it with their strength."""
    name = Path(world.name).stem
    strengths = ("strong", "weak")
    optimizers = {f"{name}:{each}": SimulatedOptimizer(world=world, strength=each, seed=seed) for each in strengths}
    return {name: SimulatedTarget(world=world, examples=tuple(examples), seed=seed), **optimizers}


def _object(raw: bytes) -> dict[str, JsonValue]:
    try:
        value = json.loads(raw)
    except ValueError as error:
        raise Refused(400, "invalid_request_error", "the body is not JSON") from error
    if not isinstance(value, dict):
        raise Refused(400, "invalid_request_error", "the body is not an object")
    return value


def _ended(said: Said, limit: int) -> Said:
    """Return what fits into the token limit."""
    text = said.text.encode()[: limit * BYTES_PER_TOKEN].decode(errors="ignore")
    return replace(said, text=text, tokens_out=estimate(text), stop_reason="max_tokens")


def _spoilt(said: Said, fault: str | None) -> Said:
    if fault in STOPS:
        half = said.text[: -(-len(said.text) // 2)]
        return replace(said, text=half, stop_reason=STOPS[fault])
    if fault == "empty":
        return replace(said, text="", tokens_out=0)
    return replace(said, shows_usage=fault != "no_usage")
