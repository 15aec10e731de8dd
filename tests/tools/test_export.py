"""What is exported is read back with the tool that it is for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from langchain_core.load import load
from langchain_core.messages import BaseMessage
from langchain_core.prompts import ChatPromptTemplate

from socratune.memory.errors import BadInput
from socratune.memory.model_options import ModelOptions
from socratune.memory.records import Demo, Example, ExampleId, Message, Prompt, Task
from socratune.tools.assertions import Assertion, Checks, asserted
from socratune.tools.export import FORMS
from socratune.tools.metrics import metric_named
from socratune.tools.task_files import LoadedTask, Overrides, load_task
from socratune.tools.template import messages

TEXTS = [
    *(
        "Where is it?",
        "",
        " ",
        "a {b} c",
        "{",
        "}",
        "{{",
        "}}",
        "{{ticket}}",
        "{{ other }}",
        "{% raw %}",
        "{% endraw %}",
    ),
    *(
        "{# no #}",
        '{"a": {"b": [1]}}',
        'it\'s "quoted"',
        "back\\slash",
        "ünïcode 🙂 \u2028",
        "two\nlines\n",
        "file://x.txt",
    ),
    *("{{{{", "{{{", "- yes: #1", "12:30", "<b>{{ x | upper }}</b>", "%s %(x)s $x ${x}"),
]
PROMPTS = [
    Prompt(user="Which queue? {{ticket}}"),
    Prompt(system='Answer as {"queue": {"id": 1}}, {{"x"}} or {% x %}.', user="{{{ticket}}} {\n{{ticket}}\n{"),
    Prompt(system="Sort it. {"),
    Prompt(system="Be brief.", user="{{ticket}}", demos=(Demo(inputs={"ticket": "{{ticket}} {a}"}, output="{b}"),)),
]


def task(prompt: Prompt, metric: str = "exact") -> Task:
    return Task(
        name="t", goal="g", prompt=prompt, variables=("ticket",), metric=metric, target="openai:m", optimizer="openai:m"
    )


def row(number: int, text: str, expected: str = "x", checks: str = "") -> Example:
    return Example(
        id=ExampleId(f"r{number}"), inputs={"ticket": text}, expected=expected, group=str(number), checks=checks
    )


ROWS = [row(number, text) for number, text in enumerate(TEXTS, 1)]


def as_ours(turn: BaseMessage) -> Message:
    roles = {"system": "system", "human": "user", "ai": "assistant"}
    return Message(role=roles[turn.type], content=str(turn.content))  # type: ignore[arg-type]  # the three roles


@pytest.mark.filterwarnings("ignore:The function `load` is in beta")
@pytest.mark.parametrize("prompt", PROMPTS)
def test_langchain_sends_the_same_messages(prompt: Prompt) -> None:
    exported = FORMS["langchain"](task(prompt), prompt, ROWS)
    chat = load(json.loads(exported.text), allowed_objects="core")
    assert isinstance(chat, ChatPromptTemplate)
    for each in ROWS:
        sent = tuple(as_ours(turn) for turn in chat.format_messages(**each.inputs))
        assert sent == messages(prompt, each.inputs)


def read_back(folder: Path, text: str) -> LoadedTask:
    path = folder / "promptfooconfig.yaml"
    path.write_text(text, encoding="utf-8")
    return load_task(path)


@pytest.mark.parametrize("prompt", PROMPTS[:3])
def test_a_configuration_reads_back_as_the_same_messages(prompt: Prompt, tmp_path: Path) -> None:
    exported = FORMS["promptfoo"](task(prompt), prompt, ROWS)
    found = read_back(tmp_path, exported.text)
    assert (found.task.goal, found.task.target, found.task.max_output_tokens) == ("g", "openai:m", 512)
    for mine, theirs in zip(ROWS, found.examples, strict=True):
        assert messages(found.task.prompt, theirs.inputs) == messages(prompt, mine.inputs)


@pytest.mark.parametrize(
    ("metric", "expected", "outputs"),
    [
        ("exact", "billing {{x}}", ("billing {{x}}", "sales")),
        ("contains", "Billing", ("to billing", "sales")),
        ("regex", "^b\\{{2}$", ("b{{", "sales", "b{2}")),
    ],
)
def test_the_exported_metric_gives_the_same_scores(
    metric: str, expected: str, outputs: tuple[str, ...], tmp_path: Path
) -> None:
    mine = row(1, "a", expected)
    (theirs,) = read_back(tmp_path, FORMS["promptfoo"](task(PROMPTS[0], metric), PROMPTS[0], [mine]).text).examples
    for output in outputs:
        assert asserted(output, theirs).reward == metric_named(metric, {})(output, mine).reward


def test_assertions_of_a_row_are_exported_as_they_are(tmp_path: Path) -> None:
    checks = Checks(
        assertions=(
            Assertion(type="not-contains", value="{{a}}", weight=2),
            Assertion(type="contains-any", value=["{%", "b"]),
            Assertion(type="equals", value={"a": [1]}),
            Assertion(type="is-json"),
        ),
        threshold=0.5,
    )
    mine = row(1, "a", checks.expected, checks.as_text())
    exported = FORMS["promptfoo"](task(PROMPTS[0], "assert"), PROMPTS[0], [mine])
    assert exported.lost == ()
    assert read_back(tmp_path, exported.text).examples[0].checks == mine.checks


def test_what_promptfoo_cannot_hold_is_said() -> None:
    simulated = Task(
        name="t", goal="", prompt=PROMPTS[3], variables=("ticket",), metric="f1", target="sim:t", optimizer="x"
    )
    exported = FORMS["promptfoo"](simulated, PROMPTS[3], ROWS[:1])
    assert exported.lost == (
        "the metric 'f1' has no assertion like it; add your own to the tests",
        "the target 'sim:t' is no provider of Promptfoo; add `providers:`",
        "the worked examples are turns of the chat; socratune cannot read those back",
    )


@pytest.mark.parametrize(("form", "name"), [("promptfoo", "the ticket"), ("langchain", "ticket.text")])
def test_a_variable_that_the_form_cannot_name_is_refused(form: str, name: str) -> None:
    prompt = Prompt(user=f"{{{{{name}}}}}")
    odd = Task(name="t", goal="", prompt=prompt, variables=(name,), metric="exact", target="openai:m", optimizer="x")
    with pytest.raises(BadInput, match=f"cannot name the variable '{name}'"):
        FORMS[form](odd, prompt, [])


def test_text_and_json_say_the_prompt_as_it_is() -> None:
    assert FORMS["text"](task(PROMPTS[0]), PROMPTS[0], []).text == "Which queue? {{ticket}}\n"
    assert FORMS["text"](task(PROMPTS[2]), PROMPTS[2], []).text == "Sort it. {\n"
    both = Prompt(system="Be brief.", user="{{ticket}}")
    assert FORMS["text"](task(both), both, []).text == "--- system ---\nBe brief.\n\n--- user ---\n{{ticket}}\n"
    found = json.loads(FORMS["json"](task(PROMPTS[3]), PROMPTS[3], []).text)
    assert found == PROMPTS[3].as_dict() | {"variables": ["ticket"]}


def test_an_exported_configuration_has_a_model_of_its_own_address(tmp_path: Path) -> None:
    local = Task(
        name="t", goal="", prompt=PROMPTS[0], variables=("ticket",), metric="exact", optimizer="x",
        target="openai:chat@b@http://localhost:1/v1", max_output_tokens=9,
        options={"target": ModelOptions(temperature=0, tools=({"type": "function"},))},
    )  # fmt: skip
    exported = FORMS["promptfoo"](local, PROMPTS[0], ROWS[:1])
    found = read_back(tmp_path, exported.text).task
    assert (found.target, found.max_output_tokens) == (local.target, 9)
    assert found.options["target"].temperature == 0
    assert "the target is also sent tools; add that to the provider's config" in exported.lost
    unsaid = FORMS["promptfoo"](replace(local, max_output_tokens=512), PROMPTS[0], ROWS[:1])
    assert "max_tokens" not in unsaid.text
    assert load_task(tmp_path / "promptfooconfig.yaml", overrides=Overrides(target="sim:t")).task.target == "sim:t"
