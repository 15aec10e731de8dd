"""Worked examples that cost no thought: which train rows they are."""

from __future__ import annotations

from socratune.graphs.baselines import baselines
from socratune.memory.records import Candidate, Example, ExampleId, Prompt

SEED = Candidate(prompt=Prompt(user="{{word}}"))


def rows(*expected: str) -> list[Example]:
    return [
        Example(id=ExampleId(f"r{n}"), inputs={"word": f"w{n}"}, expected=label, group=str(n))
        for n, label in enumerate(expected, 1)
    ]


def shown(*expected: str) -> list[tuple[str, str]]:
    """Input and answer of each worked example."""
    found = [demo for each in baselines(SEED, rows(*expected)) for demo in each.prompt.demos]
    return [(demo.inputs["word"], demo.output) for demo in found]


def test_the_first_row_of_each_answer_is_shown_in_the_order_given() -> None:
    assert shown("a", "", "b", "a", "c", "b", "d") == [("w1", "a"), ("w3", "b"), ("w5", "c")]


def test_few_answers_are_not_made_up_for_by_rows_with_the_same() -> None:
    assert shown("a", "a", "b", "b") == [("w1", "a"), ("w3", "b")]


def test_rows_without_labels_make_no_worked_examples() -> None:
    assert [each.operator for each in baselines(SEED, rows("", ""))] == ["think"]
