"""The listener: says what a person's remark about a prompt asks for. What is done about it is decided by code."""

from __future__ import annotations

from dataclasses import dataclass

from socratune.agents.evidence import prompt_text
from socratune.agents.instructions import AgentPrompt, ask
from socratune.agents.material import card_text
from socratune.memory.records import Prompt
from socratune.memory.talk import Card
from socratune.tools.caller import Line
from socratune.tools.chat_forms import FEEDBACK, FeedbackReply


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Tells constraints, critiques and questions apart."""

    line: Line
    instructions: AgentPrompt

    async def classify(self, words: str, card: Card, prompt: Prompt | None) -> FeedbackReply:
        """Return the kind of a remark and the sentence to keep. Raises `MalformedReply`."""
        body = {"remark": words, "card": card_text(card)}
        if prompt is not None:
            body["prompt"] = prompt_text(prompt)
        return await ask(self.line, self.instructions, FEEDBACK, body)
