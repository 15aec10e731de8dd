"""The chat: an interview, a card, a draft, and then remarks on it, one turn of the person after another.

The graph waits for words by an interrupt and finds them in the ledger; runs and files are the doors' business. It has
no end: a person leaves, and may come back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Literal, TypedDict

from langgraph.graph import START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, interrupt

from socratune.agents.card_writer import CardWriter, plain_card
from socratune.agents.drafter import Draft, Drafter
from socratune.agents.interviewer import Interviewer
from socratune.agents.listener import Listener
from socratune.agents.material import Material
from socratune.memory.errors import MalformedReply
from socratune.memory.records import Prompt
from socratune.memory.talk import SKIPPED, Card, Requirement, RowsSeen, Talk, Version
from socratune.tools import template
from socratune.tools.chat_forms import TOPICS, FeedbackReply, InterviewReply
from socratune.tools.draft_check import broken, held, shortfalls

MOST_QUESTIONS = 5
DRAFTS = 2
"""Times that the drafter may try, with what code found wrong in between."""
_ROW = re.compile(r"\b(?:(train|dev|test)[ -])?(?:(?:rows?|lines?)\s+#?|r)(\d+)\b", re.IGNORECASE)


class ChatState(TypedDict, total=False):
    """Where the chat stands; what was said and made is in the ledger."""

    turn: int
    """Words heard so far."""
    stage: Literal["interview", "review"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatDeps:
    """What the chat works with."""

    talk: Talk
    interviewer: Interviewer
    card_writer: CardWriter
    drafter: Drafter
    listener: Listener
    rows: RowsSeen
    saver: Any = None
    """The chat's checkpointer."""

    @property
    def material(self) -> Material:
        """What agents are told of the talk so far."""
        current = self.talk.current()
        return Material(turns=self.talk.turns(), rows=self.rows, prompt=current.prompt if current else None)


def chat_graph(saver: Any = None) -> CompiledStateGraph[ChatState, ChatDeps, ChatState, ChatState]:
    """Return the compiled graph; `saver` lets it wait for words."""
    graph = StateGraph(ChatState, context_schema=ChatDeps)
    graph.add_node("hear", hear)
    graph.add_node("interview", interview)
    graph.add_node("card", card)
    graph.add_node("draft", draft)
    graph.add_node("weigh", weigh)

    graph.add_edge(START, "hear")
    graph.add_conditional_edges("hear", after_hear)
    graph.add_conditional_edges("card", after_card)
    graph.add_edge("draft", "hear")
    return graph.compile(checkpointer=saver, name="chat")


def hear(state: ChatState) -> ChatState:
    """Wait until the words of the next turn are in the ledger."""
    turn = state["turn"] + 1
    interrupt({"turn": turn})
    return {"turn": turn}


def after_hear(state: ChatState) -> Literal["interview", "weigh"]:
    """Words answer a question until there is a card; from then on they are remarks."""
    return "interview" if state["stage"] == "interview" else "weigh"


async def interview(state: ChatState, runtime: Runtime[ChatDeps]) -> Command[Literal["hear", "card"]]:
    """Choose the question of the next turn, unless it was chosen before a crash."""
    deps, following = runtime.context, state["turn"] + 1
    if deps.talk.asked(following) is None:
        reply = await _question(deps)
        await deps.talk.ask(following, reply.topic, reply.question, reply.reason)
    asked = deps.talk.asked(following)
    goto: Literal["hear", "card"] = "hear" if asked is not None and asked.question else "card"
    return Command(goto=goto)


async def _question(deps: ChatDeps) -> InterviewReply:
    """Ask the interviewer; a topic that was asked about before ends the interview, as does a reply not in form."""
    enough = InterviewReply(question="")
    before = [turn.topic for turn in deps.talk.turns() if turn.question]
    if len(before) >= MOST_QUESTIONS:
        return enough
    try:
        reply = await deps.interviewer.question(deps.material, left=MOST_QUESTIONS - len(before))
    except MalformedReply:
        return enough
    return enough if reply.topic in before or reply.topic not in TOPICS else reply


async def card(state: ChatState, runtime: Runtime[ChatDeps]) -> ChatState:
    """Write down what the person wants."""
    deps, turn = runtime.context, state["turn"]
    if "card" not in deps.talk.made_in(turn):
        material = deps.material
        try:
            written = await deps.card_writer.write(material)
        except MalformedReply:
            written = plain_card(material)
        await deps.talk.keep_card(turn, fitted(written, deps.rows, material.prompt))
    return {"stage": "review"}


def fitted(written: Card, rows: RowsSeen, prompt: Prompt | None) -> Card:
    """Return a card whose inputs are columns of the rows or, without rows, placeholders of the prompt."""
    known = tuple(name for name in rows.columns if name != rows.expected)
    if not known and prompt is not None:
        known = template.unknown(prompt.instructions, ())
    inputs = tuple(name for name in written.inputs if name in known) or known or written.inputs
    return replace(written, inputs=inputs)


