"""What rows have in common: sent to the letter, marked where that is asked for, kept, counted and priced."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from tests.fakes import UNCAPPED
from tests.tools.providers.conftest import Serve
from tests.tools.providers.scene import WORLD, Served, Speaker, rows

from socratune.agents.evaluator import Evaluator
from socratune.agents.scorers import Measured
from socratune.memory.ledger import Ledger, Spent
from socratune.memory.model_options import ModelOptions
from socratune.memory.records import Candidate, Demo, Message, Prompt
from socratune.tools.caller import Caller, Line
from socratune.tools.metrics import metric_named
from socratune.tools.model_spec import ModelSpec
from socratune.tools.models import LanguageModel, Request, connect
from socratune.tools.price import Price
from socratune.tools.providers.endpoint import Endpoint
from socratune.tools.providers.langchain import LangChainModel
from socratune.tools.providers.prefixes import Mark, kept_at, kept_from, mark_of
from socratune.tools.purse import Purse
from socratune.tools.replies import CRITIQUE
from socratune.tools.simulator.wire import Manners, Wire
from socratune.tools.simulator.world import load_world
from socratune.tools.template import messages, shared_prefix
from socratune.tools.usercode.application import Application
from socratune.tools.vanguard import kept_from as kept_by

LONG = "You route tickets to one of four queues. " * 150
"""About 1,540 tokens."""
DEMOS = (Demo(inputs={"ticket": "Where is my parcel?"}, output="shipping"),)
PROMPTS = {
    "system": Prompt(system=LONG, user="{{ticket}}"),
    "system and demos": Prompt(system=LONG, user="Ticket: {{ticket}}", demos=DEMOS),
    "user": Prompt(user=LONG + "\nTicket: {{ticket}}\nName the queue."),
}


@dataclass(slots=True, kw_only=True)
class Recording(Wire):
    """A provider that also keeps the bodies it was sent."""

    bodies: list[bytes] = field(default_factory=list)

    def app(self) -> Any:
        inner = super(Recording, self).app()

        async def recorded(scope: Any, receive: Callable[[], Awaitable[MutableMapping[str, Any]]], send: Any) -> None:
            body = b""

            async def heard() -> MutableMapping[str, Any]:
                nonlocal body
                event = await receive()
                body += event.get("body", b"")
                if event["type"] == "http.request" and not event.get("more_body"):
                    self.bodies.append(body)
                return event

            await inner(scope, heard, send)

        return recorded


@dataclass(frozen=True, kw_only=True)
class Desk:
    """A provider that the environment names as the real one, and a way to score rows there."""

    ledger: Ledger
    wire: Recording
    target: LanguageModel
    log: Path

    def score(self, prompt: Prompt, count: int, concurrency: int = 16) -> None:
        purse = Purse(UNCAPPED, held={}, spent=Spent())
        caller = Caller({"target": self.target}, ledger=self.ledger, purse=purse, secret=b"s", concurrency=concurrency)
        line = Line(caller=caller, role="target", max_tokens=20)
        evaluator = Evaluator(line=line, scorer=Measured(metric=metric_named("exact", {})), ledger=self.ledger)

        async def run() -> None:
            await evaluator.score(Candidate(prompt=prompt), rows()[:count], phase="search")
            await caller.drain()

        asyncio.run(run())

    def logged(self, name: str) -> list[int]:
        lines = map(json.loads, self.log.read_text().splitlines())
        return [line[name] for line in lines if line["event"] == "completed"]


@pytest.fixture
def desk(serve: Serve, speaker: Speaker, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    log = tmp_path / "provider.jsonl"
    manners = Manners(key="k", log=log, latency=0.02)
    made = Recording(world=load_world(WORLD), examples=rows(), manners=manners)
    place = serve(made=made)
    monkeypatch.setenv(speaker.variable("BASE_URL"), speaker.base(place))
    monkeypatch.setenv(speaker.variable("API_KEY"), "k")
    return Desk(ledger=ledger, wire=made, target=connect(f"{speaker.provider}:{WORLD}", examples=(), seed=0), log=log)


def before_the_row(body: bytes, tickets: list[str]) -> bytes:
    """What stands on the wire before a row's own text, marks included."""
    found = [json.dumps(ticket, ensure_ascii=False)[1:-1].encode() for ticket in tickets]
    sent = json.loads(body)
    turns = json.dumps([sent.get("system"), sent["messages"]], ensure_ascii=False).encode()
    (row,) = [each for each in found if each in turns]
    return turns.partition(row)[0]


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_a_hundred_rows_begin_alike_to_the_byte(desk: Desk, prompt: Prompt) -> None:
    desk.score(prompt, 100)
    tickets = [row.inputs["ticket"] for row in rows()[:100]]
    assert len(desk.wire.bodies) == 100
    (beginning,) = {before_the_row(body, tickets) for body in desk.wire.bodies}
    assert len(beginning) > shared_prefix(prompt, ["ticket"]) >= len(LONG)


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_all_but_the_first_row_find_what_was_kept_and_the_ledger_says_what_the_provider_says(
    desk: Desk, prompt: Prompt
) -> None:
    desk.score(prompt, 20)
    kept = desk.logged("tokens_cached")
    assert kept.count(0) == 1
    assert min(each for each in kept if each) >= 1_024
    assert desk.ledger.spent()["target"].tokens_cached == sum(kept)
    assert desk.ledger.spent()["target"].tokens_in == sum(desk.logged("tokens_in"))


