"""The interviewer: asks a person, one question at a time, what a prompt has to know."""

from __future__ import annotations

from dataclasses import dataclass

from socratune.agents.instructions import AgentPrompt, ask
from socratune.agents.material import Material
from socratune.tools.caller import Line
from socratune.tools.chat_forms import INTERVIEW, InterviewReply
from socratune.tools.sections import lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Interviewer:
    """Plays Socrates towards the person, as the teacher does towards the rewriter."""

    line: Line
    instructions: AgentPrompt

    async def question(self, material: Material, *, left: int) -> InterviewReply:
        """Return the next question; an empty one when enough is known. Raises `MalformedReply`."""
        body = material.sections() | {"left": lines([{"questions": left}])}
        return await ask(self.line, self.instructions, INTERVIEW, body)
