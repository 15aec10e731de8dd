"""What the tests of providers share."""

from __future__ import annotations

from dataclasses import dataclass

from socratune.memory.records import Example, Message
from socratune.tools.datasets import load
from socratune.tools.model_spec import ModelSpec, Provider
from socratune.tools.models import Request
from socratune.tools.providers.anthropic import AnthropicModel
from socratune.tools.providers.endpoint import Endpoint
from socratune.tools.providers.openai import OpenAIModel
from socratune.tools.providers.stream import USUAL, Limits
from socratune.tools.simulator.builtin import BUILTIN
from socratune.tools.simulator.wire import Manners, Wire
from socratune.tools.simulator.world import load_world

WORLD = "ticket-routing"
WIRES: tuple[Provider, ...] = ("openai", "anthropic")


def rows() -> tuple[Example, ...]:
    return load(BUILTIN / f"{WORLD}.csv", inputs=("ticket",), expected="queue")


def wire(manners: Manners) -> Wire:
    return Wire(world=load_world(WORLD), examples=rows(), manners=manners)


def asked() -> Request:
    return Request(
        messages=(
            Message(role="system", content="You sort."),
            Message(role="user", content=rows()[0].inputs["ticket"]),
        ),
        max_tokens=50,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A provider that listens."""

    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """One wire protocol, as a client sees it."""

    provider: Provider

    def base(self, served: Served) -> str:
        return f"{served.url}/v1" if self.provider == "openai" else served.url

    def spec(self, served: Served, name: str = WORLD) -> str:
        return f"{self.provider}:{name}@{self.base(served)}"

    def model(self, spec: str, limits: Limits = USUAL) -> OpenAIModel | AnthropicModel:
        endpoint = Endpoint.of(ModelSpec.parse(spec))
        made = OpenAIModel if self.provider == "openai" else AnthropicModel
        return made(endpoint=endpoint, limits=limits)

    def variable(self, name: str) -> str:
        return f"{self.provider.upper()}_{name}"
