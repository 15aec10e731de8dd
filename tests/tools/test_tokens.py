from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socratune.tools.tokens import at_most, estimate


@given(text=st.text())
def test_the_estimate_never_exceeds_the_bound(text: str) -> None:
    assert estimate(text) < at_most(text)


@given(text=st.text(min_size=1))
def test_only_nothing_has_no_tokens(text: str) -> None:
    assert estimate(text) >= 1
    assert estimate("") == 0


@given(one=st.text(), other=st.text())
def test_a_longer_text_is_never_estimated_shorter(one: str, other: str) -> None:
    assert estimate(one + other) >= max(estimate(one), estimate(other))


@pytest.mark.parametrize(("text", "expected"), [("word", 1), ("words", 2), ("🙂", 1), ("é" * 4, 2)])
def test_four_bytes_count_as_a_token(text: str, expected: int) -> None:
    assert estimate(text) == expected


def test_a_lone_surrogate_is_counted_too() -> None:
    assert estimate("\ud800") == 1
