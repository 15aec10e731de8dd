from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socratune.memory.records import Constraints, Demo, Example, ExampleId, Prompt
from socratune.tools import tokens
from socratune.tools.guard import Guard, length_limit

SEED = Prompt(system="You route tickets. Answer with the queue name only.", user="Which queue? {{ticket}}")
ROW = "My red bicycle arrived with a bent front wheel and no bell at all"
FREE = Constraints()
CREDIT = "Answer with the queue name only."


def rows(*texts: str) -> tuple[Example, ...]:
    return tuple(
        Example(id=ExampleId(f"r{n}"), inputs={"ticket": text}, expected="shipping", group=text.casefold())
        for n, text in enumerate(texts, start=1)
    )


def guard(seed: Prompt = SEED, *, constraints: Constraints = FREE, train: tuple[Example, ...] = ()) -> Guard:
    return Guard.build(seed=seed, variables=("ticket",), constraints=constraints, train=train or rows(ROW))


def complaints(child: Prompt, rules: Guard | None = None, *known: Prompt) -> str:
    return "; ".join((rules or guard()).violations(child, parent=SEED, known=known))


def with_system(text: str) -> Prompt:
    return replace(SEED, system=text)


def test_a_sound_edit_breaks_no_rule() -> None:
    assert complaints(with_system("You route tickets. Parcels belong to shipping.")) == ""


def test_an_edit_that_changes_nothing_is_refused() -> None:
    assert complaints(SEED) == "the edit changes nothing"


@pytest.mark.parametrize(
    ("child", "complaint"),
    [
        (Prompt(system=SEED.system, user="Which queue?"), "the user part loses the placeholder {{ticket}}"),
        (replace(SEED, user="{{ticket}} {{name}}"), "the user part adds the placeholder {{name}}"),
        (with_system("Route {{ticket}}."), "the system part adds the placeholder {{ticket}}"),
        (Prompt(user=SEED.user), "the system part is gone"),
        (replace(SEED, user="{{ ticket }} or so"), "the user part loses the placeholder {{ticket}}"),
    ],
)
def test_variables_are_kept_in_each_part(child: Prompt, complaint: str) -> None:
    assert complaint in complaints(child)


def test_a_part_may_not_appear() -> None:
    seed = Prompt(user="{{ticket}}")
    found = guard(seed).violations(Prompt(system="Hi", user="{{ticket}}"), parent=seed, known=())
    assert found == ("the system part is new",)


def test_a_placeholder_may_be_used_twice() -> None:
    assert complaints(replace(SEED, user="Which queue? {{ticket}} Again: {{ticket}}")) == ""


def test_a_name_that_would_count_once_read_from_a_file_is_refused() -> None:
    seed = Prompt(system="Sort the ticket.")
    found = guard(seed).violations(Prompt(system="Sort the {ticket}."), parent=seed, known=())
    assert found == ("a placeholder is written in the form of 'fstring' instead of {{name}}",)


def test_a_demo_fills_every_variable() -> None:
    child = replace(SEED, demos=(Demo(inputs={"text": "x"}, output="y"),))
    assert complaints(child) == "a demo fills ['text'] instead of ['ticket']"


def test_a_locked_text_stays_in_its_part() -> None:
    rules = guard(constraints=Constraints(locked=(CREDIT,)))
    assert "is not kept" in complaints(with_system("You route tickets."), rules)
    moved = Prompt(system="You route tickets.", user=f"{CREDIT} {{{{ticket}}}}")
    assert "is not kept" in complaints(moved, rules)
    assert complaints(with_system(f"Route with care. {CREDIT}"), rules) == ""


@given(before=st.integers(1, 9000), first=st.integers(1, 3000), most=st.none() | st.integers(1, 9000))
def test_the_length_limit_is_the_tightest_of_three(before: int, first: int, most: int | None) -> None:
    parent, seed = Prompt(user="abcd" * before), Prompt(user="abcd" * first)
    limit = length_limit(parent, seed=seed, constraints=Constraints(max_tokens=most))
    assert limit <= max(1.5 * before, before + 150)
    assert limit <= max(4 * first, 800)
    assert most is None or limit <= most


def test_an_edit_over_the_length_limit_is_refused_with_both_numbers() -> None:
    child = with_system(" ".join(f"rule{n}" for n in range(400)))
    limit = length_limit(SEED, seed=SEED, constraints=Constraints())
    length = tokens.estimate(child.instructions)
    assert complaints(child) == f"the instructions are about {length} tokens long; at most {limit} are allowed"


