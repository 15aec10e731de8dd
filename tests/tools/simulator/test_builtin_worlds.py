"""The worlds that come with Socratune, by their exact accuracies."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from socratune.evals.laid_out import order_of
from socratune.memory.records import Budget, Example, Prompt
from socratune.tools.datasets import load
from socratune.tools.metrics import check_rows, metric_named
from socratune.tools.models import Request
from socratune.tools.simulator.builtin import BUILTIN, FROZEN, NULLS, OPEN, SHUFFLED
from socratune.tools.simulator.target import SimulatedTarget
from socratune.tools.simulator.world import World, load_world
from socratune.tools.template import messages

Rows = Callable[[World], list[Example]]

WORTH = {
    "ticket-routing": (0.3168, 0.98),
    "moderation": (0.3101, 0.98),
    "invoices": (0.3372, 0.98),
    "house-arithmetic": (0.3257, 0.98),
    "prerequisite": (0.3661, 0.98),
    "local-optimum": (0.3765, 0.98),
    "regions": (0.3862, 0.98),
    "label-free": (0.3881, 0.98),
    "defective-seed": (0.0661, 0.98),
    "noisy": (0.3824, 0.98),
    "long": (0.3026, 0.98),
    "unfixable": (0.2909, 0.6735),
    "null-shuffled-moderation": (1 / 4, 1 / 4),
    "null-shuffled-tickets": (1 / 9, 1 / 9),
}
"""Exact expected accuracy of the seed and of the ideal."""


def saying(world: World, sentences: Iterable[str]) -> Prompt:
    """A prompt of plain sentences, for any columns."""
    return replace(world.ideal, system=None, user="\n".join(["Do it.", *sentences]))


async def answers(name: str, prompt: Prompt) -> tuple[Sequence[Example], list[str]]:
    """The rows as a task has them, and what the target says to them."""
    examples = order_of(name, strength="strong", seed=0, budget=Budget(rollouts=100)).examples
    target = SimulatedTarget(world=load_world(name), examples=examples, seed=0)
    requests = [Request(messages=messages(prompt, row.inputs), max_tokens=99) for row in examples]
    return examples, [(await target.complete(request)).text for request in requests]


def test_open_frozen_and_null_worlds_are_all_that_there_are() -> None:
    assert {path.stem for path in BUILTIN.glob("*.yaml")} == {*OPEN, *FROZEN, *NULLS}
    assert (len(OPEN), len(FROZEN)) == (6, 6)


@pytest.mark.parametrize("name", list(WORTH))
def test_seed_and_ideal_are_worth_what_is_published(name: str, rows: Rows) -> None:
    world = load_world(name)
    worth = [world.expected_accuracy(prompt, rows(world)) for prompt in (world.seed, world.ideal)]
    assert worth == pytest.approx(WORTH[name], abs=5e-5)


@pytest.mark.parametrize("name", [*OPEN, *FROZEN])
def test_each_rule_matters(name: str, rows: Rows) -> None:
    world, examples = load_world(name), rows(load_world(name))
    rules = {rule.id: rule.says for rule in world.file.rules}
    for left_out in rules:
        rest = saying(world, [says for name, says in rules.items() if name != left_out])
        loss = world.expected_accuracy(world.ideal, examples) - world.expected_accuracy(rest, examples)
        assert loss >= 0.01, left_out


@pytest.mark.parametrize("name", [*OPEN, *FROZEN])
def test_no_distractor_betters_a_complete_prompt_and_two_or_more_harm_it(name: str, rows: Rows) -> None:
    world, examples = load_world(name), rows(load_world(name))
    says = [rule.says for rule in world.file.rules]
    complete = world.expected_accuracy(saying(world, says), examples)
    effects = [world.expected_accuracy(saying(world, [*says, d.says]), examples) for d in world.file.distractors]
    assert all(effect <= complete for effect in effects)
    assert sum(effect < complete - 0.01 for effect in effects) >= 2
    assert len(effects) >= 5


@pytest.mark.parametrize("name", [*OPEN, *FROZEN, *SHUFFLED])
def test_rows_are_distinct_and_fit_for_the_metric(name: str, rows: Rows) -> None:
    world = load_world(name)
    examples = rows(world)
    assert len({example.group for example in examples}) == len(examples) >= 240
    check_rows(world.metric, examples)


@pytest.mark.parametrize("name", ["label-free", "noisy", *SHUFFLED])
def test_no_model_is_shown_the_truth(name: str) -> None:
    order = order_of(name, strength="strong", seed=0, budget=Budget(rollouts=100))
    assert order.task.variables == load_world(name).task.inputs
    for row in order.examples:
        assert "truth" not in {*row.inputs, *row.extra}


def test_rows_without_labels_come_without() -> None:
    order = order_of("label-free", strength="strong", seed=0, budget=Budget(rollouts=100))
    assert {row.expected for row in order.examples} == {""}
    assert order.task.metric == "pairwise"


def test_a_fifth_of_the_labels_is_wrong_where_the_world_is_noisy(rows: Rows) -> None:
    world = load_world("noisy")
    by_file = load(BUILTIN / "noisy.csv", inputs=("call",), expected="taken_by")
    wrong = [a.expected != b.expected for a, b in zip(by_file, rows(world), strict=True)]
    assert 0.17 <= sum(wrong) / len(wrong) <= 0.23


async def test_a_perfect_prompt_is_wrong_by_the_labels_that_are(rows: Rows) -> None:
    world = load_world("noisy")
    examples, said = await answers("noisy", world.ideal)
    by_file, truly = (
        sum(text == row.expected for text, row in zip(said, known, strict=True)) / len(said)
        for known in (examples, rows(world))
    )
    assert truly > 0.95
    assert by_file < 0.83


@pytest.mark.parametrize("name", SHUFFLED)
async def test_by_dealt_labels_the_ideal_is_no_better_than_the_seed(name: str) -> None:
    world = load_world(name)
    metric = metric_named(world.metric, {})
    for prompt in (world.seed, world.ideal):
        examples, said = await answers(name, prompt)
        rewards = [metric(text, row).reward for text, row in zip(said, examples, strict=True)]
        assert sum(rewards) / len(rewards) == pytest.approx(1 / (world.file.shuffled or 1), abs=0.06)


# --- what each of the later worlds is for


def test_rules_that_stand_on_others_gain_nothing_alone(rows: Rows) -> None:
    world, examples = load_world("prerequisite"), rows(load_world("prerequisite"))
    rules = {rule.id: rule.says for rule in world.file.rules}
    steps = [(), ("zone",), ("zone", "return"), ("zone", "return", "customs")]
    chain = [world.expected_accuracy(saying(world, [rules[step] for step in said]), examples) for said in steps]
    assert all(after > before for before, after in pairwise(chain))
    for late in ("heavy", "return", "customs"):
        assert world.expected_accuracy(saying(world, [rules[late]]), examples) == chain[0]


def test_every_single_cut_from_the_local_optimum_costs_and_two_together_pay(rows: Rows) -> None:
    world, examples = load_world("local-optimum"), rows(load_world("local-optimum"))
    leaves, season, herbs = "Judge by the colour of the leaves.", "Judge by the season.", "Herbs are always watered."

    def worth(*cut: str) -> float:
        text = world.seed.user or ""
        for phrase in cut:
            text = text.replace(phrase, "")
        return world.expected_accuracy(replace(world.seed, user=text), examples)

    stuck = worth(herbs)
    assert stuck > worth() + 0.05
    assert max(worth(herbs, leaves), worth(herbs, season)) < stuck - 0.04
    assert worth(herbs, leaves, season) > stuck + 0.04


def test_a_measure_without_its_kitchen_gives_away_the_other_one(rows: Rows) -> None:
    world, examples = load_world("regions"), rows(load_world("regions"))
    rules = {rule.id: rule.says for rule in world.file.rules}

    def worth(*sentences: str) -> float:
        return world.expected_accuracy(saying(world, [rules["format"], *sentences]), examples)

    north, south, both = "A cup holds 200 ml.", "A cup holds 240 ml.", (rules["north-cup"], rules["south-cup"])
    assert worth(north) == worth(rules["north-cup"]) > worth()
    assert worth(north, south) == worth()
    assert worth(*both) == worth(north, rules["south-cup"]) > worth(rules["north-cup"])


@pytest.mark.parametrize(
    ("sentence", "conveyed"),
    [
        ("A ladle is 250 ml in the north kitchen and 150 ml in the south kitchen.", {"north-ladle", "south-ladle"}),
        ("In the north kitchen a ladle holds 250 ml, in the south kitchen 150 ml.", {"north-ladle", "south-ladle"}),
        ("Ladle: 250 ml (north), 150 ml (south)", {"north-ladle", "south-ladle"}),
        ("In the north a cup is 200 ml and a ladle 250 ml.", {"north-cup", "north-ladle"}),
        ("A ladle is 150 ml in the north kitchen and 250 ml in the south kitchen.", set()),
        ("In the north kitchen a ladle holds 150 ml, in the south kitchen 250 ml.", set()),
        ("North kitchen: one jug = 1 litre", {"north-jug"}),
        ("Southern recipes use bowls of 600 ml", {"south-bowl"}),
    ],
)
def test_measures_may_be_put_in_other_words(sentence: str, conveyed: set[str]) -> None:
    world = load_world("regions")
    assert world.conveyed(sentence) == conveyed
    assert world.distractors_in(sentence) == ()


def test_lines_added_to_the_defective_seed_are_in_vain_until_its_sentence_goes(rows: Rows) -> None:
    world, examples = load_world("defective-seed"), rows(load_world("defective-seed"))
    form = world.file.rules[0].says
    cut = (world.seed.user or "").replace(world.file.distractors[0].says, "")
    assert cut != world.seed.user
    texts = (world.seed.user, f"{form}\n{world.seed.user}", cut, f"{form}\n{cut}")
    defective, added, gone, replaced = (
        world.expected_accuracy(replace(world.seed, user=text), examples) for text in texts
    )
    assert defective == added == gone < 0.1
    assert replaced > 0.35


def test_rows_of_the_long_world_need_three_of_twelve_rules_on_the_mean(rows: Rows) -> None:
    world, examples = load_world("long"), rows(load_world("long"))
    assert len(world.file.rules) == 12
    assert sum(len(world.needs(row.inputs)) for row in examples) / len(examples) == pytest.approx(3, abs=0.15)


@pytest.mark.parametrize(
    ("name", "sentence", "rule"),
    [
        ("prerequisite", "Charge 4 euros less for returns coming from zone C.", "return"),
        ("prerequisite", "If the volume weight is greater than the actual weight, bill that.", "volume"),
        ("local-optimum", "If the soil is waterlogged, answer drain.", "wet"),
        ("local-optimum", "Repotted recently? Then: wait", "fresh"),
        ("label-free", "If the pupil missed an exam, require a note.", "test"),
        ("label-free", "Sports competitions count as unexcused absences", "contest"),
        ("label-free", "If several reasons are given, go by the final one.", "two"),
        ("defective-seed", "Route library-card problems to loans.", "card"),
        ("defective-seed", "Reply with only the counter, and nothing else", "format"),
        ("noisy", "Sick notes: desk", "letter"),
        ("noisy", "Any problem with an infant gets an appointment today.", "infant"),
        ("long", "Reimburse taxis with at most 20 euros.", "taxi"),
        ("long", "Deduct 5 euros for each hotel breakfast.", "breakfast"),
        ("unfixable", "Put soiled or greasy paper into rest.", "greasy"),
        ("unfixable", "Ceramics such as mugs: rest", "mug"),
    ],
)
def test_reasonable_paraphrase_conveys_the_rule(name: str, sentence: str, rule: str) -> None:
    assert load_world(name).conveyed(sentence) == {rule}
