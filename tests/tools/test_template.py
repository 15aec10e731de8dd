from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socratune.memory.records import Demo, Message, Prompt
from socratune.tools import template

COLUMNS = ("ticket", "order id", "größe", "a-b")
SCRAPS = (
    *("{", "}", "{{", "}}", "%", "%s", "$", "$ticket", '{"a": 1}', "\\frac{1}{2}", "🙂", "\n", " ", "|", "{% if x %}"),
    *("ticket", "order id", "a", "{0}", "{}", "{ticket", "ticket}"),
)
literals = st.lists(st.one_of(st.sampled_from(SCRAPS), st.text(max_size=5)), max_size=8).map("".join)
values = st.one_of(literals, st.sampled_from([f"{{{{{name}}}}}" for name in COLUMNS]))
plain = literals.map(lambda text: text.replace("{", "").replace("}", ""))


def texts_with(opening: str, closing: str, between: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Texts with at least one placeholder, whose ends cannot be taken for part of a brace next to them."""
    holes = st.sampled_from([f"{opening}{name}{closing}" for name in COLUMNS])
    pairs = st.lists(st.tuples(between, holes), min_size=1, max_size=5)
    return st.builds(lambda found, last: "".join(a + b for a, b in found) + last, pairs, between)


def reference_fill(text: str, inputs: dict[str, str]) -> str:
    """Walk through the text character by character; nothing that was inserted is looked at."""
    done, at = [], 0
    while at < len(text):
        hit = next((name for name in inputs if text.startswith(f"{{{{{name}}}}}", at)), None)
        done.append(text[at] if hit is None else inputs[hit])
        at += 1 if hit is None else len(hit) + 4
    return "".join(done)


@given(
    text=st.one_of(literals, texts_with("{{", "}}", literals)),
    inputs=st.dictionaries(st.sampled_from(COLUMNS), values),
)
def test_filling_agrees_with_a_walk_through_the_text(text: str, inputs: dict[str, str]) -> None:
    assert template.fill(text, inputs) == reference_fill(text, inputs)


@given(text=literals)
def test_a_text_is_kept_to_the_letter_when_nothing_is_to_be_filled_in(text: str) -> None:
    assert template.fill(text, {}) == text


def test_an_inserted_value_is_never_scanned_again() -> None:
    assert template.fill("{{a}} {{b}}", {"a": "{{b}}", "b": "{{a}}"}) == "{{b}} {{a}}"


@given(text=texts_with("{{", "}}", plain))
def test_a_native_text_reads_as_itself(text: str) -> None:
    assert template.read(text, COLUMNS) == (text, "native")


@given(text=texts_with("{{ ", " }}", plain))
def test_a_jinja_text_is_written_back_to_the_letter(text: str) -> None:
    native, style = template.read(text, COLUMNS)
    assert (style, template.write(native, style, COLUMNS)) == ("jinja", text)


@given(text=texts_with("{", "}", st.one_of(plain, st.just(" {{x}} "), st.just(' {{"a": 1}} '))))
def test_an_fstring_text_is_written_back_to_the_letter(text: str) -> None:
    native, style = template.read(text, COLUMNS)
    assert (style, template.write(native, style, COLUMNS)) == ("fstring", text)


@given(text=texts_with("{", "}", st.one_of(plain, st.just(' {"a": 1} '), st.just(" {{x}} "), st.just(" } "))))
def test_single_braces_are_written_back_to_the_letter_beside_any_json(text: str) -> None:
    native, style = template.read(text, COLUMNS)
    assert style in ("fstring", "braces")
    assert template.write(native, style, COLUMNS) == text


@given(text=literals)
def test_reading_any_text_leaves_a_native_one(text: str) -> None:
    native, style = template.read(text, COLUMNS)
    if style != "native":
        assert template.read(native, COLUMNS) == (native, "native")
        assert template.read(template.write(native, style, COLUMNS), COLUMNS)[0] == native


@given(text=texts_with("{", "}", plain), inputs=st.fixed_dictionaries(dict.fromkeys(COLUMNS, values)))
def test_an_fstring_text_fills_like_format(text: str, inputs: dict[str, str]) -> None:
    native, _ = template.read(text, COLUMNS)
    assert template.fill(native, inputs) == text.format_map(inputs)


@pytest.mark.parametrize(
    ("text", "native", "style"),
    [
        ("Route {ticket}", "Route {{ticket}}", "fstring"),
        ('Answer {{"q": 1}} for {ticket}', 'Answer {"q": 1} for {{ticket}}', "fstring"),
        ('Answer {"q": 1} for {ticket}', 'Answer {"q": 1} for {{ticket}}', "braces"),
        ("Route {{ ticket }}", "Route {{ticket}}", "jinja"),
        ("Route {{ticket}} and {ticket}", "Route {{ticket}} and {ticket}", "native"),
        ("Route {other}", "Route {other}", "native"),
        ("{{{{ticket}}}}", "{{{{ticket}}}}", "native"),
        ("{{ticket}} {{ a-b }}", "{{ticket}} {{a-b}}", "jinja"),
    ],
)
def test_a_file_is_recognised_by_its_placeholders(text: str, native: str, style: str) -> None:
    assert template.read(text, COLUMNS) == (native, style)


def test_variables_come_in_order_of_first_use() -> None:
    assert template.variables("{{a-b}} {{ticket}} {{a-b}} {{other}}", COLUMNS) == ("a-b", "ticket")


def test_a_name_in_double_braces_that_is_no_column_is_reported() -> None:
    assert template.unknown("{{tiket}} {{ticket}} {{ foo }} {{ ticket | upper }}", COLUMNS) == (
        *("tiket", "foo", "ticket | upper"),
    )


@pytest.mark.parametrize("text", ['{{"a": 1}}', "{{1}}", "{{}}", "{ {ticket} }", "\\frac{{1}}{{2}}"])
def test_braces_around_no_name_are_left_alone(text: str) -> None:
    assert template.unknown(text, COLUMNS) == ()


def test_a_long_run_of_open_braces_is_read_in_no_time() -> None:
    text = "{{ a" + " " * 50_000 + "{{" * 50_000
    assert template.unknown(text, COLUMNS) == ()
    assert template.read(text, COLUMNS) == (text, "native")


def test_a_row_becomes_system_demos_and_user_turns() -> None:
    prompt = Prompt(
        system="Be brief, {{ticket}}.",
        user="Q: {{ticket}}",
        demos=(Demo(inputs={"ticket": "lost {{ticket}}"}, output="shipping"),),
    )
    assert template.messages(prompt, {"ticket": "refund"}) == (
        Message(role="system", content="Be brief, refund."),
        Message(role="user", content="Q: lost {{ticket}}"),
        Message(role="assistant", content="shipping"),
        Message(role="user", content="Q: refund"),
    )


def test_without_a_user_template_one_input_stands_alone() -> None:
    assert template.messages(Prompt(system="Sort."), {"ticket": "a\nb"})[1].content == "a\nb"


def test_without_a_user_template_several_inputs_are_named() -> None:
    turns = template.messages(Prompt(system="Sort."), {"ticket": "a", "order id": "7"})
    assert turns[1].content == "ticket: a\norder id: 7"


def test_without_a_system_template_there_is_no_system_message() -> None:
    assert [turn.role for turn in template.messages(Prompt(user="{{ticket}}"), {"ticket": "a"})] == ["user"]


def test_length_counts_every_message_and_no_row() -> None:
    demo = Demo(inputs={"ticket": "lost" * 4}, output="shipping")
    prompt = Prompt(system="a" * 8, user="b" * 4 + "{{ticket}}", demos=(demo,))
    assert template.length(prompt, ("ticket",)) == 2 + (1 + 4) + 2 + 1