def after_card(state: ChatState, runtime: Runtime[ChatDeps]) -> Literal["draft", "hear"]:
    """A prompt that the person brought is theirs: it is not rewritten before they ask for it."""
    return "draft" if runtime.context.talk.current() is None else "hear"


async def draft(state: ChatState, runtime: Runtime[ChatDeps]) -> ChatState:
    """Write the prompt, or work the newest wish into it."""
    deps, turn = runtime.context, state["turn"]
    wanted = deps.talk.card()
    if wanted is None:
        raise AssertionError("a card is written before a draft")
    if "version" not in deps.talk.made_in(turn):
        made = await _drafted(deps, wanted)
        if made is None:
            await deps.talk.reply(turn, "No usable prompt was written. Say it in other words, and it is tried again.")
        else:
            version = Version(turn=turn, prompt=made.prompt, origin="draft", covers=made.covers)
            await deps.talk.keep_version(str(turn), version)
    return {"stage": "review"}


async def _drafted(deps: ChatDeps, wanted: Card) -> Draft | None:
    """Return the best of a few drafts; None when none of them can be used."""
    current = deps.talk.current()
    before, covers = (current.prompt, current.covers) if current else (None, {})
    locked = held(before, covers, wanted) if before else ()
    best: Draft | None = None
    problems: tuple[str, ...] = ()
    for _ in range(DRAFTS):
        try:
            made = await deps.drafter.write(wanted, before=before, locked=locked, problems=problems)
        except MalformedReply:
            break
        lost = [f"the locked text {text!r} is gone" for text in locked if text not in made.prompt.instructions]
        problems = (*lost, *shortfalls(made.prompt, made.covers, wanted, before=before))
        if not lost and not broken(made.prompt, wanted, before=before):
            best = made
        if not problems:
            break
    return best


async def weigh(state: ChatState, runtime: Runtime[ChatDeps]) -> Command[Literal["hear", "draft"]]:
    """Keep what a remark asks for: a rule on the card, a fault in the notes; the kind is judged, the rest is code."""
    deps, turn = runtime.context, state["turn"]
    words, wanted, current = deps.talk.said(turn) or "", deps.talk.card(), deps.talk.current()
    if wanted is None or words == SKIPPED:
        return Command(goto="hear")
    remark = await _classified(deps, words, wanted)
    outcome = kept(remark, words, wanted, deps.rows)
    await deps.talk.keep_card(turn, outcome.card)
    await deps.talk.reply(turn, outcome.said)
    redraft = current is None or len(outcome.card.requirements) > len(wanted.requirements)
    return Command(goto="draft" if redraft else "hear")


async def _classified(deps: ChatDeps, words: str, wanted: Card) -> FeedbackReply:
    current = deps.talk.current()
    try:
        return await deps.listener.classify(words, wanted, current.prompt if current else None)
    except MalformedReply:
        # Nothing that a person said is lost to a reply that cannot be read.
        return FeedbackReply(kind="critique", text=words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What became of a remark."""

    card: Card
    said: str


def kept(remark: FeedbackReply, words: str, wanted: Card, rows: RowsSeen) -> Kept:
    """Return the card with what a remark asks for, and what the person is told."""
    text = remark.text or words
    sealed = [row for row in rows_named(words) if rows.count and row not in rows.train]
    if remark.kind in ("constraint", "critique") and sealed:
        named = ", ".join(row.removeprefix("r") for row in sealed)
        told = f"Row {named} is sealed for the final test, so nothing about it may reach the search: not kept."
        return Kept(card=wanted, said=f"{told} Say it as a rule that holds for any input.")
    if remark.kind == "constraint" or (remark.kind == "critique" and not rows.count):
        new = Requirement(
            id=f"R{len(wanted.requirements) + 1}", text=text, quote=words, kept=remark.kind == "constraint"
        )
        card = replace(wanted, requirements=(*wanted.requirements, new))
        return Kept(card=card, said=f"Kept as requirement {new.id}: {text}")
    if remark.kind == "critique":
        card = replace(wanted, notes=(*wanted.notes, text))
        return Kept(card=card, said=f"Noted for the next /run: {text}")
    if remark.kind == "question":
        return Kept(card=wanted, said=remark.answer or "The material does not say. /why, /diff and /cost tell more.")
    return Kept(card=wanted, said="Nothing to keep was found in that. /help lists what can be done here.")


def rows_named(words: str) -> tuple[str, ...]:
    """Return the ids of the rows that some words name."""
    found = (each.groups("") for each in _ROW.finditer(words))
    return tuple(dict.fromkeys(f"{side.lower()}-r{number}" if side else f"r{number}" for side, number in found))
