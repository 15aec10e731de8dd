from __future__ import annotations

import json
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socratune.memory.errors import BadInput
from socratune.memory.records import Example, ExampleId
from socratune.tools.metrics import METRICS, Score, check_rows, metric_named

CAPITALS = "Which is the capital?\nOptions:\n(A) Berlin\n(B) New York\n(C) York"
EXPECTED = {
    "exact": "billing",
    "choice": "(B)",
    "contains": "billing",
    "regex": r"\bbill\w*",
    "numeric": "#### 1,234.5",
    "json": '{"city": "Bonn", "size": {"km2": 141}, "open": true}',
    "f1": "the cat sat",
    "rouge": "the cat sat",
}


def row(expected: str, question: str = "") -> Example:
    return Example(id=ExampleId("r1"), inputs={"question": question}, expected=expected, group="g1")


def score(name: str, output: str, expected: str, question: str = "", **options: str | float) -> Score:
    return metric_named(name, options)(output, row(expected, question))


def chosen(output: str, expected: str = "(B)", question: str = CAPITALS) -> bool | None:
    """True for right, False for wrong, None for no answer."""
    result = score("choice", output, expected, question)
    return result.reward == 1 if result.parsed else None


@pytest.mark.parametrize("name", METRICS)
@given(output=st.one_of(st.text(), st.text(alphabet='{}[]":,.-+0123456789eE$%()ABanswer is\n`'), st.characters()))
@settings(deadline=None)
def test_no_output_makes_a_metric_raise(name: str, output: str) -> None:
    result = score(name, output, EXPECTED[name], CAPITALS)
    assert 0 <= result.reward <= 1
    assert (result.feedback == "") == (result.reward == 1)
    assert result.parsed or result.reward == 0


