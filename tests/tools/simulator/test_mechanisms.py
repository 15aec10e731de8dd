"""What a world may plant beside plain rules, on small worlds made for it."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from socratune.memory.errors import BadInput
from socratune.memory.records import Demo, Example, ExampleId, Message, Prompt
from socratune.tools.models import Request
from socratune.tools.replies import CRITIQUE
from socratune.tools.sections import lines, section
from socratune.tools.simulator.chance import chance
from socratune.tools.simulator.optimizer import SimulatedOptimizer
from socratune.tools.simulator.own_rows import labelled, own_rows
from socratune.tools.simulator.target import SimulatedTarget
from socratune.tools.simulator.world import World, load_world
from socratune.tools.template import messages

RED, OLD, FORMAT = "Red letters go up.", "Old letters go down.", "Name the box only."
ALL = f"{RED}\n{OLD}\n{FORMAT}"


def letter(text: str, box: str = "up") -> Example:
    return Example(id=ExampleId("r1"), inputs={"letter": text}, expected=box, group=text)


def with_keys(path: Path, *keys: str, change: tuple[str, str] = ("", "")) -> World:
    path.write_text(path.read_text().replace(*change, 1) + "\n".join(keys))
    return load_world(str(path))


def demo(text: str, answer: str = "up") -> Demo:
    return Demo(inputs={"letter": text}, output=answer)


async def said(world: World, examples: Sequence[Example], prompt: Prompt, seed: int = 1) -> list[str]:
    target = SimulatedTarget(world=world, examples=examples, seed=seed)
    requests = [Request(messages=messages(prompt, row.inputs), max_tokens=99) for row in examples]
    return [(await target.complete(each)).text for each in requests]


# --- worked examples


def test_worked_example_teaches_the_rules_that_its_row_needs(small_file: Path) -> None:
    world = with_keys(small_file, "examples_teach: 1")
    examples = [letter("a red letter"), letter("another red letter"), letter("an old letter")]
    taught = Prompt(user="Sort it.\n\n{{letter}}", demos=(demo("a red letter"),))
    assert world.expected_accuracy(world.seed, examples) == 0
    assert world.expected_accuracy(taught, examples) == pytest.approx(2 / 3)


@pytest.mark.parametrize("worked", [demo("a red letter", "down"), demo("a red letter nobody knows")])
def test_wrong_or_unknown_worked_example_teaches_nothing(small_file: Path, worked: Demo) -> None:
    world = with_keys(small_file, "examples_teach: 1")
    prompt = Prompt(user="Sort it.\n\n{{letter}}", demos=(worked,))
    assert world.expected_accuracy(prompt, [letter("a red letter")]) == 0


def test_worked_example_may_reason_before_it_answers(small_file: Path) -> None:
    world = with_keys(small_file, "examples_teach: 1")
    assert world.taught([(letter("a red letter"), "It is red.\nup")]) == {"red"}


def test_share_of_the_rows_that_teach_is_as_the_world_says_and_drawn_once(small_file: Path) -> None:
    world = with_keys(small_file, "examples_teach: 0.3")
    rows = [letter(f"red letter {number}") for number in range(1_000)]
    taught = [bool(world.taught([(row, "up")])) for row in rows]
    assert 250 < sum(taught) < 350
    assert taught == [bool(world.taught([(row, "up")])) for row in rows]


def test_distractor_takes_back_a_rule_that_was_taught(small_file: Path) -> None:
    world = with_keys(small_file, "examples_teach: 1")
    prompt = Prompt(user="Add a reason.\n\n{{letter}}", demos=(demo("a form"),))
    assert world.expected_accuracy(prompt, [letter("a form")]) == 0


async def test_target_learns_from_earlier_turns_as_expected(small_file: Path) -> None:
    world = with_keys(small_file, "examples_teach: 1", "noise: 0.0", change=("noise: 0\n", ""))
    examples = [letter("a red letter"), letter("another red letter"), letter("an old letter", "down")]
    prompt = Prompt(user="Sort it.\n\n{{letter}}", demos=(demo("a red letter"),))
    assert await said(world, examples, prompt) == ["up", "up", "up"]
    assert await said(world, examples, world.seed) == ["down", "down", "up"]


async def test_question_without_an_answer_teaches_nothing(small_file: Path) -> None:
    world = with_keys(small_file, "examples_teach: 1")
    target = SimulatedTarget(world=world, examples=[letter("a red letter"), letter("b", "down")], seed=1)
    asked = tuple(Message(role="user", content="a red letter") for _ in range(2))
    assert (await target.complete(Request(messages=asked, max_tokens=9))).text == "down"


# --- rules that stand on others


def test_rule_is_of_no_use_before_the_one_it_stands_on(small_file: Path) -> None:
    world = with_keys(small_file, change=("id: old\n", "id: old\n    after: red\n"))
    old = letter("an old letter", "down")
    assert [world.probability(text, old) for text in (OLD, RED, f"{RED}\n{OLD}")] == [0, 0, 1]


def test_a_row_points_at_its_own_rule_first_and_then_at_the_one_before(small_file: Path) -> None:
    world = with_keys(small_file, change=("id: old\n", "id: old\n    after: red\n"))
    missing = [[rule.id for rule in world.missing(text, {"letter": "an old letter"})] for text in ("", OLD)]
    assert missing == [["old"], ["red"]]


@pytest.mark.parametrize("base", ["red", "nobody", "old"])
def test_rule_cannot_stand_on_itself_a_later_or_an_unknown_one(small_file: Path, base: str) -> None:
    with pytest.raises(BadInput, match=base):
        with_keys(small_file, change=("id: red\n", f"id: red\n    after: {base}\n"))


# --- sentences that help a little

SHORTCUT = "  - {says: Go by colour., wordings: ['by colour'], cause: Nothing is said of colour., "
BY_COLOUR = SHORTCUT + "contradicts: red, instead_of: red, helps: 'dark'}"


def test_shortcut_serves_its_own_rows_and_stands_in_the_way_of_the_rule(small_file: Path) -> None:
    world = with_keys(small_file, BY_COLOUR)
    dark, bright = letter("a dark red letter"), letter("a bright red letter")
    worth = {
        text: [world.probability(text, row) for row in (dark, bright)]
        for text in ("", "Go by colour.", RED, f"{RED}\nGo by colour.")
    }
    assert list(worth.values()) == [[0, 0], [1, 0], [1, 1], [1, 0]]


HASTY = "  - {says: Letters go up., wordings: ['^(?!.*red).*letters go up'], cause: Which way letters go., "
LETTERS_UP = HASTY + "instead_of: red, breaks: 'old', unless: old}"


def test_rule_without_its_region_breaks_the_other_until_that_is_said(small_file: Path) -> None:
    world = with_keys(small_file, LETTERS_UP)
    red, old = letter("a red letter"), letter("an old letter", "down")
    assert [world.probability("Letters go up.", row) for row in (red, old)] == [1, 0]
    assert [world.probability(f"Letters go up.\n{OLD}", row) for row in (red, old)] == [1, 1]
    assert [world.probability(f"{RED}\n{OLD}", row) for row in (red, old)] == [1, 1]
    assert world.misled_by(f"Letters go up.\n{OLD}", old.inputs) == ()


def test_rule_shows_its_region_only_beside_a_row_of_the_other(small_file: Path) -> None:
    world = with_keys(small_file, LETTERS_UP)
    red, old = {"letter": "a red letter"}, {"letter": "an old letter"}
    rule = world.needs(red)[0]
    assert world.at_first_sight(rule, [red]).says == "Letters go up."
    assert world.at_first_sight(rule, [red, old]) == rule


async def critique(world: World, prompt: str, rows: Sequence[str]) -> str:
    """The rule that a critic names for failures of these letters."""
    failures = lines([{"id": f"r{n}", "inputs": {"letter": text}} for n, text in enumerate(rows)])
    body = f"{section('prompt', prompt)}\n\n{section('failures', failures)}\n\n{CRITIQUE.instructions}"
    request = Request(messages=(Message(role="user", content=body),), max_tokens=500)
    reply = await SimulatedOptimizer(world=world, strength="strong", seed=0).complete(request)
    return CRITIQUE.parse(reply.text).hypotheses[0].rule


async def test_critic_names_the_region_once_a_row_of_another_is_seen_or_goes_wrong(small_file: Path) -> None:
    world = with_keys(small_file, LETTERS_UP, "naming: {strong: 1, weak: 1}")
    letters = ["a red letter", "a bright red letter"]
    assert await critique(world, "Sort it.", letters) == "Letters go up."
    assert await critique(world, f"Sort it.\n{OLD}", [*letters, "an old letter"]) == RED
    assert await critique(world, "Sort it.\n- Letters go up.", ["an old letter"]) in (
        OLD,
        "Leave out: Letters go up.",
    )


# --- rows beyond help, and labels that lie


def test_some_rows_are_wrong_whatever_the_prompt_says(small_file: Path) -> None:
    world = with_keys(small_file, "unfixable: 0.3")
    rows = [letter(f"letter {number}") for number in range(1_000)]
    assert 0.65 < world.expected_accuracy(Prompt(system=ALL), rows) < 0.75
    assert {world.probability(ALL, row) for row in rows} == {0, 1}


def lying(path: Path, *keys: str) -> World:
    world = with_keys(path, "truth: true_box", *keys, change=("expected: box", "expected: box, data: small.csv"))
    lines = (f"red letter {n},{'down' if chance('lie', n) < 0.2 else 'up'},up" for n in range(50))
    (path.parent / "small.csv").write_text("letter,box,true_box\n" + "\n".join(lines) + "\n")
    return world


async def test_target_answers_truly_where_the_label_is_wrong(small_file: Path) -> None:
    world = lying(small_file)
    truth = own_rows(world)
    assert {row.expected for row in truth} == {"up"}
    assert set(truth[0].inputs) == {"letter"}
    by_file = [letter(row.inputs["letter"], "down") for row in truth]
    assert labelled(by_file, world)[0].expected == "up"
    assert set(await said(world, by_file, Prompt(user=f"{RED}\n\n{{{{letter}}}}"))) == {"up"}


def test_example_with_a_wrong_label_teaches_nothing(small_file: Path) -> None:
    world = lying(small_file, "examples_teach: 1")
    row = own_rows(world)[0]
    examples = [letter(row.inputs["letter"], "down")]
    worth = [
        world.expected_accuracy(Prompt(user="{{letter}}", demos=(demo(row.inputs["letter"], box),)), examples)
        for box in ("up", "down")
    ]
    assert worth == [1, 0]


def test_shuffled_labels_make_every_prompt_in_form_worth_the_same(small_file: Path) -> None:
    world = with_keys(small_file, "shuffled: 2")
    rows = [letter("a red form"), letter("an old letter", "down"), letter("a blue letter")]
    worth = [world.expected_accuracy(Prompt(user=text), rows) for text in (FORMAT, ALL, f"{FORMAT} Blue is bad.")]
    assert worth == [0.5, 0.5, 0.5]
    assert world.expected_accuracy(Prompt(user=RED), rows) == pytest.approx(1 / 3)
