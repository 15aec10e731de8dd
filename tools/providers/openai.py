"""Models that are spoken to as OpenAI's are: its own, and any server with a compatible chat completion."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from socratune.tools.models import Request
from socratune.tools.providers.clients import client_options
from socratune.tools.providers.sdk import Read, SdkModel
from socratune.tools.providers.stream import Draft, check_stream

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletionMessageParam


class _Function(Read):
    name: str | None = None
    arguments: str | None = None


class _ToolCall(Read):
    index: int = 0
    function: _Function | None = None


class _Delta(Read):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(Read):
    delta: _Delta
    finish_reason: str | None = None


class _Usage(Read):
    prompt_tokens: int
    completion_tokens: int


class _Chunk(Read):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAIModel(SdkModel["AsyncOpenAI"]):
    """A `LanguageModel` behind a chat completion endpoint."""

    def _sdk(self) -> ModuleType:
        import openai  # noqa: PLC0415  # heavy

        return openai

    def _client(self) -> AsyncOpenAI:
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient  # noqa: PLC0415  # heavy

        return AsyncOpenAI(**client_options(self.endpoint, self.limits, DefaultAsyncHttpxClient, self.options.headers))

    async def _draft(self, client: AsyncOpenAI, request: Request, heard: Callable[[], None]) -> Draft:
        async with await client.chat.completions.create(
            model=self.endpoint.spec.name,
            messages=_turns(request),
            stream=True,
            stream_options={"include_usage": True},
            **self._options(request),
        ) as stream:
            check_stream(self.name, stream.response.headers.get("content-type", ""))
            return await _received(stream, heard)

    def _options(self, request: Request) -> dict[str, Any]:
        """Return what depends on who is asked; what is None is left out."""
        # Reasoning models know only the new name, many compatible servers only the old one.
        limit = "max_completion_tokens" if self.endpoint.is_providers else "max_tokens"
        asked = {
            limit: request.max_tokens,
            "temperature": self.options.temperature,
            "response_format": self._format(request),
            "tools": [dict(tool) for tool in self.options.tools] or None,
        }
        return {name: value for name, value in asked.items() if value is not None}

    def _format(self, request: Request) -> dict[str, object] | None:
        wanted = self.options.response_format
        if wanted is not None:
            return None if wanted.get("type") == "text" else dict(wanted)
        if request.schema is None or not self.endpoint.is_providers:
            return None
        described = {"name": request.schema["title"], "schema": dict(request.schema), "strict": True}
        return {"type": "json_schema", "json_schema": described}


def _turns(request: Request) -> list[ChatCompletionMessageParam]:
    turns: list[ChatCompletionMessageParam] = []
    for message in request.messages:
        if message.role == "system":
            turns.append({"role": "system", "content": message.content})
        elif message.role == "user":
            turns.append({"role": "user", "content": message.content})
        else:
            turns.append({"role": "assistant", "content": message.content})
    return turns


async def _received(stream: AsyncIterable[object], heard: Callable[[], None]) -> Draft:
    draft = Draft()
    async for event in stream:
        chunk = _Chunk.model_validate(event)
        if chunk.usage is not None:
            draft.tokens_in, draft.tokens_out = chunk.usage.prompt_tokens, chunk.usage.completion_tokens
        for choice in (chunk.choices or ())[:1]:
            if choice.delta.content or choice.delta.refusal or choice.delta.tool_calls:
                heard()
            _take(draft, choice)
    return draft


def _take(draft: Draft, choice: _Choice) -> None:
    draft.parts.append(choice.delta.content or "")
    for call in choice.delta.tool_calls or ():
        if call.function is not None:
            draft.called(call.index, name=call.function.name, arguments=call.function.arguments)
    # A refusal ends with `stop` like an answer; only its text says what it is.
    if choice.delta.refusal:
        draft.stop_reason = "refusal"
    if draft.stop_reason != "refusal":
        draft.stop_reason = choice.finish_reason or draft.stop_reason
