"""The drafter: writes the first prompt from a card, and works in what is asked for later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from socratune.agents.evidence import prompt_text
from socratune.agents.instructions import AgentPrompt, ask
from socratune.agents.material import card_text
from socratune.memory.records import Prompt
from socratune.memory.talk import Card
from socratune.tools.caller import Line
from socratune.tools.chat_forms import DRAFT
from socratune.tools.sections import lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A prompt, and which of its words meet which requirement of the card."""

    prompt: Prompt
    covers: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafter:
    """Writes a whole prompt; what it forgets is found by code, not by it."""

    line: Line
    instructions: AgentPrompt

    async def write(
        self, card: Card, *, before: Prompt | None, locked: Sequence[str] = (), problems: Sequence[str] = ()
    ) -> Draft:
        """Return a prompt that meets the card, in place of the one `before`. Raises `MalformedReply`.

        `problems` are what code found wrong with the last try; `locked` is what has to stay to the letter.
        """
        placeholders = [f"{{{{{name}}}}}" for name in card.inputs]
        if before is not None:  # a system part alone holds none: the input is sent after it
            placeholders = [each for each in placeholders if each in before.instructions]
        body = {"card": card_text(card), "limits": lines([{"variables": placeholders, "locked": list(locked)}])}
        if before is not None:
            body["prompt"] = prompt_text(before)
        if problems:
            body["problems"] = lines({"problem": problem} for problem in problems)
        reply = await ask(self.line, self.instructions, DRAFT, body)
        return Draft(
            prompt=replace(before or Prompt(), system=reply.prompt.system, user=reply.prompt.user), covers=reply.covers
        )