def test_a_short_prompt_is_sent_all_at_once_and_without_a_mark(desk: Desk) -> None:
    desk.score(Prompt(system="You sort.", user="{{ticket}}"), 10)
    assert sum(desk.logged("tokens_cached")) == 0
    assert not any(b"cache_control" in body for body in desk.wire.bodies)


@pytest.mark.parametrize("concurrency", [1, 8, 64])
def test_who_goes_first_changes_no_record(desk: Desk, concurrency: int) -> None:
    prompt = PROMPTS["system"]
    desk.score(prompt, 12, concurrency)
    alone = connect(f"sim:{WORLD}", examples=rows(), seed=0)  # keeps nothing, so nobody goes first
    expected = {}
    for row in rows()[:12]:
        request = Request(messages=messages(prompt, row.inputs), max_tokens=20)
        reply = asyncio.run(alone.complete(request))
        if reply.tokens_out <= request.max_tokens:  # what is longer is cut, and no record
            expected[row.id] = reply.text
    found = desk.ledger.rollouts(Candidate(prompt=prompt).id)
    assert {each.example_id: each.output for each in found.values()} == expected
    assert len(expected) > 8


# --- marks


def asked(*contents: str, prefix: int) -> Request:
    roles = ("system", "user", "assistant", "user")
    turns = tuple(Message(role=role, content=text) for role, text in zip(roles, contents, strict=False))  # type: ignore[arg-type]  # the roles are those of a chat
    return Request(messages=turns, max_tokens=5, prefix=prefix)


def test_the_mark_stands_after_the_last_whole_message_that_rows_share() -> None:
    prompt = PROMPTS["system and demos"]
    turns = messages(prompt, {"ticket": "x"})
    request = Request(messages=turns, max_tokens=5, prefix=shared_prefix(prompt, ["ticket"]))
    assert mark_of(request, 1_024) == Mark(message=2, length=len("shipping"))


def test_a_message_is_divided_only_when_what_stands_before_it_is_too_short() -> None:
    assert mark_of(asked("s" * 40, "u" * 5_000, prefix=4_140), 1_024) == Mark(message=1, length=4_100)
    assert mark_of(asked("s" * 4_100, "u" * 5_000, prefix=5_000), 1_024) == Mark(message=0, length=4_100)


@pytest.mark.parametrize(("prefix", "least"), [(0, 1_024), (4_000, 1_024), (5_000, None), (5_000, 2_048)])
def test_what_is_too_short_or_nowhere_kept_is_not_marked(prefix: int, least: int | None) -> None:
    assert mark_of(asked("s" * 5_000, "u", prefix=prefix), least) is None


def test_a_placeholder_in_the_system_ends_what_rows_share() -> None:
    prompt = Prompt(system="Sort {{ticket}} well.", user="Now.", demos=DEMOS)
    assert shared_prefix(prompt, ["ticket"]) == len("Sort ")


def test_small_models_keep_longer_beginnings_only() -> None:
    assert [kept_from(name) for name in ("claude-haiku-4-5-20251001", "claude-sonnet-4-5", "gpt-4.1-mini")] == [
        4_096,
        1_024,
        1_024,
    ]


