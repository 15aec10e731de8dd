"""The Socratic dialogue: critic, teacher, critic again, and at the end the rewriter.

For each sub-goal the critic examines one cluster of failures, the teacher asks one question, and the critic judges it,
sending it back once. What was accepted for all sub-goals goes to the rewriter together. The graph has no checkpointer:
the ledger remembers every answer.
"""

from __future__ import annotations

import asyncio
import operator
from collections.abc import Collection, Sequence
from contextvars import Context
from dataclasses import dataclass, replace
from functools import cache
from string import ascii_uppercase
from typing import Annotated, Literal, TypedDict, cast

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from socratune.agents.evidence import Brief, Failure
from socratune.agents.rewriter import Findings, Limits
from socratune.graphs.cast import Agents
from socratune.graphs.checkpoints import continue_graph
from socratune.graphs.recipe import Agent
from socratune.memory.critiques import Critique, Hypothesis, Question, SubGoal
from socratune.memory.errors import CallFailed, MalformedReply
from socratune.memory.records import Prompt
from socratune.tools.journal import Journal

ASKS = 2
"""Questions on one sub-goal: the first, and one more when the critic turned it down."""
SAMPLES = 100
"""More than the critiques of any cluster: a repeated dialogue asks for other ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DialogueDeps:
    """What one dialogue is about."""

    agents: Agents
    brief: Brief
    steps: Sequence[tuple[SubGoal, Sequence[Failure]]]
    limits: Limits
    critiques: int
    """How often the critic is asked about each cluster."""
    attempt: int
    journal: Journal
    key: str
    """Of the proposal: `2.0`."""
    without: Collection[Agent] = ()


class Dialogue(TypedDict, total=False):
    """Where the dialogue stands, and what it has found."""

    step: int
    asked: int
    advice: str
    question: str
    critique: Critique
    critiques: Annotated[list[Critique], operator.add]
    questions: Annotated[list[Question], operator.add]
    child: Prompt
    reason: str


async def examine(state: Dialogue, runtime: Runtime[DialogueDeps]) -> Dialogue:
    """Ask the critic why the prompt fails on the cluster of this step."""
    deps = runtime.context
    subgoal, failures = deps.steps[state["step"]]
    critique = pooled(await _critiques(deps, _brief(state, deps), subgoal, failures))
    found: Dialogue = {"critique": critique, "critiques": [critique], "asked": 0, "advice": ""}
    return found | {"questions": [_unopposed("", critique)]} if "teacher" in deps.without else found


async def _critiques(deps: DialogueDeps, brief: Brief, subgoal: SubGoal, failures: Sequence[Failure]) -> list[Critique]:
    """Ask the critic as often as the recipe says; one answer is enough. Without any, raises what went wrong last."""
    given, kept_back = list[Critique](), list[MalformedReply | CallFailed]()
    for sample in range(deps.critiques):
        try:
            attempt = SAMPLES * deps.attempt + sample
            given.append(await deps.agents.critic.examine(brief, subgoal, failures, attempt=attempt))
        except (MalformedReply, CallFailed) as error:
            kept_back.append(error)
    if not given:
        raise kept_back[-1]
    return given


def pooled(critiques: Sequence[Critique]) -> Critique:
    """Return what independent critiques of the same failures name, each rule once, with all rows named for it.

    One critique names what it noticed first; several together name more of what the failures show. Labelled anew.
    """
    found: dict[str, Hypothesis] = {}
    for hypothesis in (each for critique in critiques for each in critique.hypotheses):
        first = found.get(hypothesis.rule, hypothesis)
        rows = dict.fromkeys((*first.example_ids, *hypothesis.example_ids))
        found[hypothesis.rule] = replace(first, example_ids=tuple(rows))
    labelled = (replace(each, label=label) for each, label in zip(found.values(), ascii_uppercase, strict=False))
    return replace(critiques[0], hypotheses=tuple(labelled))


async def ask(state: Dialogue, runtime: Runtime[DialogueDeps]) -> Dialogue:
    """Let the teacher ask."""
    deps = runtime.context
    _, failures = deps.steps[state["step"]]
    question = await deps.agents.teacher.ask(
        _brief(state, deps), state["critique"], failures, advice=state["advice"], attempt=deps.attempt
    )
    return {"question": question, "asked": state["asked"] + 1}


async def judge(state: Dialogue, runtime: Runtime[DialogueDeps]) -> Dialogue:
    """Let the critic judge the question."""
    deps = runtime.context
    _, failures = deps.steps[state["step"]]
    if "critic" in deps.without:
        question = _unopposed(state["question"], state["critique"])
    else:
        question = await deps.agents.question_critic.judge(
            _brief(state, deps), state["question"], state["critique"], failures, attempt=deps.attempt
        )
    facts = {"accepted": len(question.labels), "asked": state["asked"]}
    key = f"{deps.key}.{state['step']}.{state['asked']}"
    await deps.journal.record("question", key, facts, {"question": question.text, "advice": question.advice})
    return {"questions": [question], "advice": question.advice or "Point at the rows that show the cause."}


def _unopposed(text: str, critique: Critique) -> Question:
    """Return a question that is accepted for every hypothesis."""
    return Question(text=text, labels=tuple(f"{critique.cluster}-{each.label}" for each in critique.hypotheses))


def advance(state: Dialogue) -> Dialogue:
    """Go to the next sub-goal."""
    return {"step": state["step"] + 1}


async def rewrite(state: Dialogue, runtime: Runtime[DialogueDeps]) -> Dialogue:
    """Let the rewriter answer all accepted questions by one edit."""
    deps = runtime.context
    accepted = [question for question in state["questions"] if question.labels and question.text]
    findings = Findings(hypotheses=accepted_hypotheses(state), questions=accepted)
    child, reason = await deps.agents.rewriter.rewrite(deps.brief, findings, deps.limits, attempt=deps.attempt)
    return {"child": child, "reason": reason}


def _brief(state: Dialogue, deps: DialogueDeps) -> Brief:
    """Add what was accepted on earlier clusters, so that nobody finds the same rule twice."""
    return replace(deps.brief, accepted=accepted_hypotheses(state))


def after_examine(state: Dialogue, runtime: Runtime[DialogueDeps]) -> Literal["ask", "advance"]:
    """Without a hypothesis there is nothing to ask about, and without a teacher nobody asks."""
    return "ask" if state["critique"].hypotheses and "teacher" not in runtime.context.without else "advance"


def after_ask(state: Dialogue) -> Literal["judge", "advance"]:
    """A teacher without a question is believed."""
    return "judge" if state["question"] else "advance"


def after_judge(state: Dialogue) -> Literal["ask", "advance"]:
    """Ask once more when nothing was accepted."""
    return "ask" if not state["questions"][-1].labels and state["asked"] < ASKS else "advance"


def after_advance(state: Dialogue, runtime: Runtime[DialogueDeps]) -> Literal["examine", "rewrite", "__end__"]:
    """Go on to the next cluster, then to the edit, if anything was accepted."""
    if state["step"] < len(runtime.context.steps):
        return "examine"
    return "rewrite" if accepted_hypotheses(state) else "__end__"


def accepted_hypotheses(state: Dialogue) -> list[Hypothesis]:
    """Return what the critic accepted, labelled so that clusters do not collide (`c1-A`), most evidence first."""
    labels = {label for question in state.get("questions", []) for label in question.labels}
    found = [
        replace(hypothesis, label=f"{critique.cluster}-{hypothesis.label}")
        for critique in state.get("critiques", [])
        for hypothesis in critique.hypotheses
    ]
    return sorted((h for h in found if h.label in labels), key=lambda h: (-len(h.example_ids), h.label))


@cache
def socratic_graph() -> CompiledStateGraph[Dialogue, DialogueDeps, Dialogue, Dialogue]:
    """Return the compiled dialogue."""
    graph = StateGraph(Dialogue, context_schema=DialogueDeps)
    graph.add_node("examine", examine)
    graph.add_node("ask", ask)
    graph.add_node("judge", judge)
    graph.add_node("advance", advance)
    graph.add_node("rewrite", rewrite)
    graph.add_edge(START, "examine")
    graph.add_conditional_edges("examine", after_examine)
    graph.add_conditional_edges("ask", after_ask)
    graph.add_conditional_edges("judge", after_judge)
    graph.add_conditional_edges("advance", after_advance)
    graph.add_edge("rewrite", END)
    return graph.compile(name="socratic")


async def hold_dialogue(deps: DialogueDeps) -> Dialogue:
    """Run one dialogue to its end. Raises what the agents raise."""
    dialogue = continue_graph(socratic_graph(), Dialogue(step=0), context=deps, thread=deps.key)
    # In a context of its own: a graph inside a node would inherit the checkpointer of the graph around it.
    return cast("Dialogue", await asyncio.create_task(dialogue, context=Context()))
