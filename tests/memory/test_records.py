from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields, is_dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from socratune.memory import critiques, records
from socratune.memory.plain import as_json
from socratune.memory.records import Candidate, CandidateId, Demo, ExampleId, Prompt, Rollout, digest

TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
DEMOS = st.lists(st.builds(Demo, inputs=st.dictionaries(TEXT, TEXT, max_size=2), output=TEXT), max_size=2).map(tuple)
PROMPTS = st.builds(Prompt, system=st.none() | TEXT, user=st.none() | TEXT, demos=DEMOS)
CANDIDATES = st.builds(
    Candidate,
    prompt=PROMPTS,
    parents=st.lists(TEXT.map(CandidateId), max_size=2).map(tuple),
    reason=TEXT,
    lessons=st.lists(TEXT, max_size=2).map(tuple),
    round=st.integers(0, 9),
)
NAMES = vars(records) | vars(critiques)
NOUNS = [each for each in NAMES.values() if isinstance(each, type) and is_dataclass(each)]


@pytest.mark.parametrize("noun", NOUNS)
def test_a_noun_never_changes(noun: type) -> None:
    assert is_dataclass(noun)
    blank = object.__new__(noun)
    for field in fields(noun):
        with pytest.raises((FrozenInstanceError, TypeError)):
            setattr(blank, field.name, None)
    assert not hasattr(blank, "__dict__")


def test_the_same_text_is_the_same_prompt() -> None:
    first = Prompt(user="{{x}}", demos=(Demo(inputs={"x": "1", "y": "2"}, output="a"),))
    second = Prompt(user="{{x}}", demos=(Demo(inputs={"y": "2", "x": "1"}, output="a"),))
    assert first.id == second.id


@given(one=PROMPTS, other=PROMPTS)
def test_another_text_is_another_prompt(one: Prompt, other: Prompt) -> None:
    assert (one.id == other.id) == (one.as_dict() == other.as_dict())


def test_a_prompt_has_the_same_id_in_every_version_and_on_every_machine() -> None:
    assert Prompt(system="Sort.", user="{{x}} é").id == "4e8c190747d5"


def test_who_wrote_a_prompt_is_no_part_of_its_id() -> None:
    seed = Candidate(prompt=Prompt(user="{{x}}"))
    assert replace(seed, operator="socratic", reason="because", round=3).id == seed.id == seed.prompt.id


def test_instructions_are_the_parts_that_are_there_without_the_demos() -> None:
    shown = (Demo(inputs={}, output="b"),)
    assert Prompt(system="One.", user="Two.", demos=shown).instructions == "One.\n\nTwo."
    assert Prompt(user="Two.").instructions == "Two."


def test_a_digest_is_as_long_as_asked_and_does_not_see_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": 2}, length=20) == digest({"b": 2, "a": 1}, length=20)
    assert len(digest("x", length=20)) == 20


@given(candidate=CANDIDATES)
def test_a_candidate_comes_back_from_json_as_it_was(candidate: Candidate) -> None:
    assert TypeAdapter(Candidate).validate_json(as_json(candidate)) == candidate


@given(output=TEXT, reward=st.none() | st.floats(0, 1), error=st.none() | TEXT)
def test_a_rollout_comes_back_from_json_as_it_was(output: str, reward: float | None, error: str | None) -> None:
    rollout = Rollout(
        candidate_id=CandidateId("c"), example_id=ExampleId("r1"), output=output, reward=reward, error=error
    )
    assert TypeAdapter(Rollout).validate_json(as_json(rollout)) == rollout
    assert json.loads(as_json(rollout))["reward"] == reward
