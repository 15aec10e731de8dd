from __future__ import annotations

import pytest
from tests.fakes import request

from socratune.memory.errors import BadInput
from socratune.tools.models import ScriptedModel, check_model, connect, world_name
from socratune.tools.price import Price


@pytest.mark.parametrize("spec", ["gpt-4", "nobody:gpt-4", "", "sim", "SIM:ticket-routing"])
def test_a_model_that_nobody_provides_is_refused_with_the_form_of_a_name(spec: str) -> None:
    for refuse in (check_model, lambda each: connect(each, examples=(), seed=0)):
        with pytest.raises(BadInput, match="sim:WORLD"):
            refuse(spec)


def test_a_world_that_does_not_exist_is_refused() -> None:
    with pytest.raises(BadInput, match="nowhere"):
        check_model("sim:nowhere")


@pytest.mark.parametrize("spec", ["sim:ticket-routing", "sim:ticket-routing:strong", "sim:ticket-routing:weak"])
def test_a_simulated_model_has_the_name_of_its_specification_and_a_price(spec: str) -> None:
    check_model(spec)
    model = connect(spec, examples=(), seed=0)
    assert model.name == spec
    assert model.price is not None
    assert world_name(spec) == "ticket-routing"


def test_a_price_is_for_a_million_tokens() -> None:
    assert Price(input=2.0, output=10.0).cost(tokens_in=500_000, tokens_out=100_000) == 2.0


async def test_a_scripted_model_answers_from_the_request_and_counts_words() -> None:
    model = ScriptedModel(answer=lambda asked: f"You said {asked.messages[0].content}")
    reply = await model.complete(request("go on"))
    assert (reply.text, reply.stop_reason) == ("You said go on", "stop")
    assert (reply.tokens_in, reply.tokens_out) == (2, 4)
