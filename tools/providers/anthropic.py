"""Models that are spoken to as Anthropic's are. No sampling parameter is sent: the current API refuses them."""

from __future__ import annotations

from collections.abc import AsyncIterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from socratune.tools.models import ANSWER, Price, Reply, Request
from socratune.tools.providers.clients import Clients, client_options
from socratune.tools.providers.endpoint import Endpoint
from socratune.tools.providers.failures import translated
from socratune.tools.providers.prefixes import Mark, kept_at, mark_of
from socratune.tools.providers.prices import price_of
from socratune.tools.providers.stream import USUAL, Draft, Limits, check_stream, receiving

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from anthropic.types import MessageParam, TextBlockParam

NATURAL_END = "end_turn"


class _Read(BaseModel):
    """The SDK does not check what a server sends; this does, for the little that is used."""

    model_config = ConfigDict(from_attributes=True)


class _Usage(_Read):
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


class _Start(_Read):
    usage: _Usage | None = None


class _Delta(_Read):
    text: str | None = None
    thinking: str | None = None
    stop_reason: str | None = None


class _Event(_Read):
    type: str
    message: _Start | None = None
    content_block: _Delta | None = None
    delta: _Delta | None = None
    usage: _Usage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnthropicModel:
    """A `LanguageModel` behind a messages endpoint."""

    endpoint: Endpoint
    limits: Limits = USUAL
    _clients: Clients[AsyncAnthropic] = field(init=False, repr=False, compare=False)

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
        import anthropic  # noqa: PLC0415  # heavy

        client = await self._clients.get()
        async with receiving(self.name, request, self.limits) as draft:
            with translated(self.name, anthropic):
                await self._receive(client, request, draft)
            return draft.reply(self.name, request)

    async def aclose(self) -> None:
        """Close the connections of the running event loop; the next call opens new ones."""
        await self._clients.aclose()

    def _client(self) -> AsyncAnthropic:
        from anthropic import AsyncAnthropic, DefaultAsyncHttpxClient  # noqa: PLC0415  # heavy

        return AsyncAnthropic(**client_options(self.endpoint, self.limits, DefaultAsyncHttpxClient))

    async def _receive(self, client: AsyncAnthropic, request: Request, draft: Draft) -> None:
        from anthropic import omit  # noqa: PLC0415  # heavy

        mark = mark_of(request, self.kept_from)
        async with await client.messages.create(
            model=self.endpoint.spec.name,
            system=_system(request, mark) or omit,
            messages=_turns(request, mark),
            max_tokens=request.max_tokens,
            stream=True,
        ) as stream:
            check_stream(self.name, stream.response.headers.get("content-type", ""))
            draft.began = True
            await _fill(draft, stream)


def _system(request: Request, mark: Mark | None) -> str | list[TextBlockParam]:
    systems = [number for number, message in enumerate(request.messages) if message.role == "system"]
    if len(systems) == 1:
        return _content(request, systems[0], mark)
    return "\n\n".join(request.messages[number].content for number in systems)


def _turns(request: Request, mark: Mark | None) -> list[MessageParam]:
    turns: list[MessageParam] = []
    for number, message in enumerate(request.messages):
        if message.role == "user":
            turns.append({"role": "user", "content": _content(request, number, mark)})
        elif message.role == "assistant":
            turns.append({"role": "assistant", "content": _content(request, number, mark)})
    return turns


def _content(request: Request, number: int, mark: Mark | None) -> str | list[TextBlockParam]:
    """Return a message's text; where the mark stands, in blocks of which the first is to be kept."""
    text = request.messages[number].content
    if mark is None or mark.message != number:
        return text
    kept, rest = text[: mark.length], text[mark.length :]
    if rest and not rest.strip():
        return text  # a block of nothing but space is refused
    marked: TextBlockParam = {"type": "text", "text": kept, "cache_control": {"type": "ephemeral"}}
    return [marked, {"type": "text", "text": rest}] if rest else [marked]


async def _fill(draft: Draft, stream: AsyncIterable[object]) -> None:
    async for each in stream:
        event = _Event.model_validate(each)
        said = event.delta or event.content_block
        if said is not None and (said.text or said.thinking):
            draft.heard()
        _take(draft, event, said)


def _take(draft: Draft, event: _Event, said: _Delta | None) -> None:
    usage = event.message.usage if event.message else event.usage
    if usage is not None:
        if usage.sent is not None:
            draft.tokens_in = usage.sent
            draft.tokens_cached = usage.cache_read_input_tokens or 0
            draft.tokens_written = usage.cache_creation_input_tokens or 0
        draft.tokens_out = usage.output_tokens if usage.output_tokens is not None else draft.tokens_out
    if said is not None:
        draft.parts.append(said.text or "")
        draft.stop_reason = ANSWER if said.stop_reason == NATURAL_END else said.stop_reason or draft.stop_reason
