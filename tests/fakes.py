"""A model that a test scripts, and a line to it. Nothing else is ever faked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from socratune.memory.ledger import Ledger, Spent
from socratune.memory.records import Budget, Example, ExampleId, Message, Role
from socratune.tools.caller import Caller, Line
from socratune.tools.models import ANSWER, LanguageModel, Price, Reply, Request
from socratune.tools.purse import Purse

UNCAPPED = Budget()
CENTS = Price(input=1.0, output=1.0)


@dataclass(slots=True, kw_only=True)
class Provider:
    """A model that keeps what it was sent and does what a test tells it to."""

    answer: Callable[[Request], Reply | str] = lambda _: "yes"
    """May raise what a provider would."""
    latency: float = 0.0
    """Seconds."""
    name: str = "provider"
    price: Price | None = CENTS
    requests: list[Request] = field(default_factory=list)

    async def complete(self, request: Request) -> Reply:
        self.requests.append(request)
        await asyncio.sleep(self.latency)
        said = self.answer(request)
        return said if isinstance(said, Reply) else reply(said)


def reply(text: str, stop_reason: str | None = ANSWER) -> Reply:
    """An answer of ten tokens to a request of one hundred."""
    return Reply(text=text, stop_reason=stop_reason, tokens_in=100, tokens_out=10)


def request(text: str = "Why?", *, max_tokens: int = 50, repeat: int = 0) -> Request:
    """A request of one message."""
    return Request(messages=(Message(role="user", content=text),), max_tokens=max_tokens, repeat=repeat)


def caller_of(
    ledger: Ledger,
    model: LanguageModel,
    *,
    budget: Budget = UNCAPPED,
    secret: bytes = b"secret",
    concurrency: int = 8,
) -> Caller:
    """A caller whose roles are all played by one model."""
    models: dict[Role, LanguageModel] = {"target": model, "optimizer": model, "judge": model}
    purse = Purse(budget, held={}, spent=Spent())
    return Caller(models, ledger=ledger, purse=purse, secret=secret, concurrency=concurrency)


def line_to(ledger: Ledger, model: LanguageModel, role: Role = "optimizer") -> Line:
    """What an agent holds."""
    return Line(caller=caller_of(ledger, model), role=role, max_tokens=500)


def row(number: int, text: str = "", expected: str = "yes") -> Example:
    """One row with one input."""
    said = text or f"Ticket {number}."
    return Example(id=ExampleId(f"r{number}"), inputs={"ticket": said}, expected=expected, group=said.casefold())
