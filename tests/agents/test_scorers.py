from __future__ import annotations

from dataclasses import replace

import pytest

from socratune.agents.scorers import Asserted
from socratune.memory.errors import BadInput
from socratune.memory.records import Example, ExampleId
from socratune.tools.assertions import Assertion, Checks
from socratune.tools.purse import Phase
from socratune.tools.scores import Score


def row(*assertions: Assertion) -> Example:
    checks = Checks(assertions=assertions)
    return Example(id=ExampleId("r1"), inputs={}, expected=checks.expected, group="g", checks=checks.as_text())


POLITE = Assertion(type="llm-rubric", value="is polite", threshold=0.5)
BRIEF = Assertion(type="not-contains", value="furthermore", weight=3)


async def half(rubric: str, output: str, example: Example, *, phase: Phase) -> Score:
    assert (rubric, output, example.id, phase) == ("is polite", "furthermore", "r1", "test")
    assert example.expected == ""  # the assertions in words are no answer to hold another against
    return Score(reward=0.5, feedback="")


async def test_a_rubric_is_asked_for_and_weighed_with_the_other_assertions() -> None:
    score = await Asserted(grade=half).score("furthermore", row(POLITE, BRIEF), phase="test")
    assert (score.reward, score.feedback) == (0.125, "should not contain 'furthermore'; got 'furthermore'")


async def test_a_rubric_that_nobody_can_grade_is_refused() -> None:
    with pytest.raises(BadInput, match="row r1: llm-rubric needs a judge"):
        await Asserted(grade=None).score("a", row(POLITE), phase="test")


async def test_nobody_is_asked_about_a_rubric_without_weight() -> None:
    score = await Asserted(grade=None).score("a", row(replace(POLITE, weight=0), BRIEF), phase="test")
    assert score.reward == 1


async def met(rubric: str, output: str, example: Example, *, phase: Phase) -> Score:
    return Score(reward=1, feedback="")


async def test_what_must_not_be_met_fails_when_it_is() -> None:
    unwanted = row(replace(POLITE, type="not-llm-rubric"), BRIEF)
    assert (await Asserted(grade=met).score("a", unwanted, phase="test")).reward == 0.75
