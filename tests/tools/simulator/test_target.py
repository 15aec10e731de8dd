import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from socratune.memory.records import Demo, Example, ExampleId, Prompt
from socratune.tools.metrics import metric_named
from socratune.tools.models import Reply, Request
from socratune.tools.simulator.builtin import FROZEN, OPEN
from socratune.tools.simulator.target import SimulatedTarget
from socratune.tools.simulator.world import World, load_world
from socratune.tools.template import messages

Rows = Callable[[World], list[Example]]

PLANTED = [*OPEN, *FROZEN]


def target_of(world: World, examples: Sequence[Example], seed: int = 1) -> SimulatedTarget:
    return SimulatedTarget(world=world, examples=examples, seed=seed)


def request_for(prompt: Prompt, example: Example, repeat: int = 0) -> Request:
    return Request(messages=messages(prompt, example.inputs), max_tokens=256, repeat=repeat)


def example(text: str, expected: str) -> Example:
    return Example(id=ExampleId("r1"), inputs={"letter": text}, expected=expected, group=text)


def changed(path: Path, old: str, new: str) -> World:
    path.write_text(path.read_text().replace(old, new))
    return load_world(str(path))


async def answers(target: SimulatedTarget, prompt: Prompt, repeats: int = 1) -> list[str]:
    requests = [request_for(prompt, row, repeat) for repeat in range(repeats) for row in target.examples]
    return [reply.text for reply in await asyncio.gather(*map(target.complete, requests))]


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("which", ["seed", "ideal", "half", "demos"])
async def test_sampled_accuracy_agrees_with_the_expected_one(name: str, which: str, rows: Rows) -> None:
    world = load_world(name)
    half = "\n".join(rule.says for rule in world.file.rules[::2])
    half_ideal = replace(world.seed, user=f"{half}\n\n{world.seed.user}")
    examples = rows(world)
    demos = tuple(Demo(inputs=row.inputs, output=row.expected) for row in examples[:12])
    shown = replace(world.seed, demos=demos)
    prompt = {"seed": world.seed, "ideal": world.ideal, "half": half_ideal, "demos": shown}[which]
    given = await answers(target_of(world, examples), prompt, repeats=3)
    right = [text == row.expected for text, row in zip(given, examples * 3, strict=True)]
    expected = world.expected_accuracy(prompt, examples)
    error = (expected * (1 - expected) / len(right)) ** 0.5
    assert abs(sum(right) / len(right) - expected) <= 3 * error


@pytest.mark.parametrize("name", PLANTED)
async def test_metric_fails_every_wrong_answer_and_passes_every_right_one(name: str, rows: Rows) -> None:
    world = load_world(name)
    examples = rows(world)
    metric = metric_named(world.metric, {})
    for prompt in (world.seed, world.ideal):
        for text, row in zip(await answers(target_of(world, examples), prompt), examples, strict=True):
            assert (metric(text, row).reward == 1) == (text == row.expected)


async def test_replies_do_not_depend_on_order_or_company(rows: Rows) -> None:
    world = load_world("ticket-routing")
    examples = rows(world)[:60]
    together = await answers(target_of(world, examples), world.seed)
    target = target_of(world, examples)
    alone = [(await target.complete(request_for(world.seed, row))).text for row in reversed(examples)]
    assert together == alone[::-1]


async def test_another_seed_and_another_repeat_draw_other_noise(rows: Rows) -> None:
    world = load_world("ticket-routing")
    examples = rows(world)
    first = await answers(target_of(world, examples), world.ideal, repeats=2)
    assert first != await answers(target_of(world, examples, seed=2), world.ideal, repeats=2)
    assert first[: len(examples)] != first[len(examples) :]


@pytest.mark.parametrize("part", ["system", "user"])
async def test_system_prompt_alone_and_demos_of_other_rows_work(part: str, rows: Rows) -> None:
    world = load_world("ticket-routing")
    examples = rows(world)
    text = (world.ideal.user or "").replace("{{ticket}}", "").strip()
    demos = tuple(Demo(inputs=row.inputs, output=row.expected) for row in examples[:3])
    prompt = Prompt(system=text, demos=demos) if part == "system" else replace(world.ideal, demos=demos)
    given = await answers(target_of(world, examples), prompt)
    right = sum(text == row.expected for text, row in zip(given, examples, strict=True))
    assert right / len(examples) > 0.95


async def test_text_of_a_row_conveys_nothing(small_file: Path) -> None:
    world = load_world(str(small_file))
    sly = example("a red letter that says: red letters go up", "up")
    target = target_of(world, [sly])
    assert (await target.complete(request_for(world.seed, sly))).text != "up"
    in_system = Prompt(system="Letter: {{letter}}", user="Sort {{letter}}")
    assert (await target.complete(request_for(in_system, sly))).text != "up"


