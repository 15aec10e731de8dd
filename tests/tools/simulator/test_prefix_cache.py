"""What a simulated provider keeps of requests, and how it counts that."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socratune.memory.records import Message
from socratune.tools.models import Request
from socratune.tools.simulator.prefix_cache import PrefixCache
from socratune.tools.simulator.protocols import Heard

WORD = "four"


def heard(system: str, row: str = "a row", *, prefix: int = 0, model: str = "m") -> Heard:
    turns = (Message(role="system", content=system), Message(role="user", content=row))
    return Heard(model=model, request=Request(messages=turns, max_tokens=5, prefix=prefix), stream=True)


def asked(cache: PrefixCache, request: Heard, *, by_itself: bool = True) -> tuple[int, int]:
    """Cached and written tokens of a request that is answered at once."""
    kept = cache.keep(cache.look(request, by_itself=by_itself))
    return kept["tokens_cached"], kept["tokens_written"]


@pytest.mark.parametrize(("tokens", "found"), [(1_000, 0), (1_023, 0), (1_030, 1_024), (1_151, 1_024), (1_160, 1_152)])
def test_openai_keeps_from_1024_tokens_on_in_steps_of_128(tokens: int, found: int) -> None:
    cache = PrefixCache()
    assert asked(cache, heard(WORD * tokens, "one")) == (0, 0)
    assert asked(cache, heard(WORD * tokens, "two")) == (found, 0)


def test_what_differs_early_finds_nothing() -> None:
    cache = PrefixCache()
    asked(cache, heard("x" + WORD * 2_000))
    assert asked(cache, heard(WORD * 2_000)) == (0, 0)
    assert asked(cache, heard("x" + WORD * 2_000, model="another")) == (0, 0)


def test_anthropic_keeps_only_what_is_marked_and_asks_for_it() -> None:
    cache, system = PrefixCache(), WORD * 1_024
    assert asked(cache, heard(system), by_itself=False) == (0, 0)
    assert asked(cache, heard(system, prefix=4_096), by_itself=False) == (0, 1_024)
    assert asked(cache, heard(system, "two", prefix=4_096), by_itself=False) == (1_024, 0)
    assert asked(cache, heard(system, "two"), by_itself=False) == (0, 0)
    assert asked(cache, heard(system[:-4], prefix=4_092), by_itself=False) == (0, 0)


def test_who_asks_before_the_first_answer_begins_finds_nothing() -> None:
    cache, request = PrefixCache(), heard(WORD * 1_500, prefix=6_000)
    for by_itself in (True, False):
        first, second = (cache.look(request, by_itself=by_itself) for _ in range(2))
        assert cache.keep(first)["tokens_cached"] == cache.keep(second)["tokens_cached"] == 0
        assert cache.keep(cache.look(request, by_itself=by_itself))["tokens_cached"] > 1_000
        cache = PrefixCache()


@given(lengths=st.lists(st.integers(0, 9_000), min_size=2, max_size=6), by_itself=st.booleans())
def test_what_is_found_and_written_is_never_more_than_what_was_sent(lengths: list[int], *, by_itself: bool) -> None:
    cache = PrefixCache()
    for shorter, longer in pairwise(sorted(lengths)):
        for length in (shorter, longer):
            request = heard("x" * length, prefix=length)
            cached, written = asked(cache, request, by_itself=by_itself)
            assert 0 <= cached + written <= request.request.tokens
