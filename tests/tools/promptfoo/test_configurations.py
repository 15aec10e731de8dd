"""One configuration of each supported shape, in the words of Promptfoo's documentation."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from socratune.memory.errors import BadInput
from socratune.memory.records import Prompt
from socratune.tools.assertions import asserted
from socratune.tools.task_files import LoadedTask, Overrides, load_task
from socratune.tools.task_writer import apply, write_task

SIM = Overrides(target="sim:tickets")
CHAT = '[\n\t{"role": "system", "content": "Be \\u00e9brief."},\n\t{"role": "user", "content": "{{ticket}}"}\n]\n'
TESTS = "- vars: {ticket: Where is it}\n  assert: [{type: equals, value: shipping}]\n"
FILES = {
    "one.md": "Which queue?\n\n{{ ticket }}\n",
    "chat.json": CHAT,
    "tests.csv": "ticket,__expected,__expected2\nWhere is it,shipping,not-contains:x\nPay,icontains: BILLING,\n",
    "tests.yaml": TESTS,
    "more-tests.yaml": TESTS.replace("Where", "When"),
    "tests.json": '[{"vars": {"ticket": "Where is it"}, "assert": [{"type": "equals", "value": "shipping"}]}]',
    "tests.jsonl": '{"vars": {"ticket": "Where is it"}, "assert": [{"type": "equals", "value": "shipping"}]}\n',
    "long.txt": "Where is it\n",
}
PROMPT = "prompts: ['Which queue? {{ticket}}']\n"
INLINE = "tests:\n" + "".join(f"  {line}\n" for line in TESTS.splitlines())


def laid_out(folder: Path, text: str) -> Path:
    for name, content in FILES.items():
        (folder / name).write_text(content)
    path = folder / "promptfooconfig.yaml"
    path.write_text(text)
    return path


def loaded(folder: Path, text: str, overrides: Overrides = SIM) -> LoadedTask:
    return load_task(laid_out(folder, text), overrides=overrides)


def rewards(found: LoadedTask, *outputs: str) -> list[float]:
    return [asserted(output, row).reward for output, row in zip(outputs, found.examples, strict=True)]


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        (PROMPT + INLINE, Prompt(user="Which queue? {{ticket}}")),
        ("prompts: 'Which queue? {{ticket}}'\n" + INLINE, Prompt(user="Which queue? {{ticket}}")),
        ("prompts: file://one.md\n" + INLINE, Prompt(user="Which queue?\n\n{{ticket}}")),
        ("prompts:\n- {id: file://one.md, label: mine}\n" + INLINE, Prompt(user="Which queue?\n\n{{ticket}}")),
        ("prompts:\n- raw: 'Say {x}. {{ticket}}'\n" + INLINE, Prompt(user="Say {x}. {{ticket}}")),
        ("prompts: [file://chat.json]\n" + INLINE, Prompt(system="Be ébrief.", user="{{ticket}}")),
        ("prompts:\n- |\n  " + " ".join(CHAT.split()) + "\n" + INLINE, Prompt(system="Be ébrief.", user="{{ticket}}")),
        (
            "prompts: ['{% raw %}{{\"a\": 1}}{% endraw %} {{ticket}}']\n" + INLINE,
            Prompt(user='{{"a": 1}} {{ticket}}'),
        ),
    ],
)
def test_the_prompt_is_read_in_each_of_its_forms(text: str, prompt: Prompt, tmp_path: Path) -> None:
    assert loaded(tmp_path, text).task.prompt == prompt


@pytest.mark.parametrize(
    "tests", [INLINE, *(f"tests: {name}\n" for name in ("file://tests.yaml", "[tests.json]", "[file://tests.jsonl]"))]
)
def test_tests_are_rows_wherever_they_stand(tests: str, tmp_path: Path) -> None:
    found = loaded(tmp_path, PROMPT + tests)
    assert [(dict(row.inputs), row.expected) for row in found.examples] == [({"ticket": "Where is it"}, "shipping")]
    assert rewards(found, "shipping") == [1]
    assert rewards(found, "Shipping") == [0]


def test_tests_of_several_files_are_all_read(tmp_path: Path) -> None:
    found = loaded(tmp_path, PROMPT + "tests: file://*tests.yaml\n")
    assert [row.inputs["ticket"] for row in found.examples] == ["When is it", "Where is it"]


def test_a_csv_file_says_assertions_in_the_short_form(tmp_path: Path) -> None:
    found = loaded(tmp_path, PROMPT + "tests: file://tests.csv\n")
    assert [row.expected for row in found.examples] == ["should be 'shipping'; should not contain 'x'", "BILLING"]
    assert rewards(found, "shipping", "ask billing") == [1, 1]
    assert rewards(found, "shipping x", "sales") == [0, 0]


def test_what_holds_for_all_tests_is_merged_into_each(tmp_path: Path) -> None:
    text = (
        "prompts: ['{{tone}}: {{ticket}}']\n"
        "defaultTest: {vars: {tone: kind}, assert: [{type: is-json, weight: 3}], threshold: 0.5}\n"
        "tests:\n- vars: {ticket: &long file://long.txt}\n  assert: [{type: contains, value: 'about {{ ticket }}'}]\n"
        "- {vars: {tone: 7, ticket: *long}, assert: [{type: contains-any, value: [a, b]}], threshold: 0}\n"
    )
    found = loaded(tmp_path, text)
    assert [dict(row.inputs) for row in found.examples] == [
        {"tone": "kind", "ticket": "Where is it"},
        {"tone": "7", "ticket": "Where is it"},
    ]
    assert rewards(found, "about Where is it", "") == [0.25, 1]


def test_a_list_may_be_written_with_commas(tmp_path: Path) -> None:
    text = PROMPT + """tests: [{vars: {ticket: a}, assert: [{type: contains-all, value: 'a, "b, c" ,d'}]}]"""
    assert rewards(loaded(tmp_path, text), "dab, c") == [1]
    assert rewards(loaded(tmp_path, text), "dabc") == [0]


def test_plain_values_are_texts_as_promptfoo_reads_them(tmp_path: Path) -> None:
    tests = "tests: [{vars: {ticket: 12:30, b: yes, c: 1.0, d: true}, assert: [{type: equals, value: 010}]}]\n"
    (row,) = loaded(tmp_path, "prompts: ['{{ticket}} {{b}} {{c}} {{d}}']\n" + tests).examples
    assert (dict(row.inputs), row.expected) == ({"ticket": "12:30", "b": "yes", "c": "1", "d": "true"}, "10")


@pytest.mark.parametrize(
    ("providers", "target", "most"),
    [
        ("providers: openai:gpt-4o", "openai:gpt-4o", 512),
        ("providers: [openai:chat:gpt-4o]", "openai:gpt-4o", 512),
        ("targets: [anthropic:messages:claude-x]", "anthropic:claude-x", 512),
        (
            "providers: [{id: openai:m, config: {apiBaseUrl: 'http://localhost:8000/v1', max_tokens: 9}}]",
            "openai:m@http://localhost:8000/v1",
            9,
        ),
        # What follows `openai:chat:` is a name, whatever other kinds of provider are called.
        ("providers: [openai:chat:moderation]", "openai:moderation", 512),
    ],
)
def test_a_provider_is_the_target(providers: str, target: str, most: int, tmp_path: Path) -> None:
    task = loaded(tmp_path, f"{PROMPT}{providers}\n{INLINE}", Overrides()).task
    assert (task.target, task.max_output_tokens) == (target, most)


def test_what_a_target_of_ones_own_takes_the_place_of_is_told(tmp_path: Path) -> None:
    providers = "providers: [{id: openai:m, config: {apiBaseUrl: 'http://localhost:8000/v1', temperature: 0}}]\n"
    said = "--target takes the place of the providers, which are not used, nor its apiBaseUrl, temperature"
    assert loaded(tmp_path, PROMPT + providers + INLINE).notes == (said,)


def test_keys_that_say_how_promptfoo_runs_are_told(tmp_path: Path) -> None:
    found = loaded(tmp_path, PROMPT + INLINE + "description: Route tickets.\nenv: {OPENAI_API_KEY: sk-1}\n")
    assert found.notes == ("env: how Promptfoo runs, which plays no part here",)
    assert found.task.goal == "Route tickets."
    assert "sk-1" not in repr(found)


def complaint(folder: Path, text: str, overrides: Overrides = SIM) -> str:
    with pytest.raises(BadInput) as caught:
        loaded(folder, text, overrides)
    said = str(caught.value)
    assert "\n" not in said
    return said.replace(str(folder / "promptfooconfig.yaml"), "").replace(str(folder), "FOLDER")


def asks(assertion: str) -> str:
    return f"{PROMPT}tests:\n- vars: {{ticket: a}}\n  assert:\n  - {assertion}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prompts: ['{{ticket}}', 'b']\n" + INLINE, ":1: 2 prompts: '{{ticket}}', 'b'; leave the one"),
        ("prompts: [file://p.py]\n" + INLINE, ":1: prompts in .py files are not supported"),
        ("prompts: [file://../one.md]\n" + INLINE, ":1: '../one.md' leads out of the folder"),
        ("prompts: ['{{ticket | upper}}']\n" + INLINE, ":1: the Nunjucks filter '{{ticket | upper}}' is not supported"),
        ("prompts:\n- a\n  {% if x %}{{ticket}}\n" + INLINE, ":2: the Nunjucks tag '{% if x %}' is not supported"),
        ("prompts: ['{{env.KEY}} {{ticket}}']\n" + INLINE, ":1: the Nunjucks expression '{{env.KEY}}' is not"),
        ("prompts: ['Which queue? {ticket}']\n" + INLINE, ":1: the prompt names no variable"),
        ("prompts: ['{{tiket}}']\n" + INLINE, ":1: {{tiket}} in the prompt is no input column; did you mean 'ticket'?"),
        ('prompts: [\'[{"role": "assistant", "content": "{{ticket}}"}]\']\n' + INLINE, ":1: messages of the role"),
        (PROMPT + INLINE + "scenarios: []\n", ":5: 'scenarios' in the configuration is not supported"),
        (PROMPT + INLINE + "nunjucksFilters: {a: b.js}\n", ":5: 'nunjucksFilters' in the configuration is not"),
        (PROMPT + INLINE + "defaultTest: {options: {transform: a}}\n", ":5: 'options' in defaultTest is not supported"),
        (PROMPT + "tests: [{vars: {ticket: [a, b]}}]\n", ":2: the variable 'ticket' is a list of cases"),
        (PROMPT + "tests: [{vars: {ticket: file://a.js}}]\n", ":2: the variable 'ticket' comes from 'file://a.js'"),
        (PROMPT + "tests: [{vars: {ticket: a}}]\n", ":2: the test asserts nothing, so every answer passes"),
        (PROMPT + "providers: [openai:a]\n", ":1: there are no `tests`; add some, or pass them with --data"),
        (PROMPT + "tests: file://tests.js\n", ":2: tests from 'file://tests.js' are not supported"),
        (PROMPT + "tests: promptfooconfig.yaml\n", ":2: a file of tests that names another file is not supported"),
        (PROMPT + "tests: ../tests.csv\n", ":2: 'FOLDER/../tests.csv' lies outside of 'FOLDER'"),
        (asks("{type: python, value: 'True'}"), ":5: the assertion 'python' is not supported; code is not run from a"),
        (asks("{type: javascript, value: 'true'}"), ":5: the assertion 'javascript' is not supported; code is not"),
        (
            PROMPT + INLINE + "defaultTest: {options: {provider: openai:a}}\n",
            ":5: 'options' in defaultTest is not supported; take it out; --judge MODEL names",
        ),
        (
            asks("{type: llm-rubric, value: a, provider: openai:a}"),
            ":5: 'provider' in an assertion is not supported; take it out; --judge MODEL names",
        ),
        (asks("{type: latency, threshold: 9}"), ":5: the assertion 'latency': it is not supported; known are"),
        (asks("{type: similar, value: a}"), ":5: the assertion 'similar': it is not supported; known are equals,"),
        (asks("{type: is-json, value: {type: object}}"), ":5: the assertion 'is-json': a schema is not supported"),
        (asks("{type: equals, value: a, transform: b}"), ":5: 'transform' in an assertion is not supported"),
        (asks("{type: contains, value: 'file://a.txt'}"), ":5: values from 'file://a.txt' are not supported"),
        (asks("{type: contains, value: '{{who}}'}"), ":5: {{who}} is no variable of this test; it has ticket"),
        (asks("{type: equals, value: a, weight: 0}"), ":3: all assertions have the weight 0"),
        (asks("{type: equals, value: a}\n    type: b"), ":6: not valid YAML"),
        (PROMPT + INLINE + "tests: []\n", ":5: key 'tests' is there twice"),
    ],
)
def test_what_is_not_supported_is_named_with_its_line(text: str, said: str, tmp_path: Path) -> None:
    assert complaint(tmp_path, text).startswith(said)


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("one.md", "Which queue?\n\n{{ ticket | upper }}\n", 3),
        ("chat.json", '[\n{"role": "user",\n"content": "Which?\\n{{ ticket | join(\\"é\\") }}"}\n]\n', 3),
    ],
)
def test_code_in_a_prompt_file_is_named_with_its_line(name: str, text: str, line: int, tmp_path: Path) -> None:
    path = laid_out(tmp_path, f"prompts: [file://{name}]\n{INLINE}")
    (tmp_path / name).write_text(text)
    with pytest.raises(BadInput) as caught:
        load_task(path, overrides=SIM)
    assert str(caught.value).startswith(f"{tmp_path / name}:{line}: the Nunjucks filter")


@pytest.mark.parametrize(
    ("providers", "said"),
    [
        ("[openai:a, openai:b]", ":2: 2 providers: 'openai:a', 'openai:b'; name one with --target"),
        ("[openai:completion:a]", ":2: the provider 'openai:completion:a' is not supported; name one with --target"),
        ("[file://mine.py]", ":2: the provider 'file://mine.py' is not supported"),
        ("[openai:moderation]", ":2: the provider 'openai:moderation' is not supported"),
        ("[{id: openai:a, config: {top_p: 0.5}}]", ":2: 'top_p' in config is not supported; take it out, or"),
        (
            "[{id: openai:chat:a, config: {apiBaseUrl: 'http://h/v1', top_p: 0.5}}]",
            ":2: 'top_p' in config is not supported; take it out, or name one with --target openai:a@http://h/v1",
        ),
        (
            "[{id: openai:responses:a, config: {apiBaseUrl: 'http://h/v1'}}]",
            ":2: the provider 'openai:responses:a' is not supported; name one with --target openai:NAME@http://h/v1",
        ),
    ],
)
def test_no_provider_is_taken_silently(providers: str, said: str, tmp_path: Path) -> None:
    text = f"{PROMPT}providers: {providers}\n{INLINE}"
    assert complaint(tmp_path, text, Overrides()).startswith(said)
    assert loaded(tmp_path, text).task.target == "sim:tickets"


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("fn:output", "'fn:output' is a script, and scripts are not run"),
        ("python:True", "the assertion 'python' is not supported; code is not run"),
        ("similar(0.8):x", "the assertion 'similar': it is not supported"),
    ],
)
def test_a_cell_that_is_no_answer_is_not_taken_for_one(cell: str, said: str, tmp_path: Path) -> None:
    path = laid_out(tmp_path, PROMPT + "tests: tests.csv\n")
    (tmp_path / "tests.csv").write_text(f"ticket,__expected\na,{cell}\n")
    with pytest.raises(BadInput) as caught:
        load_task(path, overrides=SIM)
    assert str(caught.value).startswith(f"{tmp_path / 'tests.csv'}:2: {said}")


def test_new_rows_for_a_configuration_are_tests_as_well(tmp_path: Path) -> None:
    text = PROMPT + INLINE + "defaultTest: {assert: [{type: is-json}]}\n"
    found = loaded(tmp_path, text, Overrides(target="sim:t", data=tmp_path / "tests.csv"))
    assert rewards(found, "shipping", "sales") == [2 / 3, 0]


def test_a_prompt_is_written_back_and_nothing_else_changes(tmp_path: Path) -> None:
    text = (
        "# mine\nprompts:\n  - |  # kept\n    Which queue?\n    {{ ticket }}\ntests: &t  # here\n"
        "  - {vars: {ticket: a}, assert: [{type: equals, value: b}]}\n"
    )
    found = loaded(tmp_path, text)
    assert apply(found, Prompt(user='Say {{"a": 1}}.\n{{ticket}}')) == tmp_path / "promptfooconfig.yaml"
    now = (tmp_path / "promptfooconfig.yaml").read_text()
    assert now == text.replace("Which queue?", 'Say {% raw %}{{{% endraw %}"a": 1}}.')
    assert load_task(tmp_path / "promptfooconfig.yaml", overrides=SIM).task.prompt.user == 'Say {{"a": 1}}.\n{{ticket}}'


def test_a_chat_is_written_back_into_its_own_file(tmp_path: Path) -> None:
    found = loaded(tmp_path, "prompts: [file://chat.json]\n" + INLINE)
    assert apply(found, Prompt(system='Say "é".', user="Now: {{ticket}}")) == tmp_path / "chat.json"
    now = (tmp_path / "chat.json").read_text()
    assert now == CHAT.replace("Be \\u00e9brief.", 'Say \\"\\u00e9\\".').replace("{{ticket}}", "Now: {{ticket}}")
    assert (tmp_path / "promptfooconfig.yaml").read_text() == "prompts: [file://chat.json]\n" + INLINE


def test_a_chat_is_written_back_into_the_configuration(tmp_path: Path) -> None:
    text = "prompts:\n- raw: |\n    " + CHAT.replace("\n", "\n    ").rstrip() + "\n  label: mine  # kept\n" + INLINE
    text = text.replace("\t", "  ")
    apply(loaded(tmp_path, text), Prompt(system="Be brief.", user="Now:\n{{ticket}}"))
    now = (tmp_path / "promptfooconfig.yaml").read_text()
    assert now == text.replace("Be \\u00e9brief.", "Be brief.").replace("{{ticket}}", "Now:\\n{{ticket}}")


def test_a_text_file_keeps_its_line_ends(tmp_path: Path) -> None:
    path = laid_out(tmp_path, "prompts: file://one.md\n" + INLINE)
    (tmp_path / "one.md").write_bytes(b"Which?\r\n{{ ticket }}\r\n")
    apply(load_task(path, overrides=SIM), Prompt(user="Which queue?\n{{ticket}}"))
    assert (tmp_path / "one.md").read_bytes() == b"Which queue?\r\n{{ ticket }}\r\n"


def test_a_prompt_that_promptfoo_cannot_hold_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    found = loaded(tmp_path, PROMPT + INLINE)
    with pytest.raises(BadInput, match="the prompt cannot be written here unchanged"):
        apply(found, Prompt(system="Be brief.", user="{{ticket}}"))
    assert (tmp_path / "promptfooconfig.yaml").read_text() == PROMPT + INLINE


def test_a_rubric_is_graded_by_a_judge_who_is_the_optimizer_unless_one_is_named(tmp_path: Path) -> None:
    assert loaded(tmp_path, PROMPT + INLINE).task.judge is None
    text = asks("{type: llm-rubric, value: 'polite about {{ticket}}'}")
    found = loaded(tmp_path, text)
    assert (found.task.judge, found.examples[0].expected) == (
        "sim:tickets:strong",
        "should meet the rubric 'polite about a'",
    )
    named = loaded(tmp_path, text, Overrides(target="sim:tickets", judge="sim:tickets"))
    write_task(tmp_path / "best.yaml", named.task.prompt, named)
    assert load_task(tmp_path / "best.yaml").task.judge == "sim:tickets"


def test_a_task_file_made_of_a_configuration_has_its_rows_and_scores(tmp_path: Path) -> None:
    found = loaded(tmp_path, PROMPT + "tests: [file://tests.csv]\ndefaultTest: {assert: [{type: not-is-json}]}\n")
    run = tmp_path / ".socratune" / "runs" / "a"
    run.mkdir(parents=True)
    write_task(run / "best.yaml", found.task.prompt, found)
    again = load_task(run / "best.yaml")
    assert again.examples == found.examples
    assert json.loads(again.examples[1].checks)["assertions"][0] == {"type": "not-is-json"}


def test_a_prompt_file_is_not_read_through_a_link(tmp_path: Path) -> None:
    path = laid_out(tmp_path, "prompts: [file://link.md]\n" + INLINE)
    (tmp_path / "link.md").symlink_to(tmp_path / "one.md")
    with pytest.raises(BadInput, match="is a link"):
        load_task(path, overrides=SIM)
