"""The dialogue: who is asked, in what order, and when it ends. The models answer by role."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.fakes import line_to, row

from socratune.agents.evidence import Brief, Failure
from socratune.agents.rewriter import Limits
from socratune.graphs.cast import agents_of
from socratune.graphs.socratic import ASKS, Dialogue, DialogueDeps, accepted_hypotheses, hold_dialogue, socratic_graph
from socratune.memory.critiques import SubGoal
from socratune.memory.errors import MalformedReply
from socratune.memory.ledger import Ledger
from socratune.memory.records import Prompt, Rollout
from socratune.tools.journal import Journal
from socratune.tools.logs import run_log
from socratune.tools.models import Request, ScriptedModel
from socratune.tools.reply_form import form_asked
from socratune.tools.sections import rows_of, sections

SEED = Prompt(user="Which queue? {{ticket}}")
BETTER = Prompt(user="Which queue? {{ticket}}\nParcels go to returns.")
REWRITE = f"<reason>Parcels.</reason><new_user>{BETTER.user}</new_user>"
AGENTS = {"critique/1": "critic", "question/1": "teacher", "judgement/1": "judge", "rewrite/1": "rewriter"}
Seen = Mapping[str, str]
Answer = Callable[[Seen], str]


def critique(*labels: str) -> Answer:
    """Hypotheses that cite every failure shown."""

    def answer(seen: Seen) -> str:
        rows = [each["id"] for each in rows_of(seen["failures"])]
        causes = [
            {"label": x, "cause": f"cause {x}", "rule": f"rule {x} for {rows[0]}", "examples": rows} for x in labels
        ]
        return json.dumps({"hypotheses": causes})

    return answer


def question(text: str = "Where would they go?") -> Answer:
    return lambda seen: json.dumps({"question": f"{text} {seen.get('advice', '')}".strip() if text else ""})


def judgement(*accepted: str, advice: str = "") -> Answer:
    return lambda _: json.dumps({"accepted": accepted, "advice": advice})


@dataclass(slots=True)
class Script:
    """What each role answers, and what each was shown, in order."""

    critic: Answer = field(default_factory=lambda: critique("A", "B"))
    teacher: Answer = field(default_factory=question)
    judge: Answer = field(default_factory=lambda: judgement("A"))
    rewriter: Answer = lambda _: REWRITE
    turns: list[tuple[str, Seen]] = field(default_factory=list)

    def __call__(self, request: Request) -> str:
        agent = AGENTS[form_asked(request.messages[0].content) or ""]
        seen = sections(request.messages[1].content)
        self.turns.append((agent, seen))
        answer: Answer = getattr(self, agent)
        return answer(seen)

    @property
    def order(self) -> list[str]:
        return [agent for agent, _ in self.turns]

    def shown(self, agent: str) -> list[Seen]:
        return [seen for who, seen in self.turns if who == agent]


def failure(number: int) -> Failure:
    example = row(number, expected="returns")
    return Failure(
        example=example, rollout=Rollout(candidate_id=SEED.id, example_id=example.id, output="x", reward=0.0)
    )


def steps(*sizes: int) -> Sequence[tuple[SubGoal, Sequence[Failure]]]:
    """One sub-goal for each cluster of so many failures."""
    return [
        (
            SubGoal(cluster=f"c{n}", goal=f"Mend cluster {n}.", weight=0.5),
            [failure(10 * n + each) for each in range(size)],
        )
        for n, size in enumerate(sizes, 1)
    ]


@dataclass(frozen=True, slots=True)
class Hall:
    """Where dialogues are held."""

    ledger: Ledger
    log: Path

    async def hold(self, script: Script, *sizes: int, attempt: int = 0, critiques: int = 1) -> Dialogue:
        model = ScriptedModel(answer=script)
        return await hold_dialogue(
            DialogueDeps(
                agents=agents_of(line_to(self.ledger, model), SEED),
                brief=Brief(goal="Route tickets.", prompt=SEED),
                steps=steps(*sizes or (2,)),
                limits=Limits(variables=("ticket",), max_tokens=200),
                critiques=critiques,
                attempt=attempt,
                journal=Journal(ledger=self.ledger, log=run_log(self.log)),
                key="1.0",
            )
        )


@pytest.fixture
def hall(ledger: Ledger, tmp_path: Path) -> Hall:
    return Hall(ledger, tmp_path / "log.jsonl")


async def test_critic_teacher_critic_and_rewriter_speak_in_this_order(hall: Hall) -> None:
    script = Script()
    ended = await hall.hold(script)
    assert script.order == ["critic", "teacher", "judge", "rewriter"]
    assert (ended["child"], ended["reason"]) == (BETTER, "Parcels.")


async def test_the_rewriter_acts_on_what_was_accepted_and_on_nothing_else(hall: Hall) -> None:
    script = Script()
    ended = await hall.hold(script)
    (seen,) = script.shown("rewriter")
    assert [each["label"] for each in rows_of(seen["hypotheses"])] == ["c1-A"]
    assert rows_of(seen["questions"]) == [{"question": "Where would they go?", "labels": ["c1-A"]}]
    assert [each.label for each in accepted_hypotheses(ended)] == ["c1-A"]


async def test_a_question_that_is_turned_down_is_asked_anew_with_the_advice(hall: Hall) -> None:
    script = Script()
    script.judge = lambda seen: judgement("A" if "r11" in seen["question"] else "", advice="Name r11.")(seen)
    ended = await hall.hold(script)
    assert script.order == ["critic", "teacher", "judge", "teacher", "judge", "rewriter"]
    assert [seen.get("advice") for seen in script.shown("teacher")] == [None, "Name r11."]
    assert [each.text for each in ended["questions"]] == ["Where would they go?", "Where would they go? Name r11."]


async def test_nothing_is_asked_more_than_once_anew_and_what_nobody_accepts_leads_to_no_edit(hall: Hall) -> None:
    script = Script(judge=judgement(advice="No."))
    ended = await hall.hold(script)
    assert script.order == ["critic", *["teacher", "judge"] * ASKS]
    assert "child" not in ended
    assert accepted_hypotheses(ended) == []


async def test_a_refusal_without_advice_still_helps_the_teacher(hall: Hall) -> None:
    script = Script(judge=judgement())
    await hall.hold(script)
    assert script.shown("teacher")[1]["advice"] == "Point at the rows that show the cause."


async def test_a_critic_that_does_not_know_ends_the_step(hall: Hall) -> None:
    script = Script(critic=critique())
    ended = await hall.hold(script)
    assert script.order == ["critic"]
    assert "child" not in ended


async def test_a_teacher_without_a_question_is_believed(hall: Hall) -> None:
    script = Script(teacher=question(""))
    ended = await hall.hold(script)
    assert script.order == ["critic", "teacher"]
    assert "child" not in ended


async def test_one_cluster_that_leads_nowhere_does_not_stop_the_others(hall: Hall) -> None:
    script = Script()
    script.critic = lambda seen: critique(*([] if "cluster 1" in seen["subgoal"] else ["A"]))(seen)
    ended = await hall.hold(script, 2, 2)
    assert script.order == ["critic", "critic", "teacher", "judge", "rewriter"]
    assert [each.label for each in accepted_hypotheses(ended)] == ["c2-A"]


async def test_what_was_accepted_for_one_cluster_is_shown_to_everyone_at_the_next(hall: Hall) -> None:
    script = Script()
    await hall.hold(script, 2, 2)
    for agent in ("critic", "teacher", "judge"):
        first, second = script.shown(agent)
        assert "accepted" not in first
        assert rows_of(second["accepted"]) == [{"rule": "rule A for r10"}]


async def test_a_new_cluster_begins_without_the_advice_of_the_last(hall: Hall) -> None:
    script = Script(judge=judgement(advice="Name r11."))
    await hall.hold(script, 2, 2)
    assert [seen.get("advice") for seen in script.shown("teacher")] == [None, "Name r11.", None, "Name r11."]


async def test_all_clusters_lead_to_one_edit_with_the_best_supported_rule_first(hall: Hall) -> None:
    script = Script(judge=judgement("A", "B"))
    ended = await hall.hold(script, 1, 3)
    assert script.order.count("rewriter") == 1
    assert [each.label for each in accepted_hypotheses(ended)] == ["c2-A", "c2-B", "c1-A", "c1-B"]


async def test_each_question_is_recorded_once_without_its_text_in_the_log(hall: Hall) -> None:
    script = Script(judge=judgement(advice="No."))
    for _ in range(2):
        await hall.hold(script)
    asked = hall.ledger.events("question")
    assert [(each.key, each.body["accepted"], each.body["asked"]) for each in asked] == [
        ("question:1.0.0.1", 0, 1),
        ("question:1.0.0.2", 0, 2),
    ]
    assert asked[0].body["content"]["question"] == "Where would they go?"
    assert "Where would" not in hall.log.read_text()


async def test_a_replayed_dialogue_is_free_and_ends_the_same(hall: Hall) -> None:
    first = await hall.hold(Script(), 2, 2)
    script = Script()
    assert await hall.hold(script, 2, 2) == first
    assert script.turns == []
    await hall.hold(script, 2, 2, attempt=1)
    assert script.turns


async def test_a_long_plan_is_worked_through_to_its_end(hall: Hall) -> None:
    script = Script(judge=judgement(advice="No."))
    await hall.hold(script, *[1] * 8)
    assert script.order == ["critic", *["teacher", "judge"] * ASKS] * 8


async def test_an_agent_that_cannot_be_understood_ends_the_dialogue(hall: Hall) -> None:
    with pytest.raises(MalformedReply, match="teacher reply"):
        await hall.hold(Script(teacher=lambda _: "Hm."))


async def test_one_critique_of_several_is_enough_and_none_ends_the_dialogue(hall: Hall) -> None:
    muddled = iter(["Hm."] * 4)  # two of three, each asked for once more

    def examine(seen: Seen) -> str:
        return next(muddled, "") or critique("A")(seen)

    dialogue = await hall.hold(Script(critic=examine), critiques=3)
    assert "child" in dialogue
    with pytest.raises(MalformedReply, match="critic reply"):
        await hall.hold(Script(critic=lambda _: "Hm."), critiques=3, attempt=1)


def test_the_graph_holds_no_more_than_the_dialogue() -> None:
    nodes = set(socratic_graph().get_graph().nodes)
    assert nodes == {"__start__", "examine", "ask", "judge", "advance", "rewrite", "__end__"}
    assert socratic_graph().checkpointer is None


def test_what_was_accepted_is_empty_before_anything_was_said() -> None:
    assert accepted_hypotheses(Dialogue(step=0)) == []
