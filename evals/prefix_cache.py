"""What it saves to send one call ahead and to mark what rows share: 200 rows under a long system text, on both wires.

The first side is the bare SDK with the same requests, all at once and without marks; the second the usual path. Run
`python -m socratune.evals.prefix_cache`. Prices are those of real models; the server, and what it keeps, is ours.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import typer
from rich.table import Table

from socratune.agents.evaluator import Evaluator
from socratune.agents.scorers import Measured
from socratune.evals.results import CAVEAT, console
from socratune.memory.ledger import Ledger, Spent
from socratune.memory.records import Budget, Candidate, Example, ExampleId, Prompt
from socratune.memory.usage import Usage
from socratune.tools.caller import Caller, Line
from socratune.tools.metrics import metric_named
from socratune.tools.model_spec import ModelSpec, Provider
from socratune.tools.models import Reply, Request
from socratune.tools.price import Price
from socratune.tools.providers.anthropic import AnthropicModel
from socratune.tools.providers.endpoint import HOMES, Endpoint
from socratune.tools.providers.openai import OpenAIModel
from socratune.tools.providers.prices import price_of
from socratune.tools.purse import Purse
from socratune.tools.simulator.server import served
from socratune.tools.simulator.wire import Manners, Wire
from socratune.tools.simulator.world import load_world

WORLD = "ticket-routing"
PRICED_AS: dict[Provider, str] = {"openai": "gpt-4.1-mini", "anthropic": "claude-sonnet-4-5"}
RULES = 60
MAX_TOKENS = 20
SYSTEM = "You route the tickets of a shop to a queue. These are the house rules.\n" + "\n".join(
    f"Rule {number}: a ticket that names department {number} goes to the queue of that department, unless the customer "
    "asks for money back; then it goes to billing."
    for number in range(1, RULES + 1)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What one way of asking came to."""

    calls: int
    tokens_in: int
    tokens_cached: int
    usd: float
    """For the input alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """A model of the simulated server, at the price of a real one."""

    model: OpenAIModel | AnthropicModel
    price: Price

    @property
    def name(self) -> str:
        """The model's own."""
        return self.model.name

    @property
    def kept_from(self) -> int | None:
        """The model's own."""
        return self.model.kept_from

    async def complete(self, request: Request) -> Reply:
        """Answer as the model does."""
        return await self.model.complete(request)

    async def aclose(self) -> None:
        """Let go of connections."""
        await self.model.aclose()


def main(rows: int = 200, concurrency: int = 16, latency: float = 0.1) -> None:
    """Ask for all rows in both ways over both wires, and print what the input cost."""
    drawn = Table(title=f"input of {rows} rows under a system text of about {len(SYSTEM) // 4:,} tokens")
    for column in ("priced as", "way", "calls", "tokens in", "from the cache", "input USD", "ratio"):
        drawn.add_column(column, justify="left" if column in ("priced as", "way") else "right")
    for provider, name in PRICED_AS.items():
        plain, ahead = both(provider, rows=rows, concurrency=concurrency, latency=latency)
        ours = "one ahead, marked" if provider == "anthropic" else "one ahead"
        for way, side in (("bare SDK, all at once", plain), (ours, ahead)):
            counts = (f"{number:,}" for number in (side.calls, side.tokens_in, side.tokens_cached))
            drawn.add_row(f"{provider}:{name}", way, *counts, f"{side.usd:.4f}", f"{side.usd / plain.usd:.2f}")
    screen = console()
    screen.print(drawn)
    screen.print(f"Concurrency {concurrency}, {latency:g} s latency.")
    screen.print(CAVEAT)


def both(provider: Provider, *, rows: int, concurrency: int, latency: float) -> tuple[Side, Side]:
    """Return the bare SDK's side and ours, each at a server that has kept nothing yet."""
    asked = [_row(number) for number in range(rows)]
    price = replace(_price(provider), output=0.0)
    sides = []
    for way in (_all_at_once, _one_ahead):
        wire = Wire(world=load_world(WORLD), examples=(), manners=Manners(latency=latency))
        with served(wire) as url:
            sides.append(asyncio.run(way(_priced(provider, url, price), asked, concurrency)))
    return sides[0], sides[1]


