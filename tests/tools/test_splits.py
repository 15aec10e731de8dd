from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socratune.memory.errors import BadInput
from socratune.memory.records import Example, ExampleId
from socratune.tools import splits
from socratune.tools.assertions import Assertion, Checks
from socratune.tools.splits import Splits, data_notes, ordered, split


def row(number: int, expected: str = "yes", group: str | None = None) -> Example:
    name = group or f"g{number}"
    return Example(id=ExampleId(f"r{number}"), inputs={"text": name}, expected=expected, group=name)


def table(count: int, *labels: str) -> list[Example]:
    """`count` different rows that carry the labels in turn."""
    return [row(number, labels[number % len(labels)] if labels else "yes") for number in range(1, count + 1)]


def sizes(result: Splits) -> tuple[int, int, int]:
    return len(result.train), len(result.dev), len(result.test)


def rows_of(result: Splits) -> list[Example]:
    searched = result.dev if result.shared else (*result.train, *result.dev)
    return [*searched, *result.test]


@st.composite
def tables(draw: st.DrawFn) -> list[Example]:
    """12 to 100 groups of one to three rows, in any number of classes."""
    copies = draw(st.lists(st.integers(1, 3), min_size=12, max_size=100))
    labels = draw(st.sampled_from([1, 2, 5, 30]))
    names = [f"g{index}" for index, count in enumerate(copies) for _ in range(count)]
    return [row(number, str(number % labels), name) for number, name in enumerate(names, 1)]


@given(tables(), st.text())
@settings(deadline=None)
def test_every_row_stands_on_exactly_one_side(examples: list[Example], salt: str) -> None:
    result = split(examples, salt=salt)
    assert Counter(each.id for each in rows_of(result)) == Counter(each.id for each in examples)
    assert not result.shared or result.train == result.dev


@given(tables(), st.text())
@settings(deadline=None)
def test_copies_of_a_row_are_never_parted(examples: list[Example], salt: str) -> None:
    result = split(examples, salt=salt)
    sides = [{each.group for each in side} for side in (result.dev, result.test)]
    sides += [] if result.shared else [{each.group for each in result.train}]
    assert sum(map(len, sides)) == len(set().union(*sides))


@given(tables(), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_the_file_moves_no_row(examples: list[Example], random: Random) -> None:
    shuffled = list(examples)
    random.shuffle(shuffled)
    assert split(shuffled, salt="s") == split(examples, salt="s")


@given(tables(), st.sets(st.integers(0, 99)))
@settings(deadline=None)
def test_rows_that_were_tested_before_are_never_searched(examples: list[Example], chosen: set[int]) -> None:
    sealed = frozenset(f"g{index}" for index in chosen)
    fresh = {each.group for each in examples} - sealed
    if len(fresh) < 6:
        with pytest.raises(BadInput, match="not tested by an earlier run"):
            split(examples, salt="s", sealed=sealed)
        return
    result = split(examples, salt="s", sealed=sealed)
    assert not sealed & {each.group for each in (*result.train, *result.dev)}
    assert len(rows_of(result)) == len(examples)


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (12, (6, 6, 6)),
        (31, (16, 16, 15)),
        (59, (30, 30, 29)),
        (60, (12, 18, 30)),
        (200, (40, 60, 100)),
        (499, (100, 150, 249)),
        (500, (100, 150, 250)),
        (600, (100, 150, 350)),
        (650, (100, 150, 400)),
        (1000, (100, 150, 400)),
    ],
)
def test_the_sizes_follow_the_plan(count: int, expected: tuple[int, int, int]) -> None:
    result = split(table(count, "a", "b", "c"), salt="s")
    assert sizes(result) == expected
    assert result.shared == (count < 60)


def test_every_side_holds_each_class_in_proportion() -> None:
    result = split(table(200, "a", "a", "a", "b"), salt="s")
    for side, rare in ((result.train, 10), (result.dev, 15), (result.test, 25)):
        assert abs(sum(each.expected == "b" for each in side) - rare) <= 1


def test_another_salt_gives_another_split() -> None:
    assert split(table(60), salt="s").test != split(table(60), salt="t").test


def test_rows_tested_before_count_towards_the_test() -> None:
    sealed = frozenset(each.group for each in split(table(200), salt="s").test[:40])
    again = split(table(200), salt="s", sealed=sealed)
    assert sizes(again) == (40, 60, 100)
    assert "40 rows, copies counted once, were tested by an earlier run and stay in test." in again.notes


