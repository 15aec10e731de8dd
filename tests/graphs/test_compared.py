"""Runs that go by a judge of pairs until the test: which way the judge counts, and on which rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from tests.graphs.scene import carry_out, home_at, ledger_of, split_of
from tests.graphs.scripted import BETTER, SEED, scripted_order

from socratune.graphs.engine import Order
from socratune.graphs.result import Result
from socratune.memory.errors import BadInput
from socratune.memory.ledger import Ledger
from socratune.memory.records import CandidateId, Example, ExampleId, Role
from socratune.tools.models import LanguageModel, Request, ScriptedModel
from socratune.tools.sections import rows_of, sections

JUDGED = 24
"""Dev rows on which answers are compared."""
WORDS = [f"{first}{second}" for first in "bdfghjklmn" for second in ("a", "ei", "io", "oo", "ue", "ya")] * 2
ROWS = tuple(
    Example(id=ExampleId(f"r{n}"), inputs={"word": f"{word}{n}"}, expected=f"{word}{n}-tail", group=f"{word}{n}")
    for n, word in enumerate(WORDS, 1)
)
Preference = Callable[[str, str], str]


def by(better: Preference, asked: list[dict[str, str]] | None = None) -> ScriptedModel:
    """A judge who says which of the first and the second answer is better, and what it was asked."""

    def answer(request: Request) -> str:
        shown = sections("\n".join(message.content for message in request.messages))
        if asked is not None:
            asked.append(shown)
        return json.dumps({"reasoning": "So.", "better": better(shown["answer_1"], shown["answer_2"])})

    return ScriptedModel(answer=answer, name="scripted:judge")


def compared(judge: LanguageModel, *, optimizer: LanguageModel | None = None) -> Order:
    """A run of SPO in which every word wants a tail, and the new prompt asks for it."""
    order = replace(scripted_order(wanting=[row.inputs["word"] for row in ROWS]), examples=ROWS)
    models: dict[Role, LanguageModel] = {**(order.models or {}), "judge": judge}
    models |= {"optimizer": optimizer} if optimizer else {}
    return replace(order, task=replace(order.task, recipe="spo"), models=models)


def new_first(first: str, _: str) -> str:
    return "1" if first.endswith("tail") else "2"


def old_first(first: str, _: str) -> str:
    return "2" if first.endswith("tail") else "1"


def run(better: Preference, tmp_path: Path) -> Result:
    return carry_out(compared(by(better)), home_at(tmp_path))


def test_judge_direction_a_judge_that_always_prefers_the_new_answer_brings_acceptance_in_either_place(
    tmp_path: Path,
) -> None:
    asked: list[dict[str, str]] = []
    result = carry_out(compared(by(new_first, asked)), home_at(tmp_path))
    assert (result.accepted, result.best.prompt, result.best.dev) == (1, BETTER, 1.0)
    places = {shown["answer_1"].endswith("tail") for shown in asked}
    assert places == {True, False}


def test_judge_direction_a_judge_that_always_prefers_the_old_answer_brings_rejection(tmp_path: Path) -> None:
    result = run(old_first, tmp_path)
    assert (result.accepted, result.best.prompt) == (0, SEED)


@pytest.mark.parametrize("place", ["1", "2", "tie"])
def test_judge_direction_a_judge_that_is_undecided_on_every_row_brings_rejection(place: str, tmp_path: Path) -> None:
    result = run(lambda *_: place, tmp_path)
    assert (result.edits, result.accepted, result.best.prompt) == (1, 0, SEED)


def test_orders_that_disagree_are_ties_and_their_rate_is_in_the_result(tmp_path: Path) -> None:
    def places_for_some(first: str, second: str) -> str:
        return "1" if first[0] in "bdf" else new_first(first, second)

    result = run(places_for_some, tmp_path)
    with ledger_of(home_at(tmp_path)) as ledger:
        agreed, contradicted = ledger.agreement()
        rollouts = ledger.rollouts(BETTER.id)
    unsure = [each for each in rollouts.values() if each.agreed is False]
    assert 0 < len(unsure) == contradicted
    assert {each.reward for each in unsure} == {0.5}
    (told,) = [note for note in result.as_dict()["warnings"] if "contradicted" in note]
    share = round(100 * contradicted / (agreed + contradicted))
    assert f"on {share} % of pairs ({contradicted} of {agreed + contradicted})" in told


def numbered(request: Request) -> str:
    """An optimizer whose every edit is another one."""
    text = "\n".join(message.content for message in request.messages)
    number = sections(text)["prompt"].count("\n- ") + 1
    rule = f"- {'very ' * number}carefully put a tail of {number} hairs behind it."
    user = sections(text)["prompt"].removeprefix("<user>\n").removesuffix("\n</user>")
    return f"<reason>More.</reason>\n<new_user>\n{user.replace('{{word}}', rule)}\n\n{{{{word}}}}\n</new_user>"


def test_judge_direction_both_sides_of_every_comparison_cover_the_same_pinned_rows(tmp_path: Path) -> None:
    def count(request: Request) -> str:
        return str(request.messages[-1].content.count("very"))

    target = ScriptedModel(answer=count, name="scripted:target")
    more = by(lambda first, second: "1" if int(first) > int(second) else "2")
    order = compared(more, optimizer=ScriptedModel(answer=numbered, name="scripted:optimizer"))
    home = home_at(tmp_path)
    carry_out(replace(order, models={**(order.models or {}), "target": target}), home)
    pinned = frozenset(split_of(home)["dev"][:JUDGED])
    with ledger_of(home) as ledger:
        compared_on = {each: searched(ledger, each) for each in ledger.candidates()}
    assert len(compared_on) > 2
    assert set(compared_on.values()) == {pinned}


def searched(ledger: Ledger, candidate: CandidateId) -> frozenset[str]:
    return frozenset(ledger.rollouts(candidate)) & frozenset(ledger.settings()["rows"]["dev"])


def test_the_test_goes_by_the_tasks_own_metric_and_its_labels_whatever_the_judge_says(tmp_path: Path) -> None:
    wrong = replace(compared(by(new_first)), examples=tuple(replace(row, expected=row.inputs["word"]) for row in ROWS))
    result = carry_out(wrong, home_at(tmp_path))
    assert (result.best.prompt, result.seed.dev, result.best.dev) == (BETTER, 0.5, 1.0)
    assert (result.seed.test, result.best.test, result.status) == (1.0, 0.0, "no_improvement")
    assert result.compared
    assert not result.pairs


def test_no_label_is_shown_to_anybody_before_the_test(tmp_path: Path) -> None:
    asked: list[dict[str, str]] = []
    order = compared(by(new_first, asked))
    order = replace(order, examples=tuple(replace(row, expected=f"SECRET-{row.id}") for row in ROWS))
    heard: list[str] = []

    def listen(role: Role, request: Request) -> str:
        heard.append("\n".join(message.content for message in request.messages))
        model = (order.models or {})[role]
        assert isinstance(model, ScriptedModel)
        return model.answer(request)

    roles: tuple[Role, ...] = ("target", "optimizer", "judge")
    listening: dict[Role, LanguageModel] = {
        role: ScriptedModel(answer=partial(listen, role), name=f"scripted:{role}") for role in roles
    }
    carry_out(replace(order, models=listening), home_at(tmp_path))
    assert asked
    assert not any("SECRET" in text for text in heard)
    assert not any("reference" in shown for shown in asked)


def test_the_writer_is_shown_at_most_three_answers_and_other_rows_each_round(tmp_path: Path) -> None:
    shown: list[list[dict[str, object]]] = []

    def listen(request: Request) -> str:
        text = "\n".join(message.content for message in request.messages)
        shown.append(rows_of(sections(text)["answers"]))
        return numbered(request)

    order = compared(by(lambda *_: "tie"), optimizer=ScriptedModel(answer=listen, name="scripted:optimizer"))
    result = carry_out(order, home_at(tmp_path))
    assert (result.stop_reason, len(shown)) == ("patience", 4)
    assert {len(rows) for rows in shown} == {3}
    assert {key for rows in shown for row in rows for key in row} == {"id", "inputs", "answer"}
    assert len({tuple(str(row["id"]) for row in rows) for rows in shown}) == len(shown)


def test_a_task_without_a_goal_is_refused_before_anything_is_called(tmp_path: Path) -> None:
    order = compared(by(new_first))
    with pytest.raises(BadInput, match="'spo' compares answers by the goal, and there is none; choose another"):
        carry_out(replace(order, task=replace(order.task, goal=" ")), home_at(tmp_path))


def test_the_optimizers_model_judges_when_no_other_is_named_and_has_a_bill_of_its_own(tmp_path: Path) -> None:
    order = compared(by(new_first))
    assert order.task.judge is None
    result = carry_out(order, home_at(tmp_path))
    assert result.judge == order.task.optimizer
    assert result.as_dict()["calls"]["judge"] == 2 * JUDGED
    assert result.usd == pytest.approx(sum(used.usd for used in result.spent.values()))
