"""The writers: what each is shown, and that its instructions say what it is. And the inspector."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from tests.fakes import Provider, line_to, row

from socratune.agents.evidence import Attempt, Brief, Failure, hypothesis_lines
from socratune.agents.inspector import Inspector
from socratune.agents.instructions import AgentPrompt
from socratune.agents.rewriter import Findings, Limits, Rewriter, Scored
from socratune.agents.styles import thinking_styles
from socratune.memory.critiques import Hypothesis, Inspection, Question
from socratune.memory.errors import MalformedReply
from socratune.memory.ledger import Ledger
from socratune.memory.records import Candidate, Demo, ExampleId, Lesson, Prompt, Rollout
from socratune.tools.sections import rows_of, sections
from socratune.tools.simulator.optimizer import SimulatedOptimizer
from socratune.tools.simulator.world import load_world

PROMPT = Prompt(system="You route tickets.", user="Which queue? {{ticket}}")
LONG = Prompt(user=f"{'Parcels go to returns. ' * 200}{{{{ticket}}}}")
BRIEF = Brief(goal="Route a support ticket to the right queue.", prompt=PROMPT)
LIMITS = Limits(variables=("ticket",), max_tokens=400)
SAME = "<reason>None.</reason><new_system>S</new_system><new_user>{{ticket}}</new_user>"


def run(number: int, text: str = "", *, reward: float = 0.0) -> Failure:
    example = row(number, text, "billing")
    return Failure(
        example=example,
        rollout=Rollout(candidate_id=PROMPT.id, example_id=example.id, output="sales", reward=reward, feedback="no"),
    )


FAILED = [run(1, "My refund is late."), run(2, "Cancel my subscription."), run(3, "The warranty is still valid.")]
PASSED = [run(4, "The parcel is here.", reward=1.0)]
FOUND = [Hypothesis(label="A", cause="Unsaid.", rule="Refunds go to billing.", example_ids=(ExampleId("r1"),))]
INSPECTED = [
    Inspection(example_id=ExampleId("r1"), label_is_right=True, prompt_says_it=False, edit="Refunds go to billing."),
    Inspection(example_id=ExampleId("r2"), label_is_right=False, prompt_says_it=True, edit=""),
]
HISTORY = [Scored(prompt=PROMPT, score=1 / 3), Scored(prompt=LONG, score=None)]

WRITERS: Mapping[str, Sequence[Findings]] = {
    "reflect": [Findings(failures=FAILED, lineage=HISTORY), Findings(failures=[], passes=PASSED)],
    "amend": [Findings(inspections=INSPECTED, step=30)],
    "induce": [Findings(examples=[each.example for each in FAILED])],
    "mutate": [Findings(style=thinking_styles()[0])],
    "paraphrase": [Findings()],
    "crossover": [Findings(other=LONG)],
    "history": [Findings(history=HISTORY, examples=[each.example for each in FAILED])],
    "compare": [Findings(answers=FAILED)],
    "compress": [Findings()],
    "synthesise": [Findings(hypotheses=FOUND, passes=PASSED, failures=FAILED)],
}
CASES = [(name, findings) for name, several in WRITERS.items() for findings in several]
every_case = pytest.mark.parametrize(("name", "findings"), CASES)


def shown(provider: Provider) -> dict[str, str]:
    return sections(provider.requests[0].messages[1].content)


def inspector(ledger: Ledger, provider: Provider) -> Inspector:
    return Inspector(line=line_to(ledger, provider), instructions=AgentPrompt.load("inspect"))


# --- writers


@pytest.mark.parametrize("name", WRITERS)
async def test_instructions_say_what_each_section_is_that_the_writer_is_shown_and_of_no_other(
    ledger: Ledger, name: str
) -> None:
    instructions, seen = AgentPrompt.load(name), set[str]()
    brief = replace(BRIEF, accepted=FOUND) if name == "induce" else BRIEF
    for findings in WRITERS[name]:
        provider = Provider(answer=lambda _: SAME)
        await Rewriter(line=line_to(ledger, provider), instructions=instructions).rewrite(brief, findings, LIMITS)
        seen |= shown(provider).keys()
    assert seen == set(re.findall(r"^- (\w+): ", instructions.text, re.MULTILINE))


async def test_the_rewriters_instructions_say_what_each_section_of_a_dialogue_is(
    ledger: Ledger,
) -> None:
    learned = Lesson(id="l", kind="lesson", text="Refunds go to billing.", task="t", run="r", gate="g", gain=0.1)
    tried = Attempt(candidate=Candidate(prompt=LONG, lessons=("Say it.",)), outcome="accepted, gain +0.10")
    findings = Findings(hypotheses=FOUND, questions=[Question(text="Why?", labels=("A",))])
    provider, instructions = Provider(answer=lambda _: SAME), AgentPrompt.load("rewriter")
    rewriter = Rewriter(line=line_to(ledger, provider), instructions=instructions)
    await rewriter.rewrite(replace(BRIEF, recalled=[learned], tried=[tried]), findings, LIMITS)
    assert shown(provider).keys() == set(re.findall(r"^- (\w+): ", instructions.text, re.MULTILINE))


@every_case
@pytest.mark.parametrize("strength", ["strong", "weak"])
async def test_the_simulated_optimizer_plays_every_writer(
    ledger: Ledger, name: str, findings: Findings, strength: str
) -> None:
    model = SimulatedOptimizer(world=load_world("ticket-routing"), strength=strength, seed=3)
    writer = Rewriter(line=line_to(ledger, model), instructions=AgentPrompt.load(name))
    child, reason = await writer.rewrite(BRIEF, findings, LIMITS)
    assert child.system
    assert child.user is not None
    assert child.user.count("{{ticket}}") == 1
    assert reason


@pytest.mark.parametrize("name", [*WRITERS, "rewriter"])
def test_every_writer_is_told_to_keep_placeholders_and_to_write_plainly(name: str) -> None:
    text = " ".join(AgentPrompt.load(name).text.split())
    assert "{{placeholder}} stays" in text or "{{placeholder}} stands" in text
    assert "add none" in text


def test_each_kind_of_finding_is_a_section_of_its_name_and_nothing_else_is_shown() -> None:
    assert Findings().sections() == {}
    body = Findings(style="As a list.", other=PROMPT, hypotheses=FOUND).sections()
    assert body == {
        "hypotheses": hypothesis_lines(FOUND),
        "other": "<system>\nYou route tickets.\n</system>\n<user>\nWhich queue? {{ticket}}\n</user>",
        "style": "As a list.",
    }


def test_answers_show_neither_label_nor_reward_nor_feedback() -> None:
    assert rows_of(Findings(answers=FAILED[:1]).sections()["answers"]) == [
        {"id": "r1", "inputs": {"ticket": "My refund is late."}, "answer": "sales"}
    ]


def test_examples_show_the_label_and_no_answer() -> None:
    assert rows_of(Findings(examples=[FAILED[0].example]).sections()["examples"]) == [
        {"id": "r1", "inputs": {"ticket": "My refund is late."}, "expected": "billing"}
    ]


def test_a_history_shows_whole_prompts_in_the_given_order_and_hides_unknown_scores() -> None:
    assert rows_of(Findings(history=HISTORY).sections()["history"]) == [
        {"score": 0.333, "prompt": {"system": "You route tickets.", "user": "Which queue? {{ticket}}"}},
        {"prompt": {"user": LONG.user}},
    ]


def test_a_step_stands_among_the_limits_only_where_there_is_one() -> None:
    assert "max_changed_words" not in json.loads(LIMITS.line())
    assert json.loads(LIMITS.line(step=0))["max_changed_words"] == 0


async def test_a_child_keeps_the_demos_of_its_first_parent(ledger: Ledger) -> None:
    demos = (Demo(inputs={"ticket": "Late."}, output="shipping"),)
    writer = Rewriter(line=line_to(ledger, Provider(answer=lambda _: SAME)), instructions=AgentPrompt.load("crossover"))
    brief = Brief(goal="g", prompt=Prompt(system="S", user="{{ticket}}", demos=demos))
    child, _ = await writer.rewrite(brief, Findings(other=PROMPT), LIMITS)
    assert child.demos == demos


# --- the inspector


def says(*rows: tuple[str, str]) -> Provider:
    told = {"reasoning": "", "label_is_right": True, "followed": True, "prompt_says_it": False}
    return Provider(answer=lambda _: json.dumps({"inspections": [{"id": a, **told, "edit": b} for a, b in rows]}))


async def test_one_inspection_a_failure_comes_back_in_the_order_of_the_failures(ledger: Ledger) -> None:
    provider = says(("r3", "C"), ("r9", "X"), ("r1", "A"), ("r1", "B"))
    found = await inspector(ledger, provider).inspect(BRIEF, FAILED)
    assert [(each.example_id, each.edit) for each in found] == [("r1", "A"), ("r3", "C")]
    assert rows_of(shown(provider)["failures"]) == [failure.row() for failure in FAILED]


async def test_the_inspector_may_leave_a_row_out(ledger: Ledger) -> None:
    assert await inspector(ledger, says()).inspect(BRIEF, FAILED) == ()


async def test_an_inspection_in_prose_is_malformed(ledger: Ledger) -> None:
    with pytest.raises(MalformedReply, match="inspect"):
        await inspector(ledger, Provider(answer=lambda _: "All of them look fine.")).inspect(BRIEF, FAILED)


# --- styles


def test_there_are_enough_thinking_styles_and_each_is_another() -> None:
    styles = thinking_styles()
    assert 16 <= len(styles) == len(set(styles)) <= 20
    assert all(isinstance(style, str) and len(style) < 200 for style in styles)
