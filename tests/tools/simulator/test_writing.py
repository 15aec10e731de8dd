"""What a simulated writer makes of each kind of material. It reads sections and no agent's wording."""

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from tests.tools.simulator.asking import (
    BARE,
    CASES,
    RULES,
    WORLD,
    Json,
    Strength,
    failures,
    hypotheses,
    rewrite,
)

from socratune.memory.records import Constraints, Prompt
from socratune.tools.guard import Guard
from socratune.tools.sections import lines
from socratune.tools.simulator.editing import Room, changed_words, with_rules
from socratune.tools.simulator.world import World, load_world
from socratune.tools.tokens import estimate

GOAL = "Route a support ticket to the right queue."
EMPTY = "Stay friendly and patient with the customer."
LISTED = ["refund", "cancel", "warranty", "damaged"]
STRENGTHS: Sequence[Strength] = ("strong", "weak")


def prompt_of(*said: str) -> str:
    items = "\n".join(f"- {text}" for text in said)
    return f"<user>\nWhich queue?\n\n{items}\n\n{{{{ticket}}}}\n</user>"


def rules(*names: str) -> list[str]:
    return [RULES[name].says for name in names]


def examples(per_case: int) -> str:
    return lines({name: row[name] for name in ("id", "inputs", "expected")} for row in failures(per_case))


def answers(per_case: int) -> str:
    return lines({name: row[name] for name in ("id", "inputs", "answer")} for row in failures(per_case))


def history(*tried: tuple[float | None, Sequence[str]]) -> str:
    rows = []
    for score, said in tried:
        user = prompt_of(*said).removeprefix("<user>\n").removesuffix("\n</user>")
        rows.append({"prompt": {"user": user}} if score is None else {"score": score, "prompt": {"user": user}})
    return lines(rows)


async def many(strength: Strength, times: int, **parts: str) -> list[str]:
    return [(await rewrite(strength, repeat, **parts)).user or "" for repeat in range(times)]


async def conveyed(strength: Strength, times: int, **parts: str) -> list[frozenset[str]]:
    return [WORLD.conveyed(text) for text in await many(strength, times, **parts)]


# --- from worked examples


async def test_examples_alone_make_a_prompt_of_goal_rules_and_placeholders() -> None:
    written = (await rewrite(goal=GOAL, examples=examples(4))).user or ""
    assert written.startswith(f"{GOAL}\n\n- ")
    assert written.endswith("\n\n{{ticket}}")
    assert "Which queue?" not in written


async def test_each_example_teaches_a_rule_with_a_stated_chance_and_nothing_false() -> None:
    expected: Sequence[tuple[Strength, float, float]] = (("strong", 0.4, 0.6), ("weak", 0.12, 0.28))
    for strength, low, high in expected:
        texts = await many(strength, 60, goal=GOAL, examples=examples(1))
        assert low < sum(text.count("\n- ") for text in texts) / (60 * len(CASES)) < high
        assert not any(WORLD.distractors_in(text) for text in texts)


async def test_a_prompt_from_scratch_keeps_parts_placeholders_and_locked_texts() -> None:
    prompt = "<system>\nGive a reason. Never say no.\n</system>\n<user>\nFrom: {{name}}\n{{ticket}}\n</user>"
    limits = json.dumps({"max_tokens": 400, "locked": ["Never say no."]})
    written = await rewrite(goal=GOAL, prompt=prompt, limits=limits, examples="(none)")
    assert (written.system, written.user) == (f"{GOAL}\n\nNever say no.", "{{name}}\n{{ticket}}")


async def test_examples_beside_failures_add_to_the_prompt_and_replace_nothing() -> None:
    written = (await rewrite(examples=examples(4), failures=lines(failures(2)))).user or ""
    assert written.startswith("Which queue?")
    assert len(WORLD.conveyed(written) & set(CASES)) >= 4


# --- from a history


async def test_lines_of_high_scores_are_kept_and_those_of_low_ones_dropped() -> None:
    tried = history((0.4, [EMPTY]), (0.5, []), (0.7, rules("refund")), (0.8, rules("refund", "cancel")))
    texts = await many("strong", 40, prompt=prompt_of(EMPTY), history=tried)
    assert sum({"refund", "cancel"} <= WORLD.conveyed(text) for text in texts) >= 34
    assert sum(EMPTY in text for text in texts) <= 6


