"""What a language model is to us, and how a specification names one.

A model turns one request into one reply. It knows nothing of caches, budgets or retries: `tools/caller.py` is the
only caller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from socratune.memory.errors import BadInput
from socratune.memory.records import Example, Message, digest

ANSWER = "stop"
"""The only stop reason that counts as an answer; adapters map what their provider calls a natural end to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Everything that reaches a provider, and nothing else."""

    messages: tuple[Message, ...]
    max_tokens: int
    repeat: int = 0
    """Which of several answers to the same question this is, counted from 0."""

    def key(self, model: str) -> str:
        """Return what makes two calls the same call: every byte sent, and the repeat number."""
        turns = [[message.role, message.content] for message in self.messages]
        return digest([model, self.max_tokens, self.repeat, turns], length=32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back."""

    text: str
    stop_reason: str | None
    tokens_in: int
    tokens_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """USD for a million tokens."""

    input: float
    output: float

    def cost(self, *, tokens_in: int, tokens_out: int) -> float:
        """Return USD."""
        return (tokens_in * self.input + tokens_out * self.output) / 1_000_000


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
    """Raise `BadInput` when no provider answers to `spec`; reads at most a world file, calls nothing."""
    if not spec.startswith("sim:"):
        raise BadInput(
            f"unknown model {spec!r}",
            cure="this version speaks to simulated models alone: sim:WORLD, sim:WORLD:strong, sim:WORLD:weak",
        )
    from socratune.tools.simulator.world import load_world  # noqa: PLC0415  # worlds are read only when one is named

    load_world(world_name(spec))


def world_name(spec: str) -> str:
    """Return WORLD of `sim:WORLD`, `sim:WORLD:strong` or `sim:WORLD:weak`; a name or a path."""
    return spec.removeprefix("sim:").removesuffix(":strong").removesuffix(":weak")


def connect(spec: str, *, examples: Sequence[Example], seed: int) -> LanguageModel:
    """Return the model that `spec` names.

    `examples` and `seed` matter to simulated models alone: a world is laid over the rows, and its chance follows
    the seed. Raises `BadInput` as `check_model` does.
    """
    check_model(spec)
    from socratune.tools.simulator.optimizer import SimulatedOptimizer  # noqa: PLC0415  # as above
    from socratune.tools.simulator.target import SimulatedTarget  # noqa: PLC0415
    from socratune.tools.simulator.world import load_world  # noqa: PLC0415

    world = load_world(world_name(spec))
    if spec.endswith((":strong", ":weak")):
        return SimulatedOptimizer(world=world, strength=spec.rpartition(":")[2], seed=seed)
    return SimulatedTarget(world=world, examples=tuple(examples), seed=seed)
