import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from socratune.memory.records import Example, ExampleId, Message
from socratune.tools.models import Request
from socratune.tools.replies import GRADE, PREFERENCE
from socratune.tools.reply_form import Form
from socratune.tools.sections import lines, section
from socratune.tools.simulator.optimizer import SimulatedOptimizer
from socratune.tools.simulator.target import SimulatedTarget
from socratune.tools.simulator.world import World, load_world

Rows = Callable[[World], list[Example]]
WORLD = load_world("ticket-routing")


def request(form: Form[object], body: Mapping[str, str]) -> Request:
    system = Message(role="system", content=f"You judge.\n\n{form.instructions}")
    user = Message(role="user", content="\n\n".join(section(name, text) for name, text in body.items()))
    return Request(messages=(system, user), max_tokens=500)


async def answer(asked: Request, *, strength: str = "strong", seed: int = 0) -> str:
    return (await SimulatedOptimizer(world=WORLD, strength=strength, seed=seed).complete(asked)).text


def graded(row: Example, output: str) -> Request:
    criteria = lines([{"criterion": number, "text": "Right."} for number in (1, 2)])
    return request(GRADE, {"rubric": "Right.", "criteria": criteria, "input": _input(row), "output": output})


def _input(row: Example) -> str:
    return json.dumps(dict(row.inputs))


@pytest.mark.parametrize(("strength", "accuracy"), [("strong", 0.9), ("weak", 0.75)])
async def test_a_criterion_is_judged_rightly_as_often_as_the_world_says(
    rows: Rows, strength: str, accuracy: float
) -> None:
    rightly = []
    for row in rows(WORLD)[:300]:
        for output, right in ((row.expected.upper(), True), ("nowhere", False)):
            asked = graded(row, output)
            reply = GRADE.parse(_in_form(await answer(asked, strength=strength)))
            rightly += [each.met == right for each in reply.criteria]
    assert sum(rightly) / len(rightly) == pytest.approx(accuracy, abs=0.04)


def _in_form(reply: str) -> str:
    """The weak one misses the form now and then; such a reply counts for nothing here."""
    return reply if reply.startswith("{") else json.dumps({"reasoning": "", "criteria": []})


async def test_of_a_pair_the_right_answer_wins_in_either_order_as_often_as_the_world_says(rows: Rows) -> None:
    said: dict[str, list[bool]] = {"1": [], "2": [], "tie": []}
    for row in rows(WORLD)[:300]:
        pairs = {"1": (row.expected, "nowhere"), "2": ("nowhere", row.expected), "tie": ("here", "nowhere")}
        for better, (one, two) in pairs.items():
            body = {"goal": "Route.", "input": _input(row), "answer_1": one, "answer_2": two}
            said[better].append(PREFERENCE.parse(await answer(request(PREFERENCE, body))).better == better)
    assert [sum(each) / len(each) for each in said.values()] == pytest.approx([0.9] * 3, abs=0.06)


async def test_the_same_judgement_is_always_the_same_and_follows_the_seed(rows: Rows) -> None:
    asked = [graded(row, row.expected) for row in rows(WORLD)[:60]]
    first, again, other = [[await answer(each, seed=seed) for each in asked] for seed in (0, 0, 1)]
    assert first == again
    assert first != other


async def test_a_reference_says_what_is_right_for_a_row_that_the_world_does_not_know() -> None:
    rightly = 0
    for number in range(100):
        body = {
            "rubric": "Right.",
            "criteria": lines([{"criterion": 1, "text": "Right."}]),
            "input": json.dumps({"ticket": f"Nobody wrote this {number}."}),
            "reference": "billing",
            "output": "billing",
        }
        rightly += GRADE.parse(await answer(request(GRADE, body))).criteria[0].met
    assert 80 <= rightly <= 98


async def test_a_world_answers_its_own_rows_without_their_labels(rows: Rows) -> None:
    known = rows(WORLD)[:40]
    targets = [
        SimulatedTarget(world=WORLD, examples=examples, seed=0)
        for examples in (known, [replace(row, expected="") for row in known])
    ]
    for row in known:
        asked = Request(messages=(Message(role="user", content=f"Queue? {row.inputs['ticket']}"),), max_tokens=20)
        labelled, bare = [(await target.complete(asked)).text for target in targets]
        assert (labelled == row.expected) == (bare == row.expected)
        assert bare


async def test_a_world_without_rows_of_its_own_judges_all_the_same(small_file: Path) -> None:
    world = load_world(str(small_file))
    row = Example(id=ExampleId("r1"), inputs={"letter": "A red one."}, expected="up", group="g")
    reply = await SimulatedOptimizer(world=world, strength="strong", seed=0).complete(graded(row, "up"))
    assert GRADE.parse(reply.text).criteria