async def _one_ahead(model: Priced, rows: Sequence[Example], concurrency: int) -> Side:
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger.open(Path(folder) / "ledger.db", "prefixes")
        ledger.begin_run({})
        purse = Purse(Budget(), held={}, spent=Spent())
        caller = Caller({"target": model}, ledger=ledger, purse=purse, secret=b"s", concurrency=concurrency)
        line = Line(caller=caller, role="target", max_tokens=MAX_TOKENS)
        evaluator = Evaluator(line=line, scorer=Measured(metric=metric_named("exact", {})), ledger=ledger)
        await evaluator.score(Candidate(prompt=Prompt(system=SYSTEM, user="{{ticket}}")), rows, phase="search")
        await caller.drain()
        spent = ledger.spent()["target"]
        ledger.close()
    return Side(calls=spent.calls, tokens_in=spent.tokens_in, tokens_cached=spent.tokens_cached, usd=spent.usd)


async def _all_at_once(model: Priced, rows: Sequence[Example], concurrency: int) -> Side:
    ask = _openai if isinstance(model.model, OpenAIModel) else _anthropic
    places = asyncio.Semaphore(concurrency)

    async def one(row: Example) -> Usage:
        async with places:
            return await asked(row.inputs["ticket"])

    async with ask(model.model.endpoint.url) as asked:
        used = await asyncio.gather(*map(one, rows))
    return Side(
        calls=len(used),
        tokens_in=sum(each.tokens_in for each in used),
        tokens_cached=sum(each.tokens_cached for each in used),
        usd=sum(map(model.price.of, used)),
    )


Asking = Callable[[str], Awaitable[Usage]]


@asynccontextmanager
async def _openai(url: str) -> AsyncIterator[Asking]:
    from openai import AsyncOpenAI  # noqa: PLC0415  # heavy

    async with AsyncOpenAI(api_key="none", base_url=url, max_retries=0) as client:

        async def ask(text: str) -> Usage:
            reply = await client.chat.completions.create(
                model=WORLD,
                messages=[{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}],
                max_completion_tokens=MAX_TOKENS,
            )
            used = reply.usage
            if used is None or used.prompt_tokens_details is None:
                raise ValueError("the server does not say what was used")
            cached = used.prompt_tokens_details.cached_tokens or 0
            return Usage(tokens_in=used.prompt_tokens, tokens_out=used.completion_tokens, tokens_cached=cached)

        yield ask


@asynccontextmanager
async def _anthropic(url: str) -> AsyncIterator[Asking]:
    from anthropic import AsyncAnthropic  # noqa: PLC0415  # heavy

    async with AsyncAnthropic(api_key="none", base_url=url, max_retries=0) as client:

        async def ask(text: str) -> Usage:
            reply = await client.messages.create(
                model=WORLD, system=SYSTEM, messages=[{"role": "user", "content": text}], max_tokens=MAX_TOKENS
            )
            used = reply.usage
            cached, written = used.cache_read_input_tokens or 0, used.cache_creation_input_tokens or 0
            return Usage(
                tokens_in=used.input_tokens + cached + written,
                tokens_out=used.output_tokens,
                tokens_cached=cached,
                tokens_written=written,
            )

        yield ask


def _price(provider: Provider) -> Price:
    spec = ModelSpec.parse(f"{provider}:{PRICED_AS[provider]}")
    found = price_of(Endpoint(spec=spec, url=HOMES[provider].url, key=None, is_providers=True))
    if found is None:
        raise ValueError(f"the price of {spec.text} is not known")
    return found


def _priced(provider: Provider, url: str, price: Price) -> Priced:
    """Return a model of the server at `url`, which stands in for the provider."""
    spec = ModelSpec.parse(f"{provider}:{WORLD}")
    place = f"{url}/v1" if provider == "openai" else url
    endpoint = Endpoint(spec=spec, url=place, key="none", is_providers=True)
    made = OpenAIModel(endpoint=endpoint) if provider == "openai" else AnthropicModel(endpoint=endpoint)
    return Priced(model=made, price=price)


def _row(number: int) -> Example:
    text = f"Where is parcel {number}, which I ordered from department {number % RULES + 1}?"
    return Example(id=ExampleId(f"r{number}"), inputs={"ticket": text}, expected="shipping", group=str(number))


if __name__ == "__main__":
    typer.run(main)