def test_a_search_left_with_few_rows_shares_them() -> None:
    result = split(table(100), salt="s", sealed=frozenset(f"g{number}" for number in range(1, 91)))
    assert (sizes(result), result.shared) == ((10, 10, 90), True)


def test_too_few_untested_rows_are_refused_with_the_cure() -> None:
    with pytest.raises(BadInput, match="only 5 rows were not tested by an earlier run; add fresh rows"):
        split(table(20), salt="s", sealed=frozenset(f"g{number}" for number in range(6, 21)))


def test_a_shared_split_says_so() -> None:
    assert split(table(30), salt="s").notes == (
        "The search reads and scores the same 15 rows; 60 labelled rows would keep them apart.",
    )
    assert split(table(60), salt="s").notes == ()


@pytest.mark.parametrize("examples", [[], table(11), [row(number, group=f"g{number % 11}") for number in range(50)]])
def test_fewer_than_twelve_different_rows_are_refused_with_the_cure(examples: list[Example]) -> None:
    with pytest.raises(BadInput, match="add labelled rows"):
        split(examples, salt="s")


def test_a_thousand_copies_of_a_row_take_the_place_of_one() -> None:
    copies = [row(number, group="same") for number in range(100, 1100)]
    result = split([*table(11), *copies], salt="s")
    assert [len({each.group for each in side}) for side in (result.dev, result.test)] == [6, 6]


@pytest.mark.parametrize(
    ("available", "cap", "expected"),
    [
        (400, None, 150),
        (20, None, 20),
        (400, 10_000, 150),
        (400, 600, 75),
        (400, 200, 30),
        (400, 120, 30),
        (400, 100, 25),
        (15, 600, 15),
        (400, 0, 0),
        (0, 600, 0),
    ],
)
def test_the_final_test_takes_its_share_of_the_cap(available: int, cap: int | None, expected: int) -> None:
    assert splits.test_rows(available, cap) == expected


@given(st.integers(0, 1000), st.integers(0, 10_000))
@settings(deadline=None)
def test_the_final_test_never_takes_more_than_half_of_the_cap(available: int, cap: int) -> None:
    rows = splits.test_rows(available, cap)
    assert 0 <= rows <= min(available, 150)
    assert 2 * rows <= (cap / 4 if rows > 30 else cap / 2)


