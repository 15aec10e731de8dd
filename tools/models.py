"""What a language model is to us, and how a specification names one.

A model turns one request into one reply. It knows nothing of caches, budgets or retries: `tools/caller.py` is the
only caller.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

from socratune.memory.errors import BadInput
from socratune.memory.model_options import PLAIN, ModelOptions
from socratune.memory.records import Example, Message, Role, Task, digest
from socratune.memory.usage import Usage
from socratune.memory.usercode import UserCode
from socratune.tools.capabilities import check_options
from socratune.tools.model_spec import NO_HOSTS, ModelSpec, is_application, is_code
from socratune.tools.price import Price, given_price
from socratune.tools.tokens import at_most, estimate

ANSWER = "stop"
"""The only stop reason that counts as an answer; adapters map what their provider calls a natural end to it."""
UNSEEN = 1_000
"""Tokens; more than any provider adds to explain tools or a format to its model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Everything that reaches a provider, and nothing else."""

    messages: tuple[Message, ...]
    max_tokens: int
    repeat: int = 0
    """Which of several answers to the same question this is, counted from 0."""
    row: Mapping[str, str] | None = None
    """The row's inputs, for an application that reads them; None for any other model."""
    schema: Mapping[str, object] | None = None
    """JSON schema of the answer, titled, for a provider that can hold a model to it; others never see it."""
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
        form = [] if self.schema is None else [self.schema]
        row = [] if self.row is None else [dict(self.row)]
        return digest([model, self.max_tokens, self.repeat, turns, *form, *row], length=32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply(Usage):
    """What came back."""

    text: str
    stop_reason: str | None


def named(spec: str, options: ModelOptions) -> str:
    """Return the name of a model: its specification, and a mark of what is sent along when something is."""
    return f"{spec}#{digest(options.sent, length=8)}" if options.sent else spec


def burden(options: ModelOptions) -> int:
    """Return how many tokens at most a request holds besides its messages."""
    sent = {name: value for name, value in options.sent.items() if name != "headers"}
    return at_most(json.dumps(sent)) + UNSEEN if sent else 0


@runtime_checkable
class LanguageModel(Protocol):
    """One model at one provider."""

    @property
    def name(self) -> str:
        """The specification it was made from, with a mark of its options; part of every cache key."""

    @property
    def price(self) -> Price | None:
        """None when nobody knows; such a model does not start under a USD cap."""

    async def complete(self, request: Request) -> Reply:
        """Answer. Raises `TransientFailure` when another attempt may help, else `FinalFailure`."""


@runtime_checkable
class ReadsRow(Protocol):
    """A model that is the user's own application: it is given the row, and what it costs only it can say."""

    @property
    def reads_row(self) -> bool:
        """Whether requests carry the row."""


@runtime_checkable
class Closable(Protocol):
    """Whoever holds connections or a process."""

    async def aclose(self) -> None:
        """Let go of them; the next call opens new ones. Closing twice is harmless."""


@runtime_checkable
class KeepsPrefixes(Protocol):
    """A model whose provider keeps the beginnings of requests, and asks less when one comes again."""

    @property
    def kept_from(self) -> int | None:
        """Tokens from which on a beginning is kept; None when none is."""


@runtime_checkable
class Laden(Protocol):
    """A model that is sent more than the messages."""

    @property
    def overhead(self) -> int:
        """Tokens at most that come with every request, such as definitions of tools."""


ONE_EACH = Price(input=1.0, output=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedModel:
    """A model whose answers are a function of the request: for tests and examples."""

    answer: Callable[[Request], str]
    name: str = "scripted"
    price: Price | None = ONE_EACH

    async def complete(self, request: Request) -> Reply:
        """Answer at once; a word counts as a token."""
        text = self.answer(request)
        words = sum(len(message.content.split()) for message in request.messages)
        return Reply(text=text, stop_reason=ANSWER, tokens_in=words, tokens_out=len(text.split()))


def check_model(
    spec: str, *, options: ModelOptions = PLAIN, hosts: Mapping[str, str] = NO_HOSTS, keyless: bool = False
) -> None:
    """Raise `BadInput` when `spec` names no model, its key is not set, or it cannot do what `options` ask.

    Reads at most a world file, calls nothing. `hosts` is as for `connect`; `keyless` leaves the key out of it. Code is
    looked at where its consent is asked.
    """
    if is_application(spec):
        return
    found = ModelSpec.parse(spec)
    check_options(found, options)
    if found.provider == "sim":
        from socratune.tools.simulator.world import load_world  # noqa: PLC0415  # worlds are read only when named

        load_world(found.world)
    elif found.provider == "langchain":
        from socratune.tools.providers.langchain import LangChainModel  # noqa: PLC0415  # heavy

        LangChainModel.of(found, options).check()
    else:
        from socratune.tools.providers.endpoint import Endpoint  # noqa: PLC0415  # it reads the environment

        Endpoint.of(found, hosts=hosts, keyless=keyless)


def check_role(task: Task, role: Role, *, hosts: Mapping[str, str] = NO_HOSTS, keyless: bool = False) -> None:
    """Check the model that a task names for a role, as `check_model` does."""
    check_model(task.models[role], options=task.options.get(role, PLAIN), hosts=hosts, keyless=keyless)


def own_models(task: Task, models: Mapping[Role, LanguageModel]) -> dict[Role, LanguageModel]:
    """Return the caller's own models by role; the optimizer's judges, too, where the task names one for both."""
    own = dict(models)
    if task.judge is not None and task.judge == task.optimizer and "optimizer" in own:
        own.setdefault("judge", own["optimizer"])
    return own


def price_for(task: Task, role: Role, *, hosts: Mapping[str, str] = NO_HOSTS) -> Price | None:
    """Return the price of a role's model, for which no key is needed; None when nobody knows it."""
    options = task.options.get(role, PLAIN)
    if is_application(task.models[role]):
        return given_price(options)
    found = ModelSpec.parse(task.models[role])
    if found.provider == "sim":
        return _simulated(found, (), 0).price
    return _real(found, options, hosts, keyless=True).price


def host_of(spec: str) -> str | None:
    """Return the host that texts go to, with its port if that is named; None when they stay in this process."""
    found = ModelSpec.parse(spec)
    if found.provider == "sim":
        return None
    if found.provider == "langchain":
        return f"{found.name.partition(':')[0]}, through LangChain,"
    from socratune.tools.providers.endpoint import Endpoint  # noqa: PLC0415  # it reads the environment

    return urlsplit(Endpoint.of(found, keyless=True).url).netloc


def world_name(spec: str) -> str:
    """Return WORLD of `sim:WORLD`, `sim:WORLD:strong` or `sim:WORLD:weak`; a name or a path."""
    return spec.removeprefix("sim:").removesuffix(":strong").removesuffix(":weak")


def connect(
    spec: str,
    *,
    examples: Sequence[Example],
    seed: int,
    options: ModelOptions = PLAIN,
    hosts: Mapping[str, str] = NO_HOSTS,
) -> LanguageModel:
    """Return the model that `spec` names; nothing is called, and no SDK is imported before the first call.

    `examples` and `seed` matter to simulated models alone: a world is laid over the rows, and its chance follows
    the seed. `hosts` gives the environment variable with the key of each host that may have one, by origin
    (`https://gateway.corp:8443`). Raises `BadInput` as `check_model` does.
    """
    found = ModelSpec.parse(spec)
    check_options(found, options)
    if found.provider == "sim":
        return _simulated(found, examples, seed)
    return _real(found, options, hosts)


def connect_role(
    task: Task, role: Role, *, examples: Sequence[Example], seed: int, hosts: Mapping[str, str] = NO_HOSTS
) -> LanguageModel:
    """Return the model that a task names for a role, as `connect` does."""
    spec, options = task.models[role], task.options.get(role, PLAIN)
    if is_code(spec):
        return _application(spec, task.code, given_price(options))
    return connect(spec, examples=examples, seed=seed, options=options, hosts=hosts)


def _application(spec: str, code: Sequence[UserCode], price: Price | None) -> LanguageModel:
    from socratune.tools.usercode.application import Application  # noqa: PLC0415  # it imports this module

    return replace(Application.of(allowed(spec, code)), price=price)


def allowed(spec: str, code: Sequence[UserCode]) -> UserCode:
    """Return the function that `spec` names. Raises `BadInput` when it is not among those that may be run."""
    for each in code:
        if each.spec == spec:
            return each
    raise BadInput(f"{spec!r} is code that was not allowed to run", cure="pass --allow-code once you trust it")


def _simulated(spec: ModelSpec, examples: Sequence[Example], seed: int) -> LanguageModel:
    from socratune.tools.simulator.optimizer import SimulatedOptimizer  # noqa: PLC0415  # it imports this module
    from socratune.tools.simulator.target import SimulatedTarget  # noqa: PLC0415
    from socratune.tools.simulator.world import load_world  # noqa: PLC0415

    world = load_world(spec.world)
    if spec.strength is not None:
        return SimulatedOptimizer(world=world, strength=spec.strength, seed=seed)
    return SimulatedTarget(world=world, examples=tuple(examples), seed=seed)


def _real(spec: ModelSpec, options: ModelOptions, hosts: Mapping[str, str], *, keyless: bool = False) -> LanguageModel:
    from socratune.tools.providers.anthropic import AnthropicModel  # noqa: PLC0415  # it imports this module
    from socratune.tools.providers.endpoint import Endpoint  # noqa: PLC0415
    from socratune.tools.providers.langchain import LangChainModel  # noqa: PLC0415
    from socratune.tools.providers.openai import OpenAIModel  # noqa: PLC0415

    if spec.provider == "langchain":
        return LangChainModel.of(spec, options)
    endpoint = Endpoint.of(spec, hosts=hosts, keyless=keyless)
    made = OpenAIModel if spec.provider == "openai" else AnthropicModel
    return made(endpoint=endpoint, options=options)
