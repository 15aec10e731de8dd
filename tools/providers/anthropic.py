"""Models that are spoken to as Anthropic's are. No sampling parameter is sent: the current API refuses them."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from socratune.tools.capabilities import anthropic_format
from socratune.tools.models import ANSWER, Request
from socratune.tools.providers.clients import client_options
from socratune.tools.providers.sdk import Read, SdkModel
from socratune.tools.providers.stream import Draft, check_stream

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from anthropic.types import MessageParam

NATURAL_END = "end_turn"


class _Usage(Read):
    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None

    @property
    def sent(self) -> int | None:
        """All input tokens, those of a cache included."""
        if self.input_tokens is None:
            return None
        return self.input_tokens + (self.cache_creation_input_tokens or 0) + (self.cache_read_input_tokens or 0)


class _Start(Read):
    usage: _Usage | None = None


class _Delta(Read):
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    type: str | None = None
    name: str | None = None
    """Of the tool, when a `tool_use` block begins."""
    stop_reason: str | None = None


class _Event(Read):
    type: str
    index: int = 0
    message: _Start | None = None
    content_block: _Delta | None = None
    delta: _Delta | None = None
    usage: _Usage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnthropicModel(SdkModel["AsyncAnthropic"]):
    """A `LanguageModel` behind a messages endpoint."""

    def _sdk(self) -> ModuleType:
        import anthropic  # noqa: PLC0415  # heavy

        return anthropic

    def _client(self) -> AsyncAnthropic:
        from anthropic import AsyncAnthropic, DefaultAsyncHttpxClient  # noqa: PLC0415  # heavy

        options = client_options(self.endpoint, self.limits, DefaultAsyncHttpxClient, self.options.headers)
        return AsyncAnthropic(**options)

    async def _draft(self, client: AsyncAnthropic, request: Request, heard: Callable[[], None]) -> Draft:
        from anthropic import omit  # noqa: PLC0415  # heavy

        async with await client.messages.create(
            model=self.endpoint.spec.name,
            system=_system(request) or omit,
            messages=_turns(request),
            max_tokens=request.max_tokens,
            stream=True,
            **self._options(request),
        ) as stream:
            check_stream(self.name, stream.response.headers.get("content-type", ""))
            return await _received(stream, heard)

    def _options(self, request: Request) -> dict[str, Any]:
        """Return what depends on who is asked."""
        tools = [dict(tool) for tool in self.options.tools]
        wanted = self._format(request)
        return {**({"tools": tools} if tools else {}), **({"output_config": {"format": wanted}} if wanted else {})}

    def _format(self, request: Request) -> dict[str, object] | None:
        if self.options.response_format is not None:
            return anthropic_format(self.options.response_format, place=self.name)
        if request.schema is None or not self.endpoint.is_providers:
            return None
        return {"type": "json_schema", "schema": dict(request.schema)}


def _system(request: Request) -> str:
    return "\n\n".join(message.content for message in request.messages if message.role == "system")


def _turns(request: Request) -> list[MessageParam]:
    turns: list[MessageParam] = []
    for message in request.messages:
        if message.role == "user":
            turns.append({"role": "user", "content": message.content})
        elif message.role == "assistant":
            turns.append({"role": "assistant", "content": message.content})
    return turns


async def _received(stream: AsyncIterable[object], heard: Callable[[], None]) -> Draft:
    draft = Draft()
    async for each in stream:
        event = _Event.model_validate(each)
        said = event.delta or event.content_block
        if said is not None and (said.text or said.thinking or said.partial_json):
            heard()
        _take(draft, event, said)
    return draft


def _take(draft: Draft, event: _Event, said: _Delta | None) -> None:
    usage = event.message.usage if event.message else event.usage
    if usage is not None:
        draft.tokens_in = usage.sent if usage.sent is not None else draft.tokens_in
        draft.tokens_out = usage.output_tokens if usage.output_tokens is not None else draft.tokens_out
    if said is not None:
        draft.parts.append(said.text or "")
        if said.type in ("tool_use", "input_json_delta"):
            draft.called(event.index, name=said.name, arguments=said.partial_json)
        draft.stop_reason = ANSWER if said.stop_reason == NATURAL_END else said.stop_reason or draft.stop_reason