@pytest.mark.parametrize("text", ["YOU ROUTE   tickets.\nAnswer with the queue name only.", SEED.system or ""])
def test_case_and_spacing_make_no_new_prompt(text: str) -> None:
    child = Prompt(system=text, user="which queue?  {{ticket}}")
    assert f"it is nearly the same as candidate {SEED.id}" in complaints(child)


def test_a_copy_of_any_known_candidate_is_refused() -> None:
    known = with_system("Parcels belong to shipping.")
    assert complaints(with_system("parcels belong to Shipping."), None, known) == (
        f"it is nearly the same as candidate {known.id}"
    )


def test_one_other_word_makes_a_new_prompt_however_long_it_is() -> None:
    words = [f"word{n}" for n in range(250)]
    seed = Prompt(system=" ".join(("always", *words)), user="{{ticket}}")
    child = Prompt(system=" ".join(("never", *words)), user="{{ticket}}")
    assert guard(seed).violations(child, parent=seed, known=()) == ()


def test_two_words_swapped_in_a_long_prompt_make_no_new_one() -> None:
    words = [f"word{n}" for n in range(300)]
    seed = Prompt(system=" ".join(words), user="{{ticket}}")
    words[10:12] = words[11:9:-1]
    child = Prompt(system=" ".join(words), user="{{ticket}}")
    assert "nearly the same" in str(guard(seed).violations(child, parent=seed, known=()))


def test_other_demos_make_a_new_prompt() -> None:
    assert complaints(replace(SEED, demos=(Demo(inputs={"ticket": "lost"}, output="shipping"),))) == ""


def test_eight_words_of_a_train_row_in_the_instructions_are_refused() -> None:
    assert "it copies train row r1" in complaints(with_system(f"For example: {ROW.upper()}!"))


def test_seven_words_of_a_train_row_may_stand_in_the_instructions() -> None:
    assert complaints(with_system(" ".join(ROW.split()[:7]))) == ""


def test_a_train_row_may_be_a_demo() -> None:
    assert complaints(replace(SEED, demos=(Demo(inputs={"ticket": ROW}, output="shipping"),))) == ""


def test_text_shared_by_many_rows_may_be_used() -> None:
    shared = "Is the following sentence plausible or not, please tell"
    few, many = (rows(*(f"{shared}: case {n}" for n in range(count))) for count in (3, 4))
    assert "copies" in complaints(with_system(shared), guard(train=few))
    assert complaints(with_system(shared), guard(train=many)) == ""


def test_text_that_the_seed_or_the_parent_has_may_stay() -> None:
    seed = with_system(f"An example: {ROW}")
    child = with_system(f"One more example: {ROW}")
    assert guard(seed).violations(child, parent=SEED, known=()) == ()
    assert guard().violations(child, parent=seed, known=()) == ()


@pytest.mark.parametrize("char", ["\u200b", "\u202e", "\U000e0041", "\ue000", "\x07", "\u3164", "\U000e0100", "\r"])
def test_an_invisible_character_is_refused(char: str) -> None:
    assert complaints(with_system(f"Route{char} it.")) == f"it holds the invisible character U+{ord(char):04X}"


def test_a_joiner_inside_an_emoji_or_a_script_is_visible_enough() -> None:
    assert complaints(with_system("Greet 👩\u200d🔧 and क्\u200dष")) == ""
    assert "U+200D" in complaints(with_system("Greet é\u200d\u200d\u200cé"))


def test_an_invisible_character_of_the_seed_may_stay() -> None:
    seed = with_system("Route\u200b it.")
    assert guard(seed).violations(with_system("Route\u200b it well."), parent=seed, known=()) == ()


@pytest.mark.parametrize("url", ["https://evil.example/x?q=1", "HTTP://evil.example", "www.evil.example"])
def test_a_new_address_is_refused(url: str) -> None:
    assert complaints(with_system(f"See ({url}).")) == f"it adds the address {url.casefold()!r}"


def test_an_address_of_the_seed_may_stay() -> None:
    seed = with_system("See https://docs.example/a.")
    assert guard(seed).violations(with_system("Read https://docs.example/a, then sort."), parent=seed, known=()) == ()


def test_every_broken_rule_is_named() -> None:
    child = Prompt(user=f"{ROW} https://evil.example \u200b")
    assert len(guard().violations(child, parent=SEED, known=())) == 5