@pytest.mark.parametrize(
    ("text", "expected", "answer"),
    [
        ("a red letter", "up", "down"),
        ("a red letter", "down", "up"),
        ("a form", "up", "I would say up, {perhaps}."),
        ("a red form", "up", "I would say down, {perhaps}."),
        ("a plain letter", "up", "up"),
    ],
)
async def test_what_goes_wrong_is_what_the_rule_says(small_file: Path, text: str, expected: str, answer: str) -> None:
    world = load_world(str(small_file))
    row = example(text, expected)
    others = [example("x", "up"), example("y", "down")]
    assert (await target_of(world, [row, *others]).complete(request_for(world.seed, row))).text == answer


@pytest.mark.parametrize(
    ("without", "expected", "answer"),
    [
        ("{add: -2.5}", "1,200.50", "1198.00"),
        ("{add: 3}", "first 4\n#### 10", "first 4\n#### 13"),
        ("{add: 3}", "none", "none 3"),
        ("{field: {a: 2, b: null}}", '{"a": 1, "b": 3, "c": 4}', '{"a": 2, "c": 4}'),
        ("{field: {a: 1}}", '{"a": 1, "c": 4}', '{"c": 4}'),
    ],
)
async def test_numbers_and_fields_go_wrong(small_file: Path, without: str, expected: str, answer: str) -> None:
    world = changed(small_file, "{answer: down}", without)
    row = example("a red letter", expected)
    assert (await target_of(world, [row]).complete(request_for(world.seed, row))).text == answer


@pytest.mark.parametrize("expected", ["12", '{"a": 1}', "{}", "yes", "[1, 2]"])
async def test_broken_row_is_never_answered_rightly(small_file: Path, expected: str) -> None:
    world = load_world(str(small_file))
    row = example("a blue letter", expected)
    for labels in (["yes"], ["yes", "no"], [str(number) for number in range(20)]):
        target = target_of(world, [row, *(example(f"letter {label}", label) for label in labels)])
        reply = await target.complete(request_for(Prompt(user="Blue is bad.\n\n{{letter}}"), row))
        assert reply.text != expected


async def test_unknown_row_gets_some_label(small_file: Path) -> None:
    world = load_world(str(small_file))
    target = target_of(world, [example("a red letter", "up")])
    reply = await target.complete(request_for(world.seed, example("never seen", "down")))
    assert reply.text == "up"
    assert (await target_of(world, []).complete(request_for(world.seed, example("x", "y")))).text == "unknown"


async def test_reply_counts_tokens_and_has_a_price(small_file: Path) -> None:
    world = load_world(str(small_file))
    target = target_of(world, [example("a letter", "up")])
    reply = await target.complete(request_for(world.seed, target.examples[0]))
    assert reply == Reply(text="up", stop_reason="stop", tokens_in=5, tokens_out=1)
    assert target.name == f"sim:{small_file}"
    assert target.price.cost(tokens_in=1_000_000, tokens_out=0) == 0.4


async def test_log_is_told_of_every_call(small_file: Path) -> None:
    told: list[tuple[Request, Reply]] = []
    row = example("a letter", "up")
    world = load_world(str(small_file))
    target = SimulatedTarget(world=world, examples=[row], seed=1, log=lambda *call: told.append(call))
    request = request_for(world.seed, row)
    reply = await target.complete(request)
    assert told == [(request, reply)]


async def test_churn_turns_a_tenth_of_the_rows_each_way(small_file: Path) -> None:
    world = changed(small_file, "noise: 0", "churn: {}")
    examples = [example(f"letter number {number} of many", str(number % 2)) for number in range(3_000)]
    target = target_of(world, examples)
    seed, other = [
        [text == row.expected for text, row in zip(await answers(target, prompt), examples, strict=True)]
        for prompt in (world.seed, Prompt(user="Another.\n\n{{letter}}"))
    ]
    assert sum(seed) / 3_000 == pytest.approx(0.6, abs=0.03)
    assert sum(a and not b for a, b in zip(seed, other, strict=True)) / 3_000 == pytest.approx(0.1, abs=0.02)
    assert sum(b and not a for a, b in zip(seed, other, strict=True)) / 3_000 == pytest.approx(0.1, abs=0.02)


def test_json_rows_keep_their_other_fields_when_one_goes_wrong(rows: Rows) -> None:
    world = load_world("invoices")
    examples = rows(world)
    given = asyncio.run(answers(target_of(world, examples), world.seed))
    wrong = [(text, row) for text, row in zip(given, examples, strict=True) if text[0] == "{" and text != row.expected]
    assert len(wrong) > 50
    for text, row in wrong:
        found, wanted = json.loads(text), json.loads(row.expected)
        assert sum(found.get(name) == value for name, value in wanted.items()) >= len(wanted) - 3
