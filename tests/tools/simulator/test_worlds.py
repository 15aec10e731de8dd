from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from socratune.memory.records import Example, Prompt
from socratune.tools.metrics import check_rows
from socratune.tools.simulator.builtin import FROZEN, OPEN
from socratune.tools.simulator.readings import prompt_text
from socratune.tools.simulator.world import World, load_world

Rows = Callable[[World], list[Example]]

PLANTED = ["ticket-routing", "moderation", "invoices", "house-arithmetic"]
PUBLIC = Path(__file__).parents[3] / "evals" / "tasks"
ALL = [*OPEN, *FROZEN, *(str(PUBLIC / f"{name}.world.yaml") for name in ("object_counting", "snarks", "gsm8k"))]


@pytest.mark.parametrize("name", PLANTED)
def test_seed_leaves_much_to_gain_and_the_ideal_nothing(name: str, rows: Rows) -> None:
    world = load_world(name)
    examples = rows(world)
    assert 0.25 <= world.expected_accuracy(world.seed, examples) <= 0.45
    assert world.expected_accuracy(world.ideal, examples) >= 0.97


@pytest.mark.parametrize("name", PLANTED)
def test_rows_are_many_distinct_and_fit_for_the_metric(name: str, rows: Rows) -> None:
    world = load_world(name)
    examples = rows(world)
    assert len({tuple(example.inputs.values()) for example in examples}) == len(examples) >= 320
    check_rows(world.task.metric, examples)


@pytest.mark.parametrize("name", PLANTED)
def test_each_rule_is_needed_by_some_rows_and_by_few(name: str, rows: Rows) -> None:
    world = load_world(name)
    examples = rows(world)
    needed = Counter(rule.id for example in examples for rule in world.needs(example.inputs))
    for rule in world.file.rules:
        assert 0.03 <= needed[rule.id] / len(examples) <= 0.25, rule.id


@pytest.mark.parametrize("name", PLANTED)
def test_some_rows_need_two_rules_and_some_three(name: str, rows: Rows) -> None:
    world = load_world(name)
    sizes = Counter(len(world.needs(example.inputs)) for example in rows(world))
    assert sizes[2] >= 20
    assert sizes[3] >= 3


@pytest.mark.parametrize("name", PLANTED)
def test_two_distractors_at_least_do_harm_and_the_others_none(name: str, rows: Rows) -> None:
    world = load_world(name)
    examples = rows(world)
    ideal = world.expected_accuracy(world.ideal, examples)
    effects = []
    for distractor in world.file.distractors:
        spoiled = replace(world.ideal, user=f"{distractor.says}\n\n{world.ideal.user}")
        effects.append(ideal - world.expected_accuracy(spoiled, examples))
    assert sum(effect > 0.04 for effect in effects) == 2
    assert sum(effect == 0 for effect in effects) == len(effects) - 2 >= 2


@pytest.mark.parametrize("name", ALL)
def test_canonical_sentence_conveys_its_own_rule_and_no_other(name: str) -> None:
    world = load_world(name)
    assert 6 <= len(world.file.rules) <= 14
    for rule in world.file.rules:
        assert world.conveyed(rule.says) == {rule.id}
        assert not any(distractor.said_in(rule.says) for distractor in world.file.distractors)


@pytest.mark.parametrize("name", ALL)
def test_distractors_and_causes_convey_no_rule(name: str) -> None:
    world = load_world(name)
    for wording in (*world.file.rules, *world.file.distractors):
        assert world.conveyed(wording.cause) == frozenset()
    assert not any(world.conveyed(distractor.says) for distractor in world.file.distractors)


@pytest.mark.parametrize("name", ALL)
def test_ideal_conveys_every_rule_and_the_seed_none(name: str) -> None:
    world = load_world(name)
    assert world.conveyed(prompt_text(world.ideal, ())) == {rule.id for rule in world.file.rules}
    assert world.conveyed(prompt_text(world.seed, ())) == frozenset()


@pytest.mark.parametrize(
    ("sentence", "rule"),
    [
        ("Send everybody who wants a refund to billing.", "refund"),
        ("Reply with just the name of the queue", "format"),
        ("If someone signs in who is not the customer (unknown sign-in), choose security.", "takeover"),
        ("Large orders belong to sales.", "bulk"),
        ("Route guarantee cases to returns", "warranty"),
        ("If there are several issues, go by the first one.", "two-problems"),
        ("Threats of legal action: complaints.", "legal"),
    ],
)
def test_reasonable_paraphrase_conveys_the_rule(sentence: str, rule: str) -> None:
    assert load_world("ticket-routing").conveyed(sentence) == {rule}


def test_null_ideal_starts_at_the_ideal() -> None:
    world = load_world("null-ideal")
    assert world.seed == world.ideal == load_world("ticket-routing").ideal


def test_every_prompt_of_the_churn_world_is_worth_the_same(rows: Rows) -> None:
    world = load_world("null-churn")
    examples = rows(world)
    for prompt in (world.seed, world.ideal, Prompt(user="{{ticket}}")):
        assert world.expected_accuracy(prompt, examples) == pytest.approx(0.6)


@pytest.mark.parametrize("name", PLANTED)
def test_task_holds_what_a_task_file_needs(name: str) -> None:
    task = load_world(name).task.model_dump(exclude_none=True)
    assert {"name", "goal", "data", "expected", "metric", "budget", "user"} <= set(task)
