"""What is sent besides the messages, as it comes out of the real SDKs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.tools.providers.conftest import Serve
from tests.tools.providers.scene import WORLD, Speaker, asked, wire

from socratune.memory.errors import BadInput, FinalFailure
from socratune.memory.model_options import PLAIN, ModelOptions
from socratune.tools.models import Laden, LanguageModel, check_model, connect
from socratune.tools.replies import CRITIQUE, FORMS, REWRITE
from socratune.tools.simulator.formats import trouble_with_completion, trouble_with_message
from socratune.tools.simulator.protocols import Heard, WireProtocol
from socratune.tools.simulator.wire import POLITE, Manners, Wire

if TYPE_CHECKING:
    from starlette.requests import Request as HttpRequest

SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {"queue": {"type": "string"}},
    "required": ["queue"],
    "additionalProperties": False,
}
WANTED: dict[str, object] = {"type": "json_schema", "json_schema": {"name": "routed", "schema": SCHEMA}}
TOOLS: Mapping[str, dict[str, object]] = {
    "openai": {"type": "function", "function": {"name": "route", "parameters": SCHEMA}},
    "anthropic": {"name": "route", "input_schema": SCHEMA},
}


class Recorder(Wire):
    """A provider that keeps what it was sent."""

    def keep(self) -> Recorder:
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[Mapping[str, str]] = []
        return self

    async def _heard(self, http: HttpRequest, protocol: WireProtocol, number: int) -> Heard:
        self.bodies.append(json.loads(await http.body()))
        self.headers.append(dict(http.headers))
        return await super()._heard(http, protocol, number)


def recorder(manners: Manners = POLITE) -> Recorder:
    plain = wire(manners)
    return Recorder(world=plain.world, examples=plain.examples, manners=manners).keep()


def connected(spec: str, options: ModelOptions = PLAIN) -> LanguageModel:
    return connect(spec, examples=(), seed=0, options=options)


async def test_a_compatible_server_is_sent_every_option(serve: Serve) -> None:
    heard, speaker = recorder(), Speaker(provider="openai")
    options = ModelOptions(
        temperature=0.0, response_format=WANTED, tools=(TOOLS["openai"],), headers={"x-tenant": "desk"}
    )
    await connected(speaker.spec(serve(made=heard)), options).complete(asked())
    (body,), (headers,) = heard.bodies, heard.headers
    assert (body["temperature"], body["response_format"], body["tools"]) == (0.0, WANTED, [TOOLS["openai"]])
    assert headers["x-tenant"] == "desk"


async def test_anthropic_is_sent_a_schema_as_its_output_format(serve: Serve) -> None:
    heard, speaker = recorder(), Speaker(provider="anthropic")
    options = ModelOptions(response_format=WANTED, tools=(TOOLS["anthropic"],), headers={"x-tenant": "desk"})
    await connected(speaker.spec(serve(made=heard)), options).complete(asked())
    (body,), (headers,) = heard.bodies, heard.headers
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}}
    assert body["tools"] == [TOOLS["anthropic"]]
    assert headers["x-tenant"] == "desk"


async def test_without_options_nothing_but_the_messages_is_sent(serve: Serve, speaker: Speaker) -> None:
    heard = recorder()
    await connected(speaker.spec(serve(made=heard))).complete(asked())
    assert not {"temperature", "response_format", "output_config", "tools"} & set(heard.bodies[0])


@pytest.mark.parametrize(
    ("spec", "options", "said"),
    [
        ("anthropic:m@http://h", ModelOptions(temperature=0.5), "takes no sampling parameters; leave temperature out"),
        ("openai:o3-mini", ModelOptions(temperature=0.0), "o3-mini: refuses temperature 0; leave it out"),
        ("openai:gpt-5-nano", ModelOptions(temperature=0.2), "refuses temperature 0.2"),
        ("langchain:openai:gpt-5-nano", ModelOptions(temperature=0.2), "refuses temperature 0.2"),
        ("anthropic:m@http://h", ModelOptions(response_format={"type": "json_object"}), "has no such response_format"),
        ("anthropic:m@http://h", ModelOptions(response_format={"type": "json_schema"}), "has no such response_format"),
        ("sim:ticket-routing", ModelOptions(temperature=0.5), "knows no temperature but its own"),
        ("sim:ticket-routing", ModelOptions(price=(1.0, 4.0)), "knows no price but its own"),
        (
            "openai:m@http://h/v1",
            ModelOptions(headers={"X-Api-Key": "s3cret"}),
            "carries a key; name host and variable",
        ),
    ],
)
def test_an_option_that_a_model_cannot_honour_is_refused_before_any_call(
    monkeypatch: pytest.MonkeyPatch, spec: str, options: ModelOptions, said: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    for refuse in (check_model, connected):
        with pytest.raises(BadInput, match=said) as refused:
            refuse(spec, options=options)
        assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("name", ["gpt-5-chat-latest", "gpt-5.2", "gpt-4.1-mini"])
def test_a_temperature_is_left_to_models_that_may_take_one(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    check_model(f"openai:{name}", options=ModelOptions(temperature=0.3))


def test_the_same_question_under_other_options_is_another_call() -> None:
    sent = [PLAIN, ModelOptions(temperature=0.0), ModelOptions(temperature=1.0), ModelOptions(headers={"x-a": "b"})]
    keys = {asked().key(connected("openai:m@http://h/v1", options).name) for options in sent}
    assert len(keys) == len(sent)
    priced = connected("openai:m@http://h/v1", ModelOptions(price=(1.0, 4.0)))
    assert priced.name == "openai:m@http://h/v1"
    assert priced.price is not None
    assert (priced.price.input, priced.price.output) == (1.0, 4.0)


def test_what_is_sent_along_counts_in_the_worst_case() -> None:
    plain, laden = connected("openai:m@http://h/v1"), connected("openai:m@http://h/v1", ModelOptions(tools=(SCHEMA,)))
    assert isinstance(plain, Laden)
    assert isinstance(laden, Laden)
    assert plain.overhead == 0
    assert laden.overhead > len(json.dumps(SCHEMA))


async def test_the_provider_holds_an_agents_reply_to_its_form(
    serve: Serve, speaker: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = recorder(Manners(key="k"))
    monkeypatch.setenv(speaker.variable("API_KEY"), "k")
    monkeypatch.setenv(speaker.variable("BASE_URL"), speaker.base(serve(made=heard)))
    request = replace(asked(), schema=CRITIQUE.schema)
    assert (await connected(f"{speaker.provider}:{WORLD}").complete(request)).text
    body = heard.bodies[0]
    if speaker.provider == "openai":
        assert body["response_format"]["json_schema"]["strict"] is True
        assert body["response_format"]["json_schema"]["schema"] == CRITIQUE.schema
    else:
        assert body["output_config"] == {"format": {"type": "json_schema", "schema": CRITIQUE.schema}}


async def test_a_server_elsewhere_is_sent_no_schema(serve: Serve, speaker: Speaker) -> None:
    heard = recorder()
    await connected(speaker.spec(serve(made=heard))).complete(replace(asked(), schema=CRITIQUE.schema))
    assert not {"response_format", "output_config"} & set(heard.bodies[0])


async def test_plain_text_can_be_asked_for_where_a_model_knows_no_schema(
    serve: Serve, speaker: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = recorder(Manners(key="k"))
    monkeypatch.setenv(speaker.variable("API_KEY"), "k")
    monkeypatch.setenv(speaker.variable("BASE_URL"), speaker.base(serve(made=heard)))
    model = connected(f"{speaker.provider}:{WORLD}", ModelOptions(response_format={"type": "text"}))
    await model.complete(replace(asked(), schema=CRITIQUE.schema))
    assert not {"response_format", "output_config"} & set(heard.bodies[0])


async def test_a_refused_schema_is_a_failure_that_names_it(
    serve: Serve, speaker: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(speaker.variable("API_KEY"), "k")
    monkeypatch.setenv(speaker.variable("BASE_URL"), speaker.base(serve(Manners(key="k"))))
    open_ended = {"title": "Open", "type": "object", "properties": {"a": {"type": "string"}}}
    named = "response_format" if speaker.provider == "openai" else "output_config"
    with pytest.raises(FinalFailure, match=rf"HTTP 400 \(invalid_request_error: {named}\)"):
        await connected(f"{speaker.provider}:{WORLD}").complete(replace(asked(), schema=open_ended))


@pytest.mark.parametrize("name", sorted(FORMS))
def test_every_json_form_has_a_schema_that_both_providers_take(name: str) -> None:
    schema = FORMS[name].schema
    if FORMS[name] is REWRITE:
        assert schema is None
        return
    assert schema is not None
    described = {"name": schema["title"], "schema": schema, "strict": True}
    completion = {"response_format": {"type": "json_schema", "json_schema": described}}
    assert trouble_with_completion(completion) == ""
    assert trouble_with_message({"output_config": {"format": {"type": "json_schema", "schema": schema}}}) == ""


def test_a_schema_is_part_of_the_call() -> None:
    assert asked().key("m") != replace(asked(), schema=CRITIQUE.schema).key("m")
