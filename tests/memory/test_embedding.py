from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from socratune.memory.embedding import DIMENSIONS, embed

NEAR = [
    ("Refunds go to the billing queue.", "A refund goes to the billing queue"),
    ("Answer with the queue name only.", "Answer with only the name of the queue."),
    ("Damaged parcels belong to returns, not to shipping.", "A damaged parcel belongs to returns and not to shipping."),
]
FAR = [
    ("Refunds go to the billing queue.", "Count every animal twice when it swims."),
    ("Answer with the queue name only.", "Dates are written day first, in Prague time."),
    ("Damaged parcels belong to returns.", "Sarcasm often praises what is obviously bad."),
]


@pytest.mark.parametrize(("one", "other"), NEAR)
def test_near_duplicates_are_close(one: str, other: str) -> None:
    assert float(embed(one) @ embed(other)) > 0.70


@pytest.mark.parametrize(("one", "other"), FAR)
def test_unrelated_texts_are_far_apart(one: str, other: str) -> None:
    assert abs(float(embed(one) @ embed(other))) < 0.30


@given(text=st.text())
def test_every_text_has_a_vector_of_length_one(text: str) -> None:
    vector = embed(text)
    assert vector.shape == (DIMENSIONS,)
    assert float(np.linalg.norm(vector)) == pytest.approx(1.0, abs=1e-5)


def test_texts_without_words_share_one_vector() -> None:
    assert np.array_equal(embed(""), embed(" ... !"))


def test_case_and_punctuation_do_not_matter() -> None:
    assert np.array_equal(embed("Refunds: go to BILLING!"), embed("refunds go to billing"))


def test_the_same_text_has_the_same_vector_on_every_machine() -> None:
    vector = np.round(embed("Refunds go to the billing queue; ask for the order number.") * 1000).astype(np.int16)
    assert hashlib.sha256(vector.tobytes()).hexdigest()[:16] == "2d15ac1214e9d31c"


def test_nobody_can_change_a_vector_that_others_hold() -> None:
    with pytest.raises(ValueError, match="read-only"):
        embed("one")[0] = 1.0
