"""The agents that judge: planner, critic, teacher, rewriter; and what each is shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pytest
from tests.fakes import Provider, line_to, row

from socratune.agents.critic import Critic, QuestionCritic
from socratune.agents.evidence import Attempt, Brief, Failure, prompt_text
from socratune.agents.instructions import AgentPrompt
from socratune.agents.planner import Planner
from socratune.agents.rewriter import Findings, Limits, Rewriter
from socratune.agents.teacher import Teacher
from socratune.memory.critiques import Critique, Hypothesis, Question, SubGoal
from socratune.memory.errors import MalformedReply
from socratune.memory.ledger import Ledger
from socratune.memory.records import Candidate, Cluster, Demo, ExampleId, Lesson, Prompt, Rollout
from socratune.tools.caller import Line
from socratune.tools.sections import rows_of, sections

Said = Callable[[str | Mapping[str, object]], Provider]
PROMPT = Prompt(system="You route tickets.", user="Which queue? {{ticket}}")
BRIEF = Brief(goal="Route tickets.", prompt=PROMPT)
GOAL = SubGoal(cluster="c1", goal="Say where parcels go.", weight=0.5)


def failure(number: int, *, text: str = "", feedback: str = "") -> Failure:
    example = row(number, text, "returns")
    rollout = Rollout(candidate_id=PROMPT.id, example_id=example.id, output="sales", reward=0.0, feedback=feedback)
    return Failure(example=example, rollout=rollout)


FAILURES = [failure(1), failure(2, feedback="expected 'returns', got 'sales'"), failure(3)]
CLUSTERS = [Cluster(id=f"c{n}", signature="expected 'returns'", example_ids=(ExampleId(f"r{n}"),)) for n in (1, 2)]


def hypothesis(label: str, *rows: str) -> Hypothesis:
    examples = tuple(ExampleId(each) for each in rows or ("r1",))
    return Hypothesis(label=label, cause=f"cause {label}", rule=f"rule {label}", example_ids=examples)


def critique(*hypotheses: Hypothesis) -> Critique:
    return Critique(
        candidate_id=PROMPT.id, cluster="c1", hypotheses=hypotheses, written_by=AgentPrompt.load("critic").label
    )


def says(answer: str | Mapping[str, object]) -> Provider:
    return Provider(answer=lambda _: answer if isinstance(answer, str) else json.dumps(answer))


def shown(provider: Provider) -> dict[str, str]:
    """The sections that the agent was sent, without their marks."""
    return sections(provider.requests[0].messages[1].content)


def cause(label: str, *rows: str) -> dict[str, object]:
    return {"label": label, "cause": f"cause {label}", "rule": f"rule {label}", "examples": list(rows)}


def step(cluster: str, weight: float, goal: str = "Mend it.") -> dict[str, object]:
    return {"cluster": cluster, "goal": goal, "weight": weight}


def planner(line: Line) -> Planner:
    return Planner(line=line, instructions=AgentPrompt.load("planner"))


def critic(line: Line) -> Critic:
    return Critic(line=line, instructions=AgentPrompt.load("critic"))


def question_critic(line: Line) -> QuestionCritic:
    return QuestionCritic(line=line, instructions=AgentPrompt.load("judge_question"))


def teacher(line: Line) -> Teacher:
    return Teacher(line=line, instructions=AgentPrompt.load("teacher"))


def rewriter(line: Line) -> Rewriter:
    return Rewriter(line=line, instructions=AgentPrompt.load("rewriter"))


# --- planner


async def test_the_planner_ranks_clusters_that_exist_each_once(ledger: Ledger) -> None:
    steps = [step("c1", 0.2, "first"), step("c9", 1.0), step("c2", 0.7), step("c1", 0.9, "again")]
    plan = await planner(line_to(ledger, says({"subgoals": steps}))).plan(BRIEF, CLUSTERS, FAILURES)
    assert [(each.cluster, each.goal, each.weight) for each in plan] == [("c2", "Mend it.", 0.7), ("c1", "first", 0.2)]


async def test_of_equal_sub_goals_the_planners_first_comes_first(ledger: Ledger) -> None:
    steps = [step("c1", 0.5), step("c2", 0.5)]
    plan = await planner(line_to(ledger, says({"subgoals": steps}))).plan(BRIEF, CLUSTERS, FAILURES)
    assert [each.cluster for each in plan] == ["c1", "c2"]


async def test_the_planner_may_find_nothing_to_mend(ledger: Ledger) -> None:
    assert await planner(line_to(ledger, says({"subgoals": []}))).plan(BRIEF, CLUSTERS, FAILURES) == ()


async def test_the_planner_sees_two_failures_of_each_cluster(ledger: Ledger) -> None:
    provider = says({"subgoals": []})
    rows = tuple(each.example.id for each in FAILURES)
    crowded = [Cluster(id="c1", signature="expected 'returns'", example_ids=rows)]
    await planner(line_to(ledger, provider)).plan(BRIEF, crowded, FAILURES)
    (cluster,) = rows_of(shown(provider)["clusters"])
    assert (cluster["cluster"], cluster["count"]) == ("c1", 3)
    assert cluster["examples"] == [FAILURES[0].row(), FAILURES[1].row()]


# --- critic


async def test_a_hypothesis_that_cites_nothing_it_was_shown_is_dropped(ledger: Ledger) -> None:
    causes = [cause("A", "r9"), cause("B", "r1", "r9", "r2"), cause("C", "r3")]
    found = await critic(line_to(ledger, says({"hypotheses": causes}))).examine(BRIEF, GOAL, FAILURES)
    assert found == critique(hypothesis("B", "r1", "r2"), hypothesis("C", "r3"))


async def test_of_two_hypotheses_with_one_label_the_first_is_kept(ledger: Ledger) -> None:
    causes = [cause("A", "r1"), cause("B", "r2"), cause("A", "r3")]
    found = await critic(line_to(ledger, says({"hypotheses": causes}))).examine(BRIEF, GOAL, FAILURES)
    assert found.hypotheses == (hypothesis("A", "r1"), hypothesis("B", "r2"))


async def test_the_critic_may_say_that_it_does_not_know(ledger: Ledger) -> None:
    found = await critic(line_to(ledger, says({"hypotheses": []}))).examine(BRIEF, GOAL, FAILURES)
    assert found.hypotheses == ()


async def test_the_critic_sees_the_sub_goal_and_each_failure(ledger: Ledger) -> None:
    provider = says({"hypotheses": []})
    await critic(line_to(ledger, provider)).examine(BRIEF, GOAL, FAILURES)
    assert shown(provider)["subgoal"] == GOAL.goal
    assert rows_of(shown(provider)["failures"]) == [each.row() for each in FAILURES]


# --- the critic of questions


async def test_a_question_is_accepted_for_labels_that_name_their_cluster(ledger: Ledger) -> None:
    judge = question_critic(line_to(ledger, says({"accepted": ["C", "A", "Z"], "advice": ""})))
    labels = critique(hypothesis("A"), hypothesis("B"), hypothesis("C"))
    question = await judge.judge(BRIEF, "Where do parcels go?", labels, FAILURES)
    assert question == Question(text="Where do parcels go?", labels=("c1-A", "c1-C"), advice="")


async def test_a_question_that_is_turned_down_comes_back_with_advice(ledger: Ledger) -> None:
    provider = says({"accepted": [], "advice": "Ask about r2."})
    question = await question_critic(line_to(ledger, provider)).judge(
        BRIEF, "Why?", critique(hypothesis("A")), FAILURES
    )
    assert (question.labels, question.advice) == ((), "Ask about r2.")
    assert shown(provider)["question"] == "Why?"
    assert rows_of(shown(provider)["hypotheses"])[0]["label"] == "A"


# --- teacher


@pytest.mark.parametrize("advice", ["", "Ask about r2."])
async def test_the_teacher_hears_advice_only_where_there_is_some(ledger: Ledger, advice: str) -> None:
    provider = says({"question": "Where would r2 go?"})
    asked = await teacher(line_to(ledger, provider)).ask(BRIEF, critique(hypothesis("A")), FAILURES, advice=advice)
    assert asked == "Where would r2 go?"
    assert shown(provider).get("advice", "") == advice


# --- rewriter

DEMOS = (Demo(inputs={"ticket": "My refund"}, output="billing"),)
LIMITS = Limits(variables=("ticket",), max_tokens=200, locked=("Answer with the name only.",))


async def test_the_rewriter_keeps_the_demos(ledger: Ledger) -> None:
    reply = "<reason>Parcels.</reason><new_system>New.</new_system><new_user>{{ticket}}</new_user>"
    brief = Brief(goal="g", prompt=Prompt(system="Old.", user="{{ticket}}", demos=DEMOS))
    child, reason = await rewriter(line_to(ledger, says(reply))).rewrite(brief, Findings(), LIMITS)
    assert child == Prompt(system="New.", user="{{ticket}}", demos=DEMOS)
    assert reason == "Parcels."


async def test_the_rewriter_sees_its_limits_and_what_to_act_on(ledger: Ledger) -> None:
    provider = says("<new_user>{{ticket}}</new_user>")
    findings = Findings(
        hypotheses=[hypothesis("c1-A")], questions=[Question(text="Why?", labels=("c1-A",))], failures=FAILURES[:1]
    )
    await rewriter(line_to(ledger, provider)).rewrite(BRIEF, findings, LIMITS)
    seen = shown(provider)
    assert list(seen) == ["goal", "prompt", "limits", "questions", "hypotheses", "failures"]
    assert rows_of(seen["limits"]) == [
        {"variables": ["{{ticket}}"], "max_tokens": 200, "locked": ["Answer with the name only."]}
    ]
    assert rows_of(seen["questions"]) == [{"question": "Why?", "labels": ["c1-A"]}]


async def test_a_rewrite_that_was_cut_is_malformed_and_never_a_prompt(ledger: Ledger) -> None:
    cut = "<reason>Parcels.</reason><new_user>Which queue? {{ticket}} Parcels go to"
    with pytest.raises(MalformedReply, match="may be cut"):
        await rewriter(line_to(ledger, says(cut))).rewrite(BRIEF, Findings(), LIMITS)


# --- what all are shown


def test_a_brief_holds_only_what_there_is() -> None:
    assert list(BRIEF.sections()) == ["goal", "prompt"]
    assert Findings().sections() == {}


def test_a_brief_tells_of_memories_tested_edits_and_accepted_rules() -> None:
    lesson = Lesson(id="l", kind="lesson", text="State units.", task="t", run="r", gate="g", gain=0.12345)
    tried = Attempt(candidate=Candidate(prompt=PROMPT, lessons=("rule B",)), outcome="rejected after 8 rows")
    seen = Brief(goal="g", prompt=PROMPT, recalled=[lesson], tried=[tried], accepted=[hypothesis("A")]).sections()
    assert rows_of(seen["memory"]) == [{"kind": "lesson", "text": "State units.", "gain": 0.123}]
    assert rows_of(seen["tried"]) == [{"rules": ["rule B"], "outcome": "rejected after 8 rows"}]
    assert rows_of(seen["accepted"]) == [{"rule": "rule A"}]


def test_a_prompt_is_shown_with_the_parts_it_has() -> None:
    assert prompt_text(PROMPT) == "<system>\nYou route tickets.\n</system>\n<user>\nWhich queue? {{ticket}}\n</user>"
    with_demos = prompt_text(Prompt(user="{{ticket}}", demos=DEMOS))
    assert "<system>" not in with_demos
    assert '<demos>\n{"inputs": {"ticket": "My refund"}, "output": "billing"}\n</demos>' in with_demos


async def test_a_row_of_megabytes_does_not_flood_any_agent(ledger: Ledger) -> None:
    huge = [failure(1, text="x" * 5_000_000)]
    provider = says({"subgoals": []})
    await planner(line_to(ledger, provider)).plan(BRIEF, CLUSTERS[:1], huge)
    critics = says({"hypotheses": []})
    await critic(line_to(ledger, critics)).examine(BRIEF, GOAL, huge)
    for each in (provider, critics):
        assert sum(len(message.content) for message in each.requests[0].messages) < 12_000
