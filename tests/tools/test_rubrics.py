from __future__ import annotations

import pytest

from socratune.tools.rubrics import criteria


@pytest.mark.parametrize(
    "rubric",
    [
        "Polite; names the order number, if any; under 80 words.",
        "A good reply is:\n\n- Polite\n- names the order\n  number, if any\n- under 80 words.",
        "1. Polite\n2) names the order number, if any\n3. under 80 words.\n",
    ],
)
def test_a_list_or_semicolons_divide_a_rubric(rubric: str) -> None:
    assert [each.rstrip(".") for each in criteria(rubric)] == [
        "Polite",
        "names the order number, if any",
        "under 80 words",
    ]


@pytest.mark.parametrize("rubric", ["Polite, short. Names e.g. the order - if any.", "Polite\nand\nshort; kind", ";"])
def test_what_is_not_divided_is_one_criterion(rubric: str) -> None:
    assert criteria(rubric) == (" ".join(rubric.split()),)