HOSTILE = ["9" * 20_000, "1," * 10_000, "(" * 20_000, "answer " * 3_000, " " * 20_000 + "x", "{" * 20_000, "\ud800(B)"]
HOSTILE += [
    '{"city":' * 3_000,
    '{"city":' + "[" * 3_000 + "]" * 3_000 + "}",
    "```" * 7_000,
    "- x\n" * 5_000,
    "-" * 20_000,
]


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("output", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_output_is_scored_at_once(name: str, output: str) -> None:
    started = time.perf_counter()
    assert score(name, output, EXPECTED[name], CAPITALS).reward < 1 or name == "choice"
    assert time.perf_counter() - started < 2


def test_a_field_nested_to_any_depth_is_a_wrong_field() -> None:
    for depth in range(1, 1100):
        assert score("json", '{"a": ' + "[" * depth + "]" * depth + "}", '{"a": 1}').reward == 0


@pytest.mark.parametrize("name", METRICS)
def test_an_empty_output_is_no_answer(name: str) -> None:
    result = score(name, " \n", EXPECTED[name])
    assert (result.reward, result.parsed) == (0, False)
    assert result.feedback.endswith("got nothing")


def test_an_unknown_metric_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(BadInput, match="did you mean 'numeric'"):
        metric_named("numerc", {})


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(BadInput, match="no option 'tolerence'"):
        metric_named("numeric", {"tolerence": 0.1})
    with pytest.raises(BadInput, match="'exact' has no option 'tolerance'"):
        metric_named("exact", {"tolerance": 0.1})


@pytest.mark.parametrize("tolerance", ["much", -1, "nan", "inf"])
def test_a_tolerance_is_a_number_of_at_least_zero(tolerance: str | float) -> None:
    with pytest.raises(BadInput, match="at least 0"):
        metric_named("numeric", {"tolerance": tolerance})


@pytest.mark.parametrize(
    "output", ["billing", " Billing.\n", '"billing".', '"billing."', "`BILLING`", "\u201cbilling\u201d"]
)
def test_exact_forgives_case_quotes_and_a_final_period(output: str) -> None:
    assert score("exact", output, "billing") == Score(reward=1, feedback="")


def test_exact_names_what_was_expected_and_what_came() -> None:
    assert score("exact", "sales", "billing") == Score(reward=0, feedback="expected 'billing', got 'sales'")


def test_exact_takes_prose_for_no_answer() -> None:
    assert not score(
        "exact", "The customer writes about an invoice, therefore this is billing, I think.", "billing"
    ).parsed


@pytest.mark.parametrize(
    "output",
    [
        "(B)",
        "b",
        "B.",
        "**B**",
        "New York",
        "B) New York",
        "The answer is B because of its size.",
        "Berlin (A) is wrong, so the answer is (B).",
        "Answer: **B**",
        "The answer is new york, not York.",
        "(A) is in Germany.\n(C) is in England.\n\n(B)",
        "I would say that it is New York.",
        "First I thought the answer is (A). But no: the answer is option B. I hope this answer helps.",
    ],
)
def test_choice_finds_the_answer_in_prose(output: str) -> None:
    assert chosen(output) is True


@pytest.mark.parametrize("expected", ["B", "(B)", "b", "New York", "(B) New York", "B. New York"])
def test_choice_reads_the_expected_option_in_any_form(expected: str) -> None:
    assert chosen("(B)", expected) is True
    assert chosen("the answer is C", expected) is False


@pytest.mark.parametrize(
    "output", ["It is (A) or (B).", "Either Berlin or New York.", "I do not know.", "The answer is not (A) but (B)."]
)
def test_choice_counts_several_unmarked_options_as_no_answer(output: str) -> None:
    assert chosen(output) is None


def test_choice_knows_options_without_letters() -> None:
    question = "Is it so?\nOptions:\n- Yes\n- No"
    assert chosen("No.", "No", question) is True
    assert chosen("The answer is yes.", "No", question) is False
    assert chosen("Let me think.\nNo", "No", question) is True


def test_choice_without_options_still_reads_letters_and_not_the_pronoun() -> None:
    assert chosen("My answer: I think (B).", "B", "") is True
    assert chosen("The answer is D.", "B", "") is False


def test_choice_without_options_or_letter_compares_whole_labels() -> None:
    assert chosen("sales", "sales", "") is True
    assert chosen("not sales", "sales", "") is False


def test_contains_ignores_case() -> None:
    assert score("contains", "Send it to BILLING now", "billing").reward == 1
    assert score("contains", "Send it to sales", "billing").feedback == (
        "expected 'billing' to occur, got 'Send it to sales'"
    )


def test_regex_searches_the_output() -> None:
    assert score("regex", "ref AB-12", r"[A-Z]{2}-\d+").reward == 1
    assert score("regex", "ref 12", r"[A-Z]{2}-\d+").reward == 0


def test_regex_reads_no_further_than_its_bound() -> None:
    assert score("regex", "x" * 20_000 + "needle", "needle").reward == 0


@pytest.mark.parametrize("pattern", ["(", "a{2,1}", "[z-a]", "(a+)+$", r"(\w*\s?)*x", "a{99999999999}"])
def test_a_pattern_that_cannot_be_used_names_its_row(pattern: str) -> None:
    with pytest.raises(BadInput, match="row r1"):
        check_rows("regex", [row(pattern)])


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("The total is $1,234.50.", "1234.5"),
        ("18.", "She earns 9 * 2 = 18 dollars.\n#### 18"),
        ("So 12 % or 12%", "12"),
        ("-$5", "-5"),
        ("it drops by \u22123.5 degrees", "-3.5"),
        ("from 10-20", "20"),
        ("1e3", "1000"),
        ("0.3333333", "0.33333333"),
        (".5", "0.5"),
    ],
)
def test_numeric_compares_the_last_numbers(output: str, expected: str) -> None:
    assert score("numeric", output, expected).reward == 1


def test_numeric_tells_neighbouring_large_whole_numbers_apart() -> None:
    assert score("numeric", "12345678", "12345679").feedback == "expected 12345679, got 12345678"
    assert score("numeric", "12345678", "12345679", tolerance=1e-6).reward == 1


