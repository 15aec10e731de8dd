"""Models that are spoken to as OpenAI's are: its own, and any server with a compatible chat completion."""

from __future__ import annotations

from collections.abc import AsyncIterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from socratune.tools.models import Price, Reply, Request
from socratune.tools.providers.clients import Clients, client_options
from socratune.tools.providers.endpoint import Endpoint
from socratune.tools.providers.failures import translated
from socratune.tools.providers.prefixes import kept_at
from socratune.tools.providers.prices import price_of
from socratune.tools.providers.stream import USUAL, Draft, Limits, check_stream, receiving

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletionMessageParam


class _Read(BaseModel):
    """The SDK does not check what a server sends; this does, for the little that is used."""

    model_config = ConfigDict(from_attributes=True)


class _Delta(_Read):
    content: str | None = None
    refusal: str | None = None


class _Choice(_Read):
    delta: _Delta
    finish_reason: str | None = None


class _Details(_Read):
    cached_tokens: int | None = None


class _Usage(_Read):
    prompt_tokens: int
    completion_tokens: int
    prompt_tokens_details: _Details | None = None

    @property
    def cached(self) -> int:
        return (self.prompt_tokens_details and self.prompt_tokens_details.cached_tokens) or 0


class _Chunk(_Read):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAIModel:
    """A `LanguageModel` behind a chat completion endpoint."""

    endpoint: Endpoint
    limits: Limits = USUAL
    _clients: Clients[AsyncOpenAI] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_clients", Clients(self._client))

    @property
    def name(self) -> str:
        """The specification."""
        return self.endpoint.spec.text

    @property
    def price(self) -> Price | None:
        """None when nobody knows."""
        return price_of(self.endpoint)

    @property
    def kept_from(self) -> int | None:
        """Tokens from which on the provider keeps what requests begin with; None when none is known to."""
        return kept_at(self.endpoint)

    async def complete(self, request: Request) -> Reply:
        """Answer. Raises `TransientFailure` when another attempt may help, else `FinalFailure`."""
        import openai  # noqa: PLC0415  # heavy

        client = await self._clients.get()
        async with receiving(self.name, request, self.limits) as draft:
            with translated(self.name, openai):
                await self._receive(client, request, draft)
            return draft.reply(self.name, request)

    async def aclose(self) -> None:
        """Close the connections of the running event loop; the next call opens new ones."""
        await self._clients.aclose()

    def _client(self) -> AsyncOpenAI:
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient  # noqa: PLC0415  # heavy

        return AsyncOpenAI(**client_options(self.endpoint, self.limits, DefaultAsyncHttpxClient))

    async def _receive(self, client: AsyncOpenAI, request: Request, draft: Draft) -> None:
        from openai import omit  # noqa: PLC0415  # heavy

        # Reasoning models know only the new name, many compatible servers only the old one.
        is_new = self.endpoint.is_providers
        async with await client.chat.completions.create(
            model=self.endpoint.spec.name,
            messages=_turns(request),
            max_completion_tokens=request.max_tokens if is_new else omit,
            max_tokens=omit if is_new else request.max_tokens,
            stream=True,
            stream_options={"include_usage": True},
        ) as stream:
            check_stream(self.name, stream.response.headers.get("content-type", ""))
            draft.began = True
            await _fill(draft, stream)


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


async def _fill(draft: Draft, stream: AsyncIterable[object]) -> None:
    async for event in stream:
        chunk = _Chunk.model_validate(event)
        if chunk.usage is not None:
            draft.tokens_in, draft.tokens_out = chunk.usage.prompt_tokens, chunk.usage.completion_tokens
            draft.tokens_cached = chunk.usage.cached
        for choice in (chunk.choices or ())[:1]:
            if choice.delta.content or choice.delta.refusal:
                draft.heard()
            _take(draft, choice)


def _take(draft: Draft, choice: _Choice) -> None:
    draft.parts.append(choice.delta.content or "")
    # A refusal ends with `stop` like an answer; only its text says what it is.
    if choice.delta.refusal:
        draft.stop_reason = "refusal"
    if draft.stop_reason != "refusal":
        draft.stop_reason = choice.finish_reason or draft.stop_reason
