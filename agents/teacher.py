"""The teacher: asks the question whose answer is a better prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from socratune.agents.evidence import Brief, Failure, failure_lines, hypothesis_lines
from socratune.agents.instructions import AgentPrompt, ask
from socratune.memory.critiques import Critique
from socratune.tools.caller import Line
from socratune.tools.replies import QUESTION


@dataclass(frozen=True, slots=True, kw_only=True)
class Teacher:
    """Asks one question at a time, about failures it can point at; it never answers it."""

    line: Line
    instructions: AgentPrompt

    async def ask(
        self, brief: Brief, critique: Critique, failures: Sequence[Failure], *, advice: str = "", attempt: int = 0
    ) -> str:
        """Return a question, or an empty text when there is none worth asking. Raises `MalformedReply`.

        `advice` is what the critic said of the question before.
        """
        body = brief.sections() | {
            "failures": failure_lines(failures),
            "hypotheses": hypothesis_lines(critique.hypotheses),
        }
        if advice:
            body |= {"advice": advice}
        return (await ask(self.line, self.instructions, QUESTION, body, attempt=attempt)).question
