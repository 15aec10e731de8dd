from collections import Counter

from socratune.evals.false_labels import dealt, misjudged
from socratune.evals.written_rows import LabelledRow

ROWS = [LabelledRow(inputs={"text": f"row {n}"}, expected="abc"[n % 3], rules=()) for n in range(3_000)]


def test_about_a_fifth_of_the_labels_is_another_one() -> None:
    rows = list(misjudged(ROWS, world="w"))
    assert [row.truth for row in rows] == [row.expected for row in ROWS]
    wrong = [row for row in rows if row.expected != row.truth]
    assert 540 <= len(wrong) <= 660
    assert {row.expected for row in wrong} == {"a", "b", "c"}


def test_dealt_labels_tell_nothing_of_the_truth() -> None:
    rows = list(dealt(ROWS[:-50], world="w"))
    pairs = Counter((row.truth, row.expected) for row in rows)
    assert len(pairs) == 9
    assert len(set(pairs.values())) == 1
    assert len(rows) > 2_900


def test_labels_are_wrong_in_the_same_way_whenever_they_are_written() -> None:
    assert list(misjudged(ROWS, world="w")) == list(misjudged(ROWS, world="w")) != list(misjudged(ROWS, world="v"))
    assert list(dealt(ROWS, world="w")) == list(dealt(ROWS, world="w"))