async def test_of_hidden_scores_nothing_is_learned() -> None:
    tried = history((None, [EMPTY]), (None, []), (None, rules("refund")))
    texts = await many("strong", 200, prompt=prompt_of(EMPTY), history=tried)
    assert 70 < sum("refund" in WORLD.conveyed(text) for text in texts) < 130
    assert 70 < sum(EMPTY in text for text in texts) < 130


async def test_a_history_with_examples_finds_rules_that_nobody_tried() -> None:
    found = await conveyed("strong", 10, history=history((0.5, [])), examples=examples(2))
    assert frozenset().union(*found) & set(CASES)


# --- from a second prompt


@pytest.mark.parametrize(("strength", "low", "high"), [("strong", 0.9, 0.99), ("weak", 0.7, 0.9)])
async def test_a_child_of_two_has_the_lines_of_both(strength: Strength, low: float, high: float) -> None:
    other = prompt_of(*rules("cancel", "warranty"))
    found = await conveyed(strength, 100, prompt=prompt_of(*rules("refund")), other=other)
    assert all("refund" in each for each in found)
    assert low < sum(len(each & {"cancel", "warranty"}) for each in found) / 200 < high


# --- in other words


@pytest.mark.parametrize(("strength", "low", "high"), [("strong", 0.94, 1.0), ("weak", 0.85, 0.95)])
async def test_nearly_every_rule_survives_other_words(strength: Strength, low: float, high: float) -> None:
    texts = await many(strength, 100, prompt=prompt_of(*rules(*LISTED)), style="As a checklist.")
    assert low < sum(len(WORLD.conveyed(text) & set(LISTED)) for text in texts) / 400 < high
    assert not any(f"- {RULES['refund'].says}" in text for text in texts)


async def test_something_empty_slips_in_seldom_and_more_often_with_the_weak() -> None:
    strays = {}
    for strength in STRENGTHS:
        texts = await many(strength, 200, prompt=prompt_of(*rules(*LISTED)))
        slipped = [distractor for text in texts for distractor in WORLD.distractors_in(text)]
        assert all(each.breaks is None and each.contradicts is None for each in slipped)
        strays[strength] = len(slipped)
    assert 2 <= strays["strong"] <= 20 < strays["weak"] <= 60


async def test_a_prompt_is_reworded_again_and_again_without_growing() -> None:
    text = prompt_of(*rules(*LISTED))
    for repeat in range(10):
        text = f"<user>\n{(await rewrite(repeat=repeat, prompt=text)).user}\n</user>"
    assert estimate(text) < estimate(prompt_of(*rules(*LISTED))) + 40


async def test_a_prompt_over_the_limit_loses_what_conveys_nothing() -> None:
    prompt = prompt_of(EMPTY, f"Note: {RULES['refund'].says}", *rules("cancel"))
    kept = 0
    for repeat in range(50):
        written = (await rewrite(repeat=repeat, prompt=prompt, limits=json.dumps({"max_tokens": 40}))).user or ""
        assert EMPTY not in written
        assert "Note: " not in written
        kept += len(WORLD.conveyed(written) & {"refund", "cancel"})
    assert kept > 90


async def test_a_prompt_that_was_only_seen_to_succeed_is_often_left_alone() -> None:
    texts = await many("strong", 100, prompt=prompt_of(*rules("refund")), passes=lines(failures(1)))
    same = sum(f"<user>\n{text}\n</user>" == prompt_of(*rules("refund")) for text in texts)
    assert 35 < same < 65


# --- from what others found


async def test_unjudged_answers_show_less_than_failures() -> None:
    shown = {}
    for name, rows in (("answers", answers(1)), ("failures", lines(failures(1)))):
        found = await conveyed("strong", 60, **{name: rows})
        shown[name] = sum(len(each) for each in found)
    assert 0.6 < shown["answers"] / shown["failures"] < 0.8


async def test_of_answers_that_are_right_hardly_anything_is_blamed_by_the_strong() -> None:
    said = f"<user>\n{' '.join(rule.says for rule in WORLD.file.rules)}\n\n{{{{ticket}}}}\n</user>"
    texts = await many("strong", 40, prompt=said, answers=answers(2))
    assert sum(len(WORLD.distractors_in(text)) for text in texts) / (40 * 10) < 0.06


def inspected(row: str, edit: str) -> Json:
    return {"id": row, "label_is_right": bool(edit), "prompt_says_it": not edit, "edit": edit}


