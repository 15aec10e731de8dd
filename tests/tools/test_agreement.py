from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socratune.tools.agreement import Agreement, agreement, contradictions, sentences

GRADES = st.sampled_from([0.0, 0.25, 0.5, 2 / 3, 1.0])


def table(both_pass: int, false_fail: int, false_pass: int, both_fail: int) -> Agreement:
    """People's and a judge's verdicts, as a table of two by two."""
    counts = ((1, 1, both_pass), (1, 0, false_fail), (0, 1, false_pass), (0, 0, both_fail))
    pairs = [(float(theirs), float(its)) for theirs, its, count in counts for _ in range(count)]
    return agreement([theirs for theirs, _ in pairs], [its for _, its in pairs])


def test_a_table_of_verdicts_gives_the_values_counted_by_hand() -> None:
    # Same: 75 of 100. By chance: 50 * 55 + 50 * 45 of 100 * 100, one half. So kappa is (.75 - .5) / (1 - .5).
    found = table(40, 10, 15, 35)
    assert (found.n, found.accuracy.value) == (100, 0.75)
    assert found.kappa == pytest.approx(0.5)
    assert (found.false_pass.hits, found.false_pass.of, found.false_pass.value) == (15, 50, 0.3)
    assert (found.false_fail.hits, found.false_fail.of, found.false_fail.value) == (10, 50, 0.2)
    assert found.bias == pytest.approx(0.05)
    assert found.correlation is None


def test_the_intervals_are_exact() -> None:
    # 0 of 10 at one-sided 5 %: up to 1 - .05 ** (1 / 10).
    found = table(10, 0, 0, 10)
    assert found.false_pass.low == 0.0
    assert found.false_pass.high == pytest.approx(1 - 0.05**0.1)
    # 25 differences, five of them +1: mean .2, standard error sqrt(.2 * .8 / 24).
    lenient = table(10, 0, 5, 10)
    half = 1.645 * (0.2 * 0.8 / 24) ** 0.5
    assert (lenient.bias_low, lenient.bias_high) == pytest.approx((0.2 - half, 0.2 + half))


def test_where_people_give_marks_between_the_correlation_counts_and_half_is_a_pass() -> None:
    people, judge = [0.0, 0.5, 1.0, 0.5], [0.25, 0.25, 1.0, 0.5]
    found = agreement(people, judge)
    # Deviations -.5, 0, .5, 0 and -.25, -.25, .5, 0: .375 over sqrt(.5 * .375).
    assert found.correlation == pytest.approx(0.375 / (0.5 * 0.375) ** 0.5)
    assert (found.kappa, found.accuracy.hits, found.false_fail.hits, found.false_fail.of) == (None, 3, 1, 3)


def test_a_judge_passes_what_meets_every_criterion() -> None:
    found = agreement([1.0, 1.0, 0.0, 0.0], [1.0, 2 / 3, 2 / 3, 1.0])
    assert (found.false_fail.hits, found.false_pass.hits) == (1, 1)


@pytest.mark.parametrize(
    ("found", "trust", "said"),
    [
        (table(45, 5, 5, 45), "trusted", "This judge can stand in for people (kappa 0.80)."),
        (table(40, 10, 15, 35), "with_care", "Trust this judge with care: it sees much as people do"),
        (table(30, 20, 25, 25), "not_trusted", "Do not trust this judge: it hardly agrees with people beyond chance"),
        (table(9, 0, 0, 10), "too_few", "Too few to say: 19 graded outputs, 20 are the least (kappa 1.00)."),
        (table(30, 0, 0, 0), "not_trusted", "Do not trust this judge"),
    ],
)
def test_trust_follows_the_agreement_beyond_chance(found: Agreement, trust: str, said: str) -> None:
    assert found.trust == trust
    assert sentences(found)[0].startswith(said)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (table(45, 5, 5, 45), "No bias is shown: its grades differ from people's by 0 points on average."),
        (table(40, 0, 20, 40), "It is lenient: its grades are 20 points higher on average (90 % interval 13 to 27)."),
        (table(40, 20, 0, 40), "It is strict: its grades are 20 points lower on average (90 % interval 13 to 27)."),
    ],
)
def test_the_bias_is_named_only_where_it_is_shown(found: Agreement, said: str) -> None:
    assert sentences(found)[1] == said


@given(pairs=st.lists(st.tuples(GRADES, GRADES), max_size=40))
def test_any_grades_give_numbers_in_range_and_words(pairs: list[tuple[float, float]]) -> None:
    found = agreement([theirs for theirs, _ in pairs], [its for _, its in pairs])
    for share in (found.accuracy, found.false_pass, found.false_fail):
        assert 0 <= share.low <= (share.value or share.low) <= share.high <= 1
    for measure in (found.kappa, found.correlation):
        assert measure is None or -1 - 1e-9 <= measure <= 1 + 1e-9
    assert found.bias_low <= found.bias <= found.bias_high
    assert all(sentences(found))


def test_contradictions_are_told_as_a_share_of_all_pairs() -> None:
    said = "the judge contradicted itself on 12 % of pairs (3 of 25), which count as ties"
    assert contradictions(22, 3) == (said,)
    assert contradictions(22, 0) == contradictions(0, 0) == ()
