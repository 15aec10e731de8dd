"""What a language model is to us, and how a specification names one.

A model turns one request into one reply. It knows nothing of caches, budgets or retries: `tools/caller.py` is the
only caller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from socratune.memory.records import Example, Message, Usage, digest
from socratune.tools.model_spec import ModelSpec
from socratune.tools.tokens import estimate

ANSWER = "stop"
"""The only stop reason that counts as an answer; adapters map what their provider calls a natural end to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Everything that reaches a provider, and nothing else."""

    messages: tuple[Message, ...]
    max_tokens: int
    repeat: int = 0
    """Which of several answers to the same question this is, counted from 0."""
    prefix: int = 0
    """Characters at the beginning, counted over the messages, that other requests share.

    It may change what an answer costs, never what it says, and is no part of the key.
    """

    @property
    def shared(self) -> tuple[str, ...]:
        """The beginning that other requests share, message by message; the last part may be cut within its message."""
        left, parts = self.prefix, []
        for message in self.messages:
            if left <= 0:
                break
            parts.append(message.content[:left])
            left -= len(message.content)
        return tuple(parts)

    @property
    def tokens(self) -> int:
        """About how many tokens the messages are."""
        return sum(estimate(message.content) for message in self.messages)

    def key(self, model: str) -> str:
        """Return what makes two calls the same call: every byte sent, and the repeat number."""
        turns = [[message.role, message.content] for message in self.messages]
        return digest([model, self.max_tokens, self.repeat, turns], length=32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply(Usage):
    """What came back."""

    text: str
    stop_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """USD for a million tokens."""

    input: float
    output: float
    cache_read: float | None = None
    """Of input that the provider had kept; None for the full price."""
    cache_write: float | None = None
    """Of input that the provider is to keep; None for the full price."""

    def cost(self, *, tokens_in: int, tokens_out: int, tokens_cached: int = 0, tokens_written: int = 0) -> float:
        """Return USD; `tokens_in` counts all input, what was kept and what is to be kept included."""
        read = self.input if self.cache_read is None else self.cache_read
        write = self.input if self.cache_write is None else self.cache_write
        plain = tokens_in - tokens_cached - tokens_written
        sent = plain * self.input + tokens_cached * read + tokens_written * write
        return (sent + tokens_out * self.output) / 1_000_000

    def of(self, used: Usage) -> float:
        """Return the USD that a call cost."""
        return self.cost(
            tokens_in=used.tokens_in,
            tokens_out=used.tokens_out,
            tokens_cached=used.tokens_cached,
            tokens_written=used.tokens_written,
        )


class LanguageModel(Protocol):
    """One model at one provider."""

    @property
    def name(self) -> str:
        """The specification it was made from; part of every cache key."""

    @property
    def price(self) -> Price | None:
        """None when nobody knows; such a model does not start under a USD cap."""

    async def complete(self, request: Request) -> Reply:
        """Answer. Raises `TransientFailure` when another attempt may help, else `FinalFailure`."""


@runtime_checkable
class Closable(Protocol):
    """A model that holds connections."""

    async def aclose(self) -> None:
        """Let go of them; the next call opens new ones. Closing twice is harmless."""


@runtime_checkable
class KeepsPrefixes(Protocol):
    """A model whose provider keeps the beginnings of requests, and asks less when one comes again."""

    @property
    def kept_from(self) -> int | None:
        """Tokens from which on a beginning is kept; None when none is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedModel:
    """A model whose answers are a function of the request: for tests and examples."""

    answer: Callable[[Request], str]
    name: str = "scripted"
    price: Price | None = Price(input=1.0, output=1.0)

    async def complete(self, request: Request) -> Reply:
        """Answer at once; a word counts as a token."""
        text = self.answer(request)
        words = sum(len(message.content.split()) for message in request.messages)
        return Reply(text=text, stop_reason=ANSWER, tokens_in=words, tokens_out=len(text.split()))


def check_model(spec: str) -> None:
    """Raise `BadInput` when `spec` names no model, or its key is not set; reads at most a world file, calls nothing."""
    found = ModelSpec.parse(spec)
    if found.provider == "sim":
        from socratune.tools.simulator.world import load_world  # noqa: PLC0415  # worlds are read only when named

        load_world(found.world)
    else:
        from socratune.tools.providers.endpoint import Endpoint  # noqa: PLC0415  # it reads the environment

        Endpoint.of(found)


def world_name(spec: str) -> str:
    """Return WORLD of `sim:WORLD`, `sim:WORLD:strong` or `sim:WORLD:weak`; a name or a path."""
    return spec.removeprefix("sim:").removesuffix(":strong").removesuffix(":weak")


def connect(spec: str, *, examples: Sequence[Example], seed: int) -> LanguageModel:
    """Return the model that `spec` names; nothing is called, and no SDK is imported before the first call.

    `examples` and `seed` matter to simulated models alone: a world is laid over the rows, and its chance follows
    the seed. Raises `BadInput` as `check_model` does.
    """
    found = ModelSpec.parse(spec)
    return _simulated(found, examples, seed) if found.provider == "sim" else _real(found)


def _simulated(spec: ModelSpec, examples: Sequence[Example], seed: int) -> LanguageModel:
    from socratune.tools.simulator.optimizer import SimulatedOptimizer  # noqa: PLC0415  # it imports this module
    from socratune.tools.simulator.target import SimulatedTarget  # noqa: PLC0415
    from socratune.tools.simulator.world import load_world  # noqa: PLC0415

    world = load_world(spec.world)
    if spec.strength is not None:
        return SimulatedOptimizer(world=world, strength=spec.strength, seed=seed)
    return SimulatedTarget(world=world, examples=tuple(examples), seed=seed)


def _real(spec: ModelSpec) -> LanguageModel:
    from socratune.tools.providers.anthropic import AnthropicModel  # noqa: PLC0415  # it imports this module
    from socratune.tools.providers.endpoint import Endpoint  # noqa: PLC0415
    from socratune.tools.providers.openai import OpenAIModel  # noqa: PLC0415

    endpoint = Endpoint.of(spec)
    return OpenAIModel(endpoint=endpoint) if spec.provider == "openai" else AnthropicModel(endpoint=endpoint)