def test_numeric_takes_a_tolerance() -> None:
    assert score("numeric", "about 3.1", "3.14", tolerance="0.05").reward == 1
    assert score("numeric", "about 3.1", "3.14", tolerance=0.0).reward == 0


def test_numeric_without_a_number_is_no_answer() -> None:
    assert not score("numeric", "eighteen", "18").parsed


def test_json_shares_the_reward_over_fields_and_names_the_faulty_ones() -> None:
    result = score("json", '{"a": 1, "b": 3, "d": 0}', '{"a": 1, "b": 2, "c": null}')
    assert result.reward == pytest.approx(1 / 4)
    assert result.feedback == "misses 'c'; 'b' should be 2, is 3; 'd' is not asked for"


@pytest.mark.parametrize("wrapped", ["{}", "```json\n{}\n```", "Here it is:\n```\n{}\n```\nDone {{}}.", "Sure: {}"])
def test_json_is_found_fenced_or_in_prose(wrapped: str) -> None:
    assert score("json", wrapped.replace("{}", '{"a": [1, 2.0]}', 1), '{"a": [1, 2]}').reward == 1


@pytest.mark.parametrize("output", ['[{"a": 1}]', '"a"', "{a: 1}", "a = 1", "3"])
def test_json_that_is_no_object_is_no_answer(output: str) -> None:
    assert not score("json", output, '{"a": 1}').parsed


def test_json_does_not_take_true_for_one() -> None:
    assert score("json", '{"a": true}', '{"a": 1}').reward == 0


@given(st.dictionaries(st.text(), st.one_of(st.integers(), st.booleans(), st.text(), st.none()), min_size=1))
@settings(deadline=None)
def test_json_passes_on_the_expected_object_itself(value: dict[str, object]) -> None:
    assert score("json", json.dumps(value), json.dumps(value)).reward == 1


def test_f1_counts_shared_words_without_articles_and_punctuation() -> None:
    assert score("f1", "A cat, sat!", "the cat sat").reward == 1
    assert score("f1", "the cat ran away", "the cat sat").reward == pytest.approx(2 / 5)
    assert score("f1", "dogs", "the cat sat").reward == 0


@pytest.mark.parametrize(
    ("name", "expected"), [("contains", " "), ("numeric", "many"), ("json", "[1]"), ("json", "{}"), ("json", "no")]
)
def test_an_expected_output_the_metric_cannot_use_names_its_row(name: str, expected: str) -> None:
    with pytest.raises(BadInput, match="row r1"):
        check_rows(name, [row(expected)])


def test_usable_rows_are_accepted() -> None:
    for name, expected in EXPECTED.items():
        check_rows(name, [row(expected)])


def test_rouge_counts_words_in_their_order_and_its_variants_words_or_pairs() -> None:
    # Four words against four, three of them shared; in order "the cat sat" is common; one pair of three is shared.
    output, expected = "down the cat sat", "the cat ran sat"
    assert score("rouge", output, expected).reward == pytest.approx(2 * 0.75 * 0.75 / 1.5)
    assert score("rouge", output, expected, variant="rouge1").reward == pytest.approx(0.75)
    assert score("rouge", output, expected, variant="rouge2").reward == pytest.approx(1 / 3)


def test_rouge_passes_the_expected_text_in_any_script_and_of_any_length() -> None:
    for text in ("привет мир", "こんにちは", "one"):
        for variant in ("rougeL", "rouge1", "rouge2"):
            assert score("rouge", text, text, variant=variant).reward == 1
    assert score("rouge", "привет", "привет мир").reward == pytest.approx(2 / 3)


def test_rouge_has_three_variants() -> None:
    with pytest.raises(BadInput, match="variant is 'rougeW'; known are rougeL, rouge1, rouge2"):
        metric_named("rouge", {"variant": "rougeW"})


def test_rouge_without_its_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rouge_score", None)
    with pytest.raises(BadInput, match=r"pip install 'socratune\[rouge\]'"):
        metric_named("rouge", {})
