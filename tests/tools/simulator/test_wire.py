"""The simulator as a server: what it says on the wire, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tools.simulator.conftest import Rows
from typer.testing import CliRunner

from socratune.commands import simulate
from socratune.memory.errors import BadInput
from socratune.tools.simulator.faults import NAMES, NO_FAULTS, Faults
from socratune.tools.simulator.server import served
from socratune.tools.simulator.wire import Manners, Wire
from socratune.tools.simulator.world import load_world

KEY = "a-key"
BODY: dict[str, Any] = {
    "model": "ticket-routing",
    "max_tokens": 50,
    "messages": [{"role": "user", "content": "Please send my invoice."}],
}
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wire") / "log.jsonl"


@pytest.fixture(scope="module")
def client(log: Path) -> Iterator[httpx2.Client]:
    """A client of a provider that wants a key; it carries the key and a version."""
    made = Wire(world=load_world("ticket-routing"), examples=(), manners=Manners(key=KEY, log=log))
    headers = {"authorization": f"Bearer {KEY}", "anthropic-version": "2026-10-21"}
    with served(made) as url, httpx2.Client(base_url=url, headers=headers) as opened:
        yield opened


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"model": "gpt-9"}, 404),
        ({"messages": []}, 400),
        ({"messages": "hello"}, 400),
        ({"messages": [{"role": "robot", "content": "x"}]}, 400),
        ({"max_tokens": 0}, 400),
        ({"model": None}, 400),
    ],
)
def test_what_a_provider_would_refuse_is_refused(
    client: httpx2.Client, path: str, change: dict[str, Any], status: int
) -> None:
    answered = client.post(path, json={**BODY, **change})
    assert answered.status_code == status
    assert answered.json()["error"]["type"] in ("invalid_request_error", "not_found_error")


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize("body", ["{", "", "[]", "3"])
def test_a_body_that_is_no_object_is_refused(client: httpx2.Client, path: str, body: str) -> None:
    assert client.post(path, content=body).status_code == 400


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize("header", ["", "Basic eDp5", "Bearer another", KEY[:-1]])
def test_a_wrong_key_is_refused(client: httpx2.Client, path: str, header: str) -> None:
    answered = client.post(path, json=BODY, headers={"authorization": header})
    assert answered.status_code == 401


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "assistant", "content": "x"}],
        [{"role": "system", "content": "x"}],
        [{"role": "user", "content": ""}],
        [{"role": "user", "content": "x"}, {"role": "system", "content": "y"}],
    ],
)
def test_messages_are_between_user_and_assistant_alone(client: httpx2.Client, messages: list[Any]) -> None:
    assert client.post(MESSAGES, json={**BODY, "messages": messages}).status_code == 400


@pytest.mark.parametrize("parameter", ["temperature", "top_p", "top_k"])
def test_the_current_messages_version_refuses_sampling(client: httpx2.Client, parameter: str) -> None:
    body = {**BODY, parameter: 1}
    assert client.post(MESSAGES, json=body).status_code == 400
    assert client.post(MESSAGES, json=body, headers={"anthropic-version": "2023-06-01"}).status_code == 200
    assert client.post(CHAT, json=body).status_code == 200


def strict(**change: Any) -> dict[str, Any]:
    properties = {"queue": {"type": "string"}}
    return {
        "type": "object",
        "properties": properties,
        "required": ["queue"],
        "additionalProperties": False,
        **change,
    }


OPEN = {"additionalProperties": True}
OPTIONAL: dict[str, Any] = {"required": []}
BOUNDED = {"properties": {"queue": {"type": "string", "maxLength": 3}}}
LISTED = {"properties": {"queue": {"type": "array", "items": {"type": "object", "properties": {}}}}}


@pytest.mark.parametrize(
    ("change", "status"),
    [({}, 200), (OPEN, 400), (OPTIONAL, 400), (BOUNDED, 400), (LISTED, 400), ({"type": "array"}, 400)],
)
def test_only_a_strict_schema_is_taken(client: httpx2.Client, change: dict[str, Any], status: int) -> None:
    schema = strict(**change)
    described = {"type": "json_schema", "json_schema": {"name": "routed", "strict": True, "schema": schema}}
    assert client.post(CHAT, json={**BODY, "response_format": described}).status_code == status
    config = {"format": {"type": "json_schema", "schema": schema}}
    assert client.post(MESSAGES, json={**BODY, "output_config": config}).status_code == status


@pytest.mark.parametrize(
    ("path", "change"),
    [
        (CHAT, {"response_format": {"type": "yaml"}}),
        (CHAT, {"response_format": {"type": "json_schema"}}),
        (CHAT, {"response_format": {"type": "json_schema", "json_schema": {"name": "a b", "schema": strict()}}}),
        (CHAT, {"tools": [{"name": "route", "input_schema": strict()}]}),
        (MESSAGES, {"response_format": {"type": "json_object"}}),
        (MESSAGES, {"output_config": {"format": {"type": "json_object"}}}),
        (MESSAGES, {"tools": [{"type": "function", "function": {"name": "route"}}]}),
    ],
)
def test_formats_and_tools_of_another_shape_are_refused(
    client: httpx2.Client, path: str, change: dict[str, Any]
) -> None:
    assert client.post(path, json={**BODY, **change}).status_code == 400


def test_messages_need_a_limit_and_a_version(client: httpx2.Client) -> None:
    unlimited = {name: value for name, value in BODY.items() if name != "max_tokens"}
    assert client.post(MESSAGES, json=unlimited).status_code == 400
    assert client.post(CHAT, json=unlimited).status_code == 200
    assert client.post(MESSAGES, json=BODY, headers={"anthropic-version": ""}).status_code == 400


def test_an_answer_beyond_the_limit_is_cut(client: httpx2.Client) -> None:
    body = {**BODY, "max_tokens": 1, "model": "ticket-routing:strong"}
    whole = client.post(CHAT, json=body).json()["choices"][0]
    assert (whole["finish_reason"], len(whole["message"]["content"])) == ("length", 4)
    assert client.post(MESSAGES, json=body).json()["stop_reason"] == "max_tokens"


def test_a_stream_says_what_the_whole_answer_says(client: httpx2.Client) -> None:
    body = {**BODY, "model": "ticket-routing:strong", "max_tokens": 500}
    whole = client.post(CHAT, json=body).json()
    streamed = client.post(CHAT, json={**body, "stream": True}).text
    events = [json.loads(line[6:]) for line in streamed.splitlines() if line.startswith("data: {")]
    text = "".join(choice["delta"].get("content", "") for event in events for choice in event["choices"])
    assert text == whole["choices"][0]["message"]["content"]
    assert events[-1]["usage"] == whole["usage"]
    assert streamed.endswith("data: [DONE]\n\n")


def test_models_are_listed(client: httpx2.Client) -> None:
    listed = client.get("/v1/models").json()["data"]
    assert {each["id"] for each in listed} == {f"ticket-routing{role}" for role in ("", ":strong", ":weak")}


def test_each_request_and_each_answer_is_in_the_log(client: httpx2.Client, log: Path) -> None:
    before = len(log.read_text().splitlines())
    client.post(CHAT, json=BODY)
    client.post(CHAT, json={**BODY, "model": "gpt-9"})
    lines = [json.loads(line) for line in log.read_text().splitlines()[before:]]
    assert [line["event"] for line in lines] == ["received", "completed", "received"]
    assert lines[0]["number"] == lines[1]["number"] < lines[2]["number"]


def test_the_same_question_again_is_a_repeat(rows: Rows) -> None:
    world = load_world("ticket-routing")
    made = Wire(world=world, examples=rows(world), manners=Manners())
    asked = [{"role": "user", "content": rows(world)[0].inputs["ticket"]}]
    with served(made) as url, httpx2.Client(base_url=url) as client:
        for _ in range(2):
            assert client.post(CHAT, json={**BODY, "messages": asked}).status_code == 200
    assert list(made._asked.values()) == [2]


@given(seed=st.integers(), number=st.integers(1, 10_000), share=st.floats(0, 1))
def test_a_fault_is_drawn_by_seed_and_number_alone(seed: int, number: int, share: float) -> None:
    faults = Faults(cut=share)
    assert faults.drawn(seed=seed, number=number) == faults.drawn(seed=seed, number=number)
    assert NO_FAULTS.drawn(seed=seed, number=number) is None
    assert Faults(cut=1.0).drawn(seed=seed, number=number) == "cut"


def test_faults_come_as_often_as_they_should() -> None:
    faults = Faults(rate_limit=0.1, hang=0.2)
    drawn = [faults.drawn(seed=0, number=number) for number in range(5_000)]
    assert drawn.count("rate_limit") == pytest.approx(500, abs=70)
    assert drawn.count("hang") == pytest.approx(1_000, abs=100)


@pytest.mark.parametrize("words", [["fire=0.1"], ["cut"], ["cut=much"], ["cut=2"], ["cut=0.6", "hang=0.6"], ["cut=-1"]])
def test_shares_that_are_none_are_refused(words: list[str]) -> None:
    with pytest.raises(BadInput):
        Faults.read(words)


def test_faults_are_read_by_name() -> None:
    assert Faults.read(["cut=0.25", "hang=0.5"]) == Faults(cut=0.25, hang=0.5)
    assert "rate_limit" in NAMES


def test_a_taken_port_is_one_line() -> None:
    with served(Wire(world=load_world("ticket-routing"), examples=())) as url:
        port = url.rpartition(":")[2]
        ended = CliRunner().invoke(simulate.app, ["serve", "ticket-routing", "--port", port])
    assert isinstance(ended.exception, BadInput)
    assert f"port {port} cannot be had" in str(ended.exception)