@given(tables(), st.integers(0, 9), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_shared_order_does_not_depend_on_the_order_given(
    examples: list[Example], seed: int, random: Random
) -> None:
    shuffled = list(examples)
    random.shuffle(shuffled)
    result = ordered(shuffled, seed=seed, purpose="dev")
    assert result == ordered(examples, seed=seed, purpose="dev")
    assert sorted(each.id for each in result) == sorted(each.id for each in examples)


def test_seed_and_purpose_each_change_the_shared_order() -> None:
    orders = [ordered(table(20), seed=seed, purpose=purpose) for seed in (1, 2) for purpose in ("dev", "test")]
    assert len({tuple(each.id for each in order) for order in orders}) == 4


def test_clean_rows_have_no_notes() -> None:
    assert data_notes(table(30, "a", "b")) == ()
    assert data_notes([row(number, f"answer {number}") for number in range(15)]) == ()


def test_a_single_class_is_named() -> None:
    assert data_notes(table(12, "spam")) == (
        "all 12 rows expect 'spam'; a prompt that always says so is perfect: add other rows",
    )


def test_a_contradiction_names_two_rows_and_the_cure() -> None:
    examples = [*table(12, "a", "b"), row(17, "sales", "x"), row(100, "billing", "x"), row(3000, "sales", "x")]
    assert "rows r17 and r100 have the same inputs and different labels ('sales', 'billing'); correct one of them" in (
        data_notes(examples)
    )


def test_labels_that_differ_in_case_do_not_contradict() -> None:
    notes = data_notes([*table(12, "a", "b"), row(17, "Sales", "x"), row(100, "sales ", "x")])
    assert not any("different labels" in note for note in notes)


def test_duplicates_are_counted() -> None:
    assert data_notes([*table(12, "a", "b"), row(13, "b", "g1"), row(14, "a", "g2")])[-1] == (
        "2 groups of rows have the same inputs (r1 = r13, r2 = r14), so a mistake counts twice; keep one row of each"
    )


def test_rows_that_expect_nothing_are_named() -> None:
    notes = data_notes([*table(12, "a", "b"), *(row(number, " ") for number in range(20, 26))])
    assert "6 rows expect nothing (r20, r21, r22 and 3 more), so no answer counts as right; fill in or remove" in notes


def test_rare_classes_are_named_but_answers_are_not_taken_for_classes() -> None:
    assert data_notes([*table(12, "a", "b"), row(20, "c")]) == (
        "too rare to learn or to test: 1 of 3 classes ('c' has 1); add rows",
    )


def test_at_most_three_examples_of_a_kind_are_shown() -> None:
    def contradiction(number: int) -> Sequence[Example]:
        return row(number, "a", f"x{number}"), row(number + 50, "b", f"x{number}")

    notes = data_notes([*table(12, "a", "b"), *(each for number in range(20, 30) for each in contradiction(number))])
    assert sum("different labels" in note for note in notes) == 3
    assert "7 more groups of rows contradict each other in this way" in notes


@given(rows=st.integers(1, 150))
def test_cap_for_some_test_rows_is_the_least_that_gives_them(rows: int) -> None:
    assert splits.test_rows(150, splits.cap_for(rows)) == rows
    assert splits.test_rows(150, splits.cap_for(rows) - 1) < rows


def test_rows_that_nobody_has_labelled_have_no_notes_about_labels() -> None:
    assert data_notes([row(number, "") for number in range(20)]) == ()


def test_rows_that_all_ask_for_the_same_rubric_are_not_taken_for_one_class() -> None:
    checks = Checks(assertions=(Assertion(type="llm-rubric", value="polite"),))
    rows = [replace(row(number, checks.expected), checks=checks.as_text()) for number in range(20)]
    assert data_notes(rows) == ()


def given_rows(**counts: int) -> list[Example]:
    return [
        replace(row(number, group=f"{side}{number}"), id=ExampleId(f"{side}-r{number}"), side=side)
        for side in ("train", "dev", "test")
        for number in range(1, counts.get(side, 0) + 1)
    ]


def test_a_split_that_the_user_chose_is_kept() -> None:
    result = split(given_rows(train=3 + 6, dev=200, test=7), salt="s")
    assert (sizes(result), result.shared, result.notes) == ((9, 200, 7), False, ())
    assert [each.id for each in result.test] == [f"test-r{number}" for number in range(1, 8)]


def test_without_dev_rows_train_is_divided() -> None:
    result = split(given_rows(train=100, test=50), salt="s")
    assert sizes(result) == (40, 60, 50)
    assert result.notes == ("60 of the train rows score edits, since data names no dev rows.",)
    few = split(given_rows(train=20, test=50), salt="s")
    assert (few.train, few.shared) == (few.dev, True)


def test_without_test_rows_dev_is_divided_and_rows_seen_in_train_are_never_tested() -> None:
    rows = given_rows(train=50, dev=80)
    copies = [replace(each, group=f"train{number}") for number, each in enumerate(rows[50:90], 1)]
    result = split([*rows[:50], *copies, *rows[90:]], salt="s")
    assert not {each.group for each in result.test} & {each.group for each in result.train}
    assert sizes(result) == (50, 40, 40)
    assert sizes(split(rows, salt="s")) == (50, 30, 50)
    assert result.notes == ("40 of the dev rows are kept for the test, since data names no test rows.",)


def test_no_row_of_a_chosen_split_is_searched_with_once_it_was_tested() -> None:
    rows = given_rows(train=40, dev=40, test=40)
    sealed = frozenset({"train1", "dev2", "test3"})
    result = split(rows, salt="s", sealed=sealed)
    assert sizes(result) == (39, 39, 40)
    assert result.notes == ("2 rows to search with were tested by an earlier run and are left aside.",)
    again = split(given_rows(train=40, dev=40), salt="s", sealed=frozenset({"dev2"}))
    assert "dev2" in {each.group for each in again.test}


def test_a_chosen_side_with_too_few_rows_is_refused_by_name() -> None:
    with pytest.raises(
        BadInput, match="data: test: 5 rows with different inputs are too few for test; 6 are the least"
    ):
        split(given_rows(train=40, dev=40, test=5), salt="s")