async def test_inspected_edits_are_made_those_of_most_rows_first() -> None:
    rows = [inspected("r1", RULES["cancel"].says), *(inspected(f"r{n}", RULES["refund"].says) for n in (2, 3))]
    written = await rewrite(inspections=lines([*rows, inspected("r4", "")]))
    assert written.user == prompt_of(*rules("refund", "cancel"))[7:-8]


async def test_inspections_that_ask_for_nothing_change_nothing() -> None:
    written = await rewrite(inspections=lines([inspected("r1", "")]), failures=lines(failures(2)))
    assert f"<user>\n{written.user}\n</user>" == BARE


# --- limits


@pytest.mark.parametrize("step", [0, 12, 25, 60])
async def test_no_more_words_change_than_the_step_allows(step: int) -> None:
    limits = json.dumps({"max_tokens": 800, "max_changed_words": step})
    before = Prompt(user=BARE[7:-8])
    materials: Sequence[Mapping[str, str]] = (
        {"hypotheses": lines(hypotheses("refund", "cancel", "damaged"))},
        {"failures": lines(failures(3))},
        {},
    )
    for parts in materials:
        written = await rewrite("strong", 0, limits=limits, **parts)
        assert changed_words(before, Prompt(user=written.user)) <= step


LOCKED = "Never  promise a refund to anybody."
MATERIALS: Mapping[str, str] = {
    "failures": lines(failures(2)),
    "answers": answers(2),
    "examples": examples(2),
    "inspections": lines([inspected("r1", f"Leave out: {EMPTY}")]),
    "history": history((0.1, [EMPTY]), (0.9, rules("refund"))),
    "other": prompt_of(*rules("cancel"), EMPTY),
    "style": "As a table.",
    "passes": lines(failures(1)),
}


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("names", [(), *itertools.combinations(MATERIALS, 1), *itertools.combinations(MATERIALS, 2)])
async def test_whatever_is_shown_nothing_the_guard_asks_for_is_broken(
    names: tuple[str, ...], strength: Strength
) -> None:
    user = f"{LOCKED}\n\n- {EMPTY}\n- {LOCKED}\n- {RULES['refund'].says}\n\nFrom {{{{name}}}}: {{{{ticket}}}}"
    seed = Prompt(system="You route tickets.", user=user)
    constraints = Constraints(locked=(LOCKED,), max_tokens=300)
    other = Prompt(user="Another one. " * 80)
    guard = Guard.build(seed=seed, variables=("name", "ticket"), constraints=constraints, train=[])
    prompt = f"<system>\n{seed.system}\n</system>\n<user>\n{seed.user}\n</user>"
    limits = json.dumps({"max_tokens": 300, "locked": [LOCKED]})
    parts = {name: MATERIALS[name] for name in names}
    for repeat in range(3):
        reply = await rewrite(strength, repeat, goal=GOAL, prompt=prompt, limits=limits, **parts)
        broken = guard.violations(Prompt(system=reply.system, user=reply.user), parent=other, known=[])
        assert broken == ()


# --- a sentence that misleads


MISLEADING = "Blue is bad. Sort it with care.\n\nBox for\nblue is bad {{letter}}"


@pytest.fixture
def small(small_file: Path) -> World:
    return load_world(str(small_file))


def test_a_sentence_that_misleads_is_taken_out_wherever_it_stands_but_never_with_a_placeholder(small: World) -> None:
    after, acted = with_rules(Prompt(user=MISLEADING), ["Leave out: Blue is bad."], world=small)
    assert after.user == "Sort it with care.\n\nBox for\nblue is bad {{letter}}"
    assert acted == ("Leave out: Blue is bad.",)


def test_a_locked_sentence_stays_even_where_it_misleads(small: World) -> None:
    room = Room(locked=("Blue is bad.",))
    after, acted = with_rules(Prompt(user=MISLEADING), ["Leave out: Blue is bad."], world=small, room=room)
    assert (after.user, acted) == (MISLEADING, ())


def test_a_rule_takes_out_contradicting_items_and_leaves_contradicting_sentences(small: World) -> None:
    prompt = Prompt(user="Add a reason.\n\n- Add a reason.\n- Be kind.\n\n{{letter}}")
    after, _ = with_rules(prompt, ["Name the box only."], world=small)
    assert after.user == "Add a reason.\n\n- Be kind.\n- Name the box only.\n\n{{letter}}"
