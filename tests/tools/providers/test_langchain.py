"""LangChain's chat models as ours: its own fakes, and a real integration over the wire."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage
from langsmith.utils import tracing_is_enabled
from tests.tools.providers.conftest import Serve
from tests.tools.providers.scene import WORLD, Speaker, asked, rows
from tests.tools.providers.test_options import SCHEMA, recorder

from socratune.memory.errors import BadInput, FinalFailure, TransientFailure
from socratune.memory.model_options import ModelOptions
from socratune.memory.usage import Usage
from socratune.tools.models import ANSWER, LanguageModel, check_model, connect
from socratune.tools.price import Price
from socratune.tools.providers.failures import unforeseen
from socratune.tools.providers.langchain import LangChainModel, adapted
from socratune.tools.simulator.faults import Faults
from socratune.tools.simulator.wire import Manners

WIRED = f"langchain:openai:{WORLD}"
OPENAI = Speaker(provider="openai")


def saying(message: AIMessage) -> LanguageModel:
    return adapted(GenericFakeChatModel(messages=iter([message])))


async def test_a_chat_model_answers_under_its_class_and_name() -> None:
    model = adapted(FakeListChatModel(responses=["billing"]))
    assert isinstance(model, LanguageModel)
    reply = await model.complete(asked())
    assert (reply.text, reply.stop_reason) == ("billing", ANSWER)
    assert model.name == "langchain:FakeListChatModel"
    assert model.price is None


def test_a_chat_model_may_be_given_a_price() -> None:
    priced = LangChainModel.around(FakeListChatModel(responses=["billing"]), price=(1.0, 4.0))
    assert priced.price == Price(input=1.0, output=4.0)
    assert priced.name == "langchain:FakeListChatModel"


async def test_what_was_used_is_what_the_integration_says() -> None:
    usage: Any = {"input_tokens": 31, "output_tokens": 7, "total_tokens": 38}
    reply = await saying(AIMessage("billing", usage_metadata=usage)).complete(asked())
    assert (reply.tokens_in, reply.tokens_out) == (31, 7)


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"finish_reason": "stop"}, ANSWER),
        ({"finish_reason": "STOP"}, ANSWER),
        ({"stop_reason": "end_turn"}, ANSWER),
        ({"stopReason": "end_turn"}, ANSWER),
        ({"finish_reason": "length"}, "length"),
        ({"stop_reason": "max_tokens"}, "max_tokens"),
        ({"finish_reason": "SAFETY"}, "SAFETY"),
        ({"finish_reason": "content_filter"}, "content_filter"),
    ],
)
async def test_only_a_natural_end_is_an_answer(metadata: dict[str, str], reason: str) -> None:
    reply = await saying(AIMessage("billing", response_metadata=metadata)).complete(asked())
    assert reply.stop_reason == reason


async def test_an_empty_answer_is_a_failure() -> None:
    usage: Any = {"input_tokens": 31, "output_tokens": 0, "total_tokens": 31}
    with pytest.raises(FinalFailure, match="empty answer") as failed:
        await saying(AIMessage("", usage_metadata=usage)).complete(asked())
    assert failed.value.used == Usage(tokens_in=31, tokens_out=0)  # it was paid for


async def test_a_tool_call_is_scored_as_its_json() -> None:
    call: Any = {"name": "route", "args": {"queue": "billing"}, "id": "1"}
    message = AIMessage("", tool_calls=[call], response_metadata={"finish_reason": "tool_calls"})
    reply = await saying(message).complete(asked())
    assert reply.stop_reason == ANSWER
    assert json.loads(reply.text) == {"name": "route", "arguments": {"queue": "billing"}}


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(BadInput, match="models: a str is no model"):
        adapted("openai:gpt-4o")  # type: ignore[arg-type]  # what a person may write


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")


@pytest.mark.usefixtures("key")
async def test_an_integration_answers_over_the_wire(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = recorder(Manners(key="k"))
    monkeypatch.setenv("OPENAI_BASE_URL", OPENAI.base(serve(made=heard)))
    tool = {"type": "function", "function": {"name": "route", "description": "Routes.", "parameters": SCHEMA}}
    options = ModelOptions(temperature=0.5, tools=(tool,), price=(1.0, 4.0))
    check_model(WIRED, options=options)
    model = connect(WIRED, examples=(), seed=0, options=options)
    reply = await model.complete(asked())
    assert reply.stop_reason == ANSWER
    assert reply.text in {row.expected for row in rows()}
    assert reply.tokens_in > 10
    assert model.price is not None
    body = heard.bodies[0]
    assert (body["max_completion_tokens"], body["temperature"]) == (asked().max_tokens, 0.5)
    assert body["tools"][0]["function"]["name"] == "route"


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        ("rate_limit", TransientFailure, "HTTP 429"),
        ("error", TransientFailure, "HTTP 500"),
        ("reset", TransientFailure, "the connection broke"),
    ],
)
async def test_a_failure_inside_an_integration_is_judged_like_any_other_and_tried_once(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, fault: str, kind: type[Exception], said: str
) -> None:
    heard = recorder(Manners(key="k", faults=Faults(**{fault: 1.0})))
    monkeypatch.setenv("OPENAI_BASE_URL", OPENAI.base(serve(made=heard)))
    model = connect(WIRED, examples=(), seed=0)
    with pytest.raises(Exception) as raised:  # noqa: PT011  # whatever the integration raises
        await model.complete(asked())
    judged = unforeseen(model.name, raised.value)  # as the caller does
    assert isinstance(judged, kind)
    assert said in judged.reason
    assert len(heard.bodies) == 1


def test_what_an_integration_lacks_is_named_before_any_call() -> None:
    for spec, cure in (
        ("langchain:openai:gpt-x", "OPENAI_API_KEY"),
        ("langchain:anthropic:claude-x", "pip install langchain-anthropic"),
        ("langchain:nobody:x", "Unsupported provider"),
    ):
        with pytest.raises(BadInput, match=cure):
            check_model(spec)


@pytest.mark.parametrize("spec", ["langchain:openai", "langchain::x", "langchain:openai:"])
def test_an_integration_needs_a_provider_and_a_name(spec: str) -> None:
    with pytest.raises(BadInput, match="langchain:PROVIDER:NAME"):
        check_model(spec)


@pytest.mark.usefixtures("key")
def test_no_task_file_can_send_an_integrations_key_elsewhere() -> None:
    with pytest.raises(BadInput, match="takes no address"):
        check_model("langchain:openai:gpt-x@http://127.0.0.1:9/v1")
    with pytest.raises(BadInput, match="passes no headers on"):
        check_model("langchain:openai:gpt-x", options=ModelOptions(headers={"x-a": "b"}))


def test_without_langchain_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['langchain'] = None\n"
        "from socratune.tools.models import check_model\n"
        "check_model('langchain:openai:gpt-x')"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'socratune[langchain]'" in ran.stderr


async def test_a_hosts_tracing_does_not_see_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    class Looking(FakeListChatModel):
        def _call(self, *args: Any, **kwargs: Any) -> str:
            seen.append(bool(tracing_is_enabled()))
            return "billing"

    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    await adapted(Looking(responses=[])).complete(asked())
    assert seen == [False]
