from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from socratune.tools.simulator.chance import chance, pick


@given(keys=st.lists(st.text() | st.integers()))
def test_chance_lies_in_zero_to_one_and_is_the_same_for_the_same_keys(keys: list[str | int]) -> None:
    assert 0 <= chance(*keys) < 1
    assert chance(*keys) == chance(*keys)


def test_chance_is_spread_evenly() -> None:
    counts = Counter(int(chance("even", number) * 10) for number in range(20_000))
    assert all(1_800 < counts[tenth] < 2_200 for tenth in range(10))


def test_keys_are_told_apart_where_they_meet() -> None:
    assert chance("a", "bc") != chance("ab", "c")


@given(items=st.lists(st.integers(), min_size=1), key=st.text())
def test_pick_returns_one_of_the_items(items: list[int], key: str) -> None:
    assert pick(items, key) in items
