"""The long form of a model in a task file, read and written back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from socratune.memory.errors import BadInput
from socratune.memory.model_options import ModelOptions
from socratune.tools.model_form import prices_of
from socratune.tools.task_files import AS_WRITTEN, LoadedTask, Overrides, load_task
from socratune.tools.task_writer import write_task

REST = "prompt: 'Which queue? {{ticket}}'\ndata: tickets.csv\nexpected: queue\nmetric: exact\n"
FULL = """\
target:
  model: gpt-4.1
  base_url: https://gateway.corp:8443/v1
  temperature: 0
  max_tokens: 90
  response_format: {type: json_object}
  tools: [{type: function, function: {name: route}}]
  headers: {X-Tenant: desk}
  price: {input: 1, output: 4}
"""
SENT = ModelOptions(
    temperature=0.0,
    response_format={"type": "json_object"},
    tools=({"type": "function", "function": {"name": "route"}},),
    headers={"X-Tenant": "desk"},
    price=(1.0, 4.0),
)


def loaded(folder: Path, models: str, overrides: Overrides = AS_WRITTEN) -> LoadedTask:
    (folder / "tickets.csv").write_text("ticket,queue\nWhere is it?,shipping\nPay me.,billing\n")
    path = folder / "task.yaml"
    path.write_text(REST + models)
    return load_task(path, overrides=overrides)


def test_the_long_form_is_a_specification_and_its_options(tmp_path: Path) -> None:
    task = loaded(tmp_path, FULL).task
    assert task.target == "openai:gpt-4.1@https://gateway.corp:8443/v1"
    assert task.options["target"] == SENT
    assert task.max_output_tokens == 90


def test_an_optimizer_that_nobody_named_shares_address_and_price_alone(tmp_path: Path) -> None:
    task = loaded(tmp_path, FULL).task
    assert task.optimizer == task.target
    assert task.options["optimizer"] == ModelOptions(headers={"X-Tenant": "desk"}, price=(1.0, 4.0))


@pytest.mark.parametrize(
    ("written", "spec"),
    [
        ("gpt-4.1", "openai:gpt-4.1"),
        ("o4-mini", "openai:o4-mini"),
        ("claude-sonnet-4-5", "anthropic:claude-sonnet-4-5"),
        ("anthropic:claude-x", "anthropic:claude-x"),
        ("'llama3:8b', base_url: 'http://localhost:11434/v1'", "openai:llama3:8b@http://localhost:11434/v1"),
        ("'claude-x', base_url: 'http://localhost:1'", "openai:claude-x@http://localhost:1"),
        ("'anthropic:x', base_url: 'http://localhost:1'", "anthropic:x@http://localhost:1"),
    ],
)
def test_a_bare_name_is_its_makers_or_speaks_openais_protocol_at_another_address(
    tmp_path: Path, written: str, spec: str
) -> None:
    assert loaded(tmp_path, f"target: {{model: {written}}}\n").task.target == spec


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ("target: {modell: gpt-4.1}\n", "unknown key 'target.modell'; did you mean 'model'?"),
        ("target: {model: gpt-4.1, temprature: 1}\n", "unknown key 'target.temprature'; did you mean 'temperature'?"),
        ("target: {temperature: 1}\n", "target.model: Field required"),
        ("target: {model: mistery}\n", "target: whose model 'mistery' is, is not known"),
        ("target: {model: gpt-4.1, price: {in: 1}}\n", "'input'?"),
        ("target: {model: gpt-4.1, price: {input: -1, output: 2}}\n", "target.price.input: -1 cannot be used"),
        ("target: {model: gpt-4.1, temperature: 3}\n", "target.temperature: 3 cannot be used"),
        ("target: {model: gpt-4.1, response_format: {type: yaml}}\n", "response_format has no type; write one of text"),
        ("target: {model: gpt-4.1, base_url: 'http://u:hush@h'}\n", "target: base_url: the address cannot be used"),
        ("target: {model: 'openai:m@http://h', base_url: 'http://h'}\n", "target: the address is there twice"),
        ("target: {model: 'sim:tickets', base_url: 'http://h'}\n", "'sim:tickets' takes no base_url"),
        ("target: [gpt-4.1]\n", "target: is no model; write openai:NAME"),
        ("target: {model: gpt-4.1, headers: {Authorization: hush}}\n", "the header 'Authorization' carries a key"),
        ("target: {model: gpt-4.1, headers: {x-goog-api-key: hush}}\n", "'x-goog-api-key' carries a key"),
        ("target: {model: gpt-4.1, headers: {Cookie: hush}}\n", "'Cookie' carries a key"),
        ("target: {model: gpt-4.1, headers: {X-Note: sk-hush}}\n", "'X-Note' carries a key"),
        ("target: {model: gpt-4.1, headers: {Host: api.evil}}\n", "'Host' belongs to the connection"),
        ('target: {model: gpt-4.1, headers: {X-A: "a\\r\\nhush: b"}}\n', "'X-A' cannot be sent as a header"),
        ("target: {model: gpt-4.1, headers: {X-A: 5551}}\n", "is no mapping of names to texts"),
        ("target: {model: gpt-4.1, max_tokens: 9}\nmax_output_tokens: 8\n", "max_tokens is 9 and max_output_tokens 8"),
        ("target: {model: claude-x, temperature: 1}\n", "task.yaml:5: anthropic:claude-x takes no sampling parameters"),
        (
            "target: {model: 'openai:o3', temperature: 0}\n",
            "task.yaml:5: openai:o3 refuses temperature 0; leave it out",
        ),
        (
            "target: {model: 'sim:tickets', temperature: 0}\n",
            "task.yaml:5: sim:tickets knows no temperature but its own",
        ),
        ("target: gpt-4.1\noptimizer: {model: gpt-4.1, tools: [{a: b}]}\n", "optimizer: agents hold no tools"),
        (
            "target: gpt-4.1\noptimizer: {model: gpt-4.1, response_format: {type: json_object}}\n",
            "optimizer: agents answer in forms of their own",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line_that_repeats_no_secret(tmp_path: Path, models: str, said: str) -> None:
    with pytest.raises(BadInput) as refused:
        loaded(tmp_path, models)
    line = str(refused.value)
    assert said in line
    assert line.startswith(f"{tmp_path / 'task.yaml'}:")
    assert not any(each in line for each in ("hush", "5551", "\n"))


def test_the_same_length_may_be_written_twice(tmp_path: Path) -> None:
    assert (
        loaded(tmp_path, "target: {model: gpt-4.1, max_tokens: 9}\nmax_output_tokens: 9\n").task.max_output_tokens == 9
    )


def test_a_prompt_is_written_down_with_the_long_form_as_it_was(tmp_path: Path) -> None:
    first = loaded(tmp_path, FULL)
    write_task(tmp_path / "best.yaml", first.task.prompt, first)
    again = load_task(tmp_path / "best.yaml")
    assert again.source.document.written["target"] == first.source.document.written["target"]
    assert again.task == replace(first.task, name=again.task.name)


def test_a_price_from_the_command_line_is_written_into_the_long_form(tmp_path: Path) -> None:
    first = loaded(tmp_path, FULL, Overrides(prices={"target": (2.0, 8.0)}))
    write_task(tmp_path / "best.yaml", first.task.prompt, first)
    again = load_task(tmp_path / "best.yaml")
    assert again.task.options == first.task.options
    before, after = (each.source.document.written["target"] for each in (first, again))
    assert isinstance(before, dict)
    assert after == {**before, "price": {"input": 2.0, "output": 8.0}}


def test_another_model_is_written_down_without_the_options_of_the_first(tmp_path: Path) -> None:
    overrides = Overrides(target="openai:gpt-4o", prices={"target": (2.0, 8.0)})
    first = loaded(tmp_path, FULL, overrides)
    assert first.task.options == {"target": ModelOptions(price=(2.0, 8.0)), "optimizer": ModelOptions(price=(2.0, 8.0))}
    assert (
        "openai:gpt-4o takes the place of openai:gpt-4.1@https://gateway.corp:8443/v1, whose options" in first.notes[0]
    )
    write_task(tmp_path / "best.yaml", first.task.prompt, first)
    again = load_task(tmp_path / "best.yaml").task
    assert (again.target, again.options, again.max_output_tokens) == (first.task.target, first.task.options, 90)


def test_a_price_is_the_targets_unless_a_role_is_named() -> None:
    assert prices_of(["1,4", "optimizer = $0.5, 2"]) == {"target": (1.0, 4.0), "optimizer": (0.5, 2.0)}


@pytest.mark.parametrize("given", [["1"], ["1,2,3"], ["-1,2"], ["nan,1"], ["planner=1,2"], ["1,4", "target=1,4"]])
def test_a_price_that_is_none_is_refused(given: list[str]) -> None:
    with pytest.raises(BadInput, match="--price"):
        prices_of(given)
