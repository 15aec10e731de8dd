from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from socratune.memory.errors import BadInput
from socratune.memory.records import Example, ExampleId
from socratune.tools.assertions import HOLDS, Assertion, Checks, asserted, checks_of, judgements, measured, weighed


def row(*assertions: Assertion, threshold: float | None = None) -> Example:
    checks = Checks(assertions=assertions, threshold=threshold)
    return Example(id=ExampleId("r1"), inputs={"q": "a"}, expected=checks.expected, group="g", checks=checks.as_text())


SAYS_X = Assertion(type="contains", value="x")
SAYS_Y = Assertion(type="contains", value="y", weight=3)


@pytest.mark.parametrize(
    ("kind", "value", "holding", "failing"),
    [
        ("equals", "Yes", "Yes", "yes"),
        ("equals", "Yes", "Yes", "Yes "),
        ("equals", {"a": [1]}, ' {"a": [1]} ', '{"a": [2]}'),
        ("contains", "par", "a parcel", "a Parcel"),
        ("icontains", "PAR", "a parcel", "a pace"),
        ("contains-any", ["a", "b"], "b", "c"),
        ("contains-all", ["a", "b"], "ab", "a"),
        ("icontains-any", ["A", "B"], "b", "c"),
        ("icontains-all", ["A", "B"], "ab", "a"),
        ("starts-with", "Dear", "Dear you", " Dear"),
        ("regex", "^[0-9]+$", "12", "12a"),
        ("is-json", None, "[1]", "[1] and prose"),
        ("is-json", None, "{}", "NaN"),
    ],
)
def test_an_assertion_means_what_it_means_in_promptfoo(kind: str, value: JsonValue, holding: str, failing: str) -> None:
    plain, negated = (Assertion(type=name, value=value) for name in (kind, f"not-{kind}"))
    assert (measured(plain, holding), measured(plain, failing)) == (1, 0)
    assert (measured(negated, holding), measured(negated, failing)) == (0, 1)


def test_the_reward_is_the_weighted_mean_and_the_feedback_says_what_is_missed() -> None:
    score = asserted("x alone", row(SAYS_X, SAYS_Y))
    assert (score.reward, score.feedback) == (0.25, "should contain 'y'; got 'x alone'")
    assert asserted("x and y", row(SAYS_X, SAYS_Y)).feedback == ""


def test_a_row_that_reaches_its_threshold_is_passed() -> None:
    assert asserted("only y", row(SAYS_X, SAYS_Y, threshold=0.75)).reward == 1
    assert asserted("x alone", row(SAYS_X, SAYS_Y, threshold=0.75)).reward == 0.25


def test_an_assertion_without_weight_is_of_no_account() -> None:
    assert asserted("y", row(Assertion(type="contains", value="x", weight=0), SAYS_Y)).reward == 1


@pytest.mark.parametrize(
    ("kind", "threshold", "grade", "reward"),
    [
        ("llm-rubric", None, 0.9, 0.9),
        ("llm-rubric", 0.5, 0.9, 1),
        ("llm-rubric", 0.5, 0.4, 0.4),
        ("not-llm-rubric", 0.5, 0.4, 1),
        ("not-llm-rubric", 0.5, 0.75, 0.25),
    ],
)
def test_a_rubric_is_met_at_its_threshold(kind: str, threshold: float | None, grade: float, reward: float) -> None:
    checks = Checks(assertions=(Assertion(type=kind, value="polite", threshold=threshold),))
    score = grade if kind == "llm-rubric" else 1 - grade
    assert weighed("a", checks, [score]).reward == reward


def test_agents_are_told_the_one_right_answer_or_the_assertions_in_words() -> None:
    assert row(SAYS_X).expected == "x"
    assert row(SAYS_X, Assertion(type="not-is-json")).expected == "should contain 'x'; should not be JSON"
    assert row(Assertion(type="not-contains", value="x")).expected == "should not contain 'x'"


@given(output=st.text(), kind=st.sampled_from(sorted(HOLDS)))
def test_no_output_makes_an_assertion_raise(output: str, kind: str) -> None:
    value: JsonValue = ["a"] if "-a" in kind else None if kind == "is-json" else "a"
    assert measured(Assertion(type=kind, value=value), output) in {0, 1}


@pytest.mark.parametrize(
    ("checks", "said"),
    [
        ("", "row r1: has no assertions"),
        ("[]", "row r1: its assertions cannot be read"),
        (
            '{"assertions": [{"type": "similar", "value": "x"}]}',
            "row r1: similar: it is not supported; known are equals",
        ),
        (
            '{"assertions": [{"type": "regex", "value": "(a+)+"}]}',
            "row r1: regex: '(a+)+' repeats a group that repeats",
        ),
        ('{"assertions": [{"type": "is-json", "value": {}}]}', "row r1: is-json: a schema is not supported"),
    ],
)
def test_what_a_row_cannot_ask_is_refused_before_anything_is_called(checks: str, said: str) -> None:
    example = Example(id=ExampleId("r1"), inputs={}, expected="x", group="g", checks=checks)
    with pytest.raises(BadInput) as caught:
        checks_of(example)
    assert str(caught.value).startswith(said)


def test_a_judge_is_asked_once_for_each_rubric_that_has_a_weight() -> None:
    rubric = Assertion(type="llm-rubric", value="polite")
    assert judgements(row(SAYS_X, rubric, Assertion(type="not-llm-rubric", value="rude"))) == 2
    assert judgements(row(SAYS_X, Assertion(type="llm-rubric", value="polite", weight=0))) == 0