def test_at_an_address_of_ones_own_nothing_is_known_to_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    for spec, least in (("anthropic:claude-sonnet-4-5", 1_024), ("anthropic:mine@http://127.0.0.1:1", None)):
        assert kept_at(Endpoint.of(ModelSpec.parse(spec))) == least


def test_a_foreign_server_gets_plain_requests(serve: Serve, ledger: Ledger) -> None:
    made = Recording(world=load_world(WORLD), examples=rows(), manners=Manners())
    speaker = Speaker(provider="anthropic")
    model = speaker.model(speaker.spec(Served(url=serve(made=made).url)))
    asyncio.run(model.complete(replace(asked(LONG, "Where is it?", prefix=len(LONG)))))
    assert json.loads(made.bodies[0])["system"] == LONG


def test_marks_and_what_else_is_sent_go_together(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Recording(world=load_world(WORLD), examples=rows(), manners=Manners(key="k"))
    monkeypatch.setenv("ANTHROPIC_BASE_URL", serve(made=made).url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    options = ModelOptions(tools=({"name": "route", "input_schema": {"type": "object"}},), headers={"x-tenant": "desk"})
    model = connect(f"anthropic:{WORLD}", examples=(), seed=0, options=options)
    request = replace(asked(LONG, "Where is it?", prefix=len(LONG)), schema=CRITIQUE.schema, max_tokens=50)
    reply = asyncio.run(model.complete(request))
    sent = json.loads(made.bodies[0])
    assert sent["system"] == [{"type": "text", "text": LONG, "cache_control": {"type": "ephemeral"}}]
    assert (sent["tools"], sent["output_config"]["format"]["schema"]) == ([*options.tools], CRITIQUE.schema)
    assert reply.tokens_written >= 1_024


def test_only_a_provider_and_its_stand_in_are_known_to_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    chat = LangChainModel.around(FakeListChatModel(responses=["billing"]))
    others: list[LanguageModel] = [
        chat,
        Application.here(lambda *_: "billing"),
        connect(f"sim:{WORLD}", examples=(), seed=0),
    ]
    others += [connect("openai:gpt-4.1@http://127.0.0.1:1/v1", examples=(), seed=0)]
    assert [kept_by(each) for each in others] == [None] * 4
    assert kept_by(connect("openai:gpt-4.1", examples=(), seed=0)) == 1_024


# --- prices


@pytest.mark.parametrize(
    ("spec", "write"),
    [("anthropic:claude-sonnet-4-5", 2.5), ("anthropic:m@http://127.0.0.1:1", None), ("openai:gpt-4.1-mini", None)],
)
def test_a_price_given_by_hand_has_no_discount_and_still_pays_to_be_kept(
    monkeypatch: pytest.MonkeyPatch, spec: str, write: float | None
) -> None:
    for variable in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(variable, "k")
    price = connect(spec, examples=(), seed=0, options=ModelOptions(price=(2.0, 8.0))).price
    assert price == Price(input=2.0, output=8.0, cache_read=None, cache_write=write)


def test_what_was_kept_is_cheaper_and_what_is_to_be_kept_dearer(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(variable, "k")
    claude = connect("anthropic:claude-sonnet-4-5", examples=(), seed=0).price
    gpt = connect("openai:gpt-4.1-mini", examples=(), seed=0).price
    assert claude is not None
    assert gpt is not None
    assert (claude.cache_read, claude.cache_write) == pytest.approx((0.3, 3.75))
    assert (gpt.cache_read, gpt.cache_write) == pytest.approx((0.1, gpt.input))
    cost = claude.cost(tokens_in=1_000_000, tokens_out=0, tokens_cached=500_000, tokens_written=250_000)
    assert cost == pytest.approx(0.5 * 0.3 + 0.25 * 3.75 + 0.25 * 3.0)


def test_a_model_without_a_price_for_it_is_paid_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    price = connect("openai:gpt-3.5-turbo", examples=(), seed=0).price
    assert price is not None
    assert price.cost(tokens_in=2_000, tokens_out=0, tokens_cached=1_024) == price.cost(tokens_in=2_000, tokens_out=0)
