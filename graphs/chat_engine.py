"""Carries a chat from one word of the person to the next: opens its ledger, its models and its checkpoints."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from langgraph.types import Command

from socratune.agents.card_writer import CardWriter
from socratune.agents.drafter import Drafter
from socratune.agents.instructions import AgentPrompt
from socratune.agents.interviewer import Interviewer
from socratune.agents.listener import Listener
from socratune.graphs.chat import ChatDeps, ChatState, chat_graph
from socratune.graphs.checkpoints import checkpoints, continue_graph
from socratune.memory.ledger import Ledger, Spent
from socratune.memory.model_options import PLAIN, ModelOptions
from socratune.memory.records import Budget
from socratune.memory.runs import RunFolder, write_once
from socratune.memory.talk import RowsSeen, Talk
from socratune.tools.caller import Caller, Line
from socratune.tools.models import LanguageModel, connect
from socratune.tools.purse import Purse

REPLY_TOKENS = 2_000
"""Longest reply, unless the task file says otherwise; a draft may be twice as long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatOrder:
    """How a chat is carried on."""

    optimizer: str
    """Model specification."""
    budget: Budget
    """Of the whole chat, its runs included."""
    runs_spent: Spent
    """What the runs of the chat have used of it."""
    rows: RowsSeen
    options: ModelOptions = PLAIN
    """Of the optimizer."""
    hosts: Mapping[str, str] = field(default_factory=dict)
    """The variable with the key of each host that may have one."""
    seed: int = 0
    model: LanguageModel | None = None
    """A model of the caller's own; None connects the one that is named."""


async def advance(order: ChatOrder, ledger: Ledger, folder: RunFolder) -> int:
    """Go on until words are needed that were not said yet, and return the number of their turn.

    Raises `CallFailed`, `BudgetExhausted`, `Paused` or `Interrupted`; the chat stays where it is.
    """
    async with _prepared(order, ledger, folder) as deps:
        graph = chat_graph(deps.saver)
        start: ChatState | Command[None] = ChatState(turn=0, stage="interview")
        while True:
            await continue_graph(graph, start, context=deps, thread=ledger.run)
            state = await graph.aget_state({"configurable": {"thread_id": ledger.run}})
            turn = int(state.interrupts[0].value["turn"])
            if deps.talk.said(turn) is None:
                return turn
            start = Command(resume=True)


@asynccontextmanager
async def _prepared(order: ChatOrder, ledger: Ledger, folder: RunFolder) -> AsyncIterator[ChatDeps]:
    """Give what the chat works with; whatever happens inside, what was sent is waited for."""
    caller = _caller(order, ledger, folder)
    try:
        async with checkpoints(folder.checkpoints) as saver:
            longest = order.options.max_tokens or REPLY_TOKENS
            yield _deps(Line(caller=caller, role="optimizer", max_tokens=longest), order, ledger, saver)
    finally:
        await caller.drain()


def _caller(order: ChatOrder, ledger: Ledger, folder: RunFolder) -> Caller:
    spent = Spent.total([*ledger.spent().values(), order.runs_spent])
    lost = sum(spent.usd for spent in ledger.spent(state="sent").values())
    model = order.model or connect(
        order.optimizer, examples=(), seed=order.seed, options=order.options, hosts=order.hosts
    )
    secret = bytes.fromhex(write_once(folder.path / "secret", secrets.token_hex(16)))
    purse = Purse(order.budget, held={}, spent=spent, lost_usd=lost)
    return Caller({"optimizer": model}, ledger=ledger, purse=purse, secret=secret, concurrency=1)


def _deps(line: Line, order: ChatOrder, ledger: Ledger, saver: object) -> ChatDeps:
    return ChatDeps(
        talk=Talk(ledger),
        interviewer=Interviewer(line=line, instructions=AgentPrompt.load("interview")),
        card_writer=CardWriter(line=line, instructions=AgentPrompt.load("card")),
        drafter=Drafter(line=replace(line, max_tokens=2 * line.max_tokens), instructions=AgentPrompt.load("draft")),
        listener=Listener(line=line, instructions=AgentPrompt.load("feedback")),
        rows=order.rows,
        saver=saver,
    )
