from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from socratune.memory.records import Candidate, CandidateId, ExampleId, Prompt
from socratune.tools.finalists import choose_finalist

SEED = Candidate(prompt=Prompt(user="Sort {{x}}."))
ROWS = [ExampleId(f"r{n}") for n in range(40)]


def child(text: str, parent: Candidate = SEED) -> Candidate:
    return Candidate(prompt=Prompt(user=f"Sort {{{{x}}}}. {text}"), parents=(parent.id,))


def rewards(passed: int, rows: Sequence[ExampleId] = ROWS) -> dict[ExampleId, float]:
    return {each: float(number < passed) for number, each in enumerate(rows)}


def choose(*accepted: Candidate, **scores: Mapping[ExampleId, float]) -> CandidateId:
    named = zip((SEED, *accepted), scores.values(), strict=True)
    return choose_finalist(accepted, {each.id: seen for each, seen in named}, root=SEED.id)


FIRST = child("Be brief.")
SECOND = child("Be brief. Name the box.", FIRST)


def test_without_an_accepted_edit_the_seed_goes_on() -> None:
    assert choose(seed=rewards(20)) == SEED.id


def test_the_edit_with_the_larger_sure_gain_goes_on() -> None:
    assert choose(FIRST, seed=rewards(10), first=rewards(30)) == FIRST.id
    assert choose(FIRST, SECOND, seed=rewards(10), first=rewards(20), second=rewards(35)) == SECOND.id


def test_an_edit_that_turned_out_worse_falls_back_to_its_parent() -> None:
    assert choose(FIRST, seed=rewards(20), first=rewards(15)) == SEED.id
    assert choose(FIRST, SECOND, seed=rewards(10), first=rewards(30), second=rewards(25)) == FIRST.id


def test_an_edit_that_won_narrowly_on_few_rows_does_not_replace_its_parent() -> None:
    few = ROWS[:3]
    assert choose(FIRST, seed=rewards(1, few), first=rewards(2, few)) == SEED.id
    assert choose(FIRST, seed=rewards(0, ROWS[:1]), first=rewards(1, ROWS[:1])) == SEED.id


def test_an_edit_that_was_never_compared_does_not_count() -> None:
    assert choose(FIRST, seed=rewards(20), first={}) == SEED.id


def test_only_rows_that_both_have_seen_count() -> None:
    easy = {ExampleId(f"easy{n}"): 1.0 for n in range(100)}
    assert choose(FIRST, seed=rewards(20), first=rewards(20) | easy) == SEED.id


def test_a_tie_goes_to_the_shorter_prompt() -> None:
    long, short = child("Be brief, be friendly and name the box."), child("Be brief.")
    seen = {"seed": rewards(10), "one": rewards(30), "two": rewards(30)}
    assert choose(long, short, **seen) == choose(short, long, **seen) == short.id


@given(passed=st.lists(st.integers(0, 40), min_size=1, max_size=4))
def test_the_choice_is_the_seed_or_was_accepted(passed: list[int]) -> None:
    line = [SEED]
    for number in range(len(passed)):
        line.append(child(f"Edit {number}.", line[-1]))
    scores = {each.id: rewards(n) for each, n in zip(line, (20, *passed), strict=True)}
    chosen = choose_finalist(line[1:], scores, root=SEED.id)
    assert chosen in scores
    if max(passed) <= 20:
        assert chosen == SEED.id
