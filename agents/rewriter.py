"""The rewriter: answers the teacher's questions by editing the prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from socratune.agents.evidence import Brief, Failure, failure_lines, hypothesis_lines
from socratune.agents.instructions import AgentPrompt, ask
from socratune.memory.records import Hypothesis, Prompt, Question
from socratune.tools.caller import Line
from socratune.tools.replies import REWRITE
from socratune.tools.sections import lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the rewriter is told that no edit may break; `tools/guard.py` checks it."""

    variables: tuple[str, ...]
    max_tokens: int
    locked: tuple[str, ...] = ()

    def line(self) -> str:
        """Return one JSON object."""
        placeholders = [f"{{{{{name}}}}}" for name in self.variables]
        return lines([{"variables": placeholders, "max_tokens": self.max_tokens, "locked": list(self.locked)}])


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What an edit should act on: hypotheses that were accepted, the questions about them, or bare failures."""

    hypotheses: Sequence[Hypothesis] = ()
    questions: Sequence[Question] = ()
    failures: Sequence[Failure] = ()

    def sections(self) -> dict[str, str]:
        """Return a section for each kind that there is."""
        body = {}
        if self.questions:
            body["questions"] = lines({"question": q.text, "labels": list(q.labels)} for q in self.questions)
        if self.hypotheses:
            body["hypotheses"] = hypothesis_lines(self.hypotheses)
        if self.failures:
            body["failures"] = failure_lines(self.failures)
        return body


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewriter:
    """Writes a whole new prompt; it keeps the parts and the demos that the old one has."""

    line: Line
    instructions: AgentPrompt

    async def rewrite(
        self, brief: Brief, findings: Findings, limits: Limits, *, attempt: int = 0
    ) -> tuple[Prompt, str]:
        """Return the edited prompt and the reason for the edit. Raises `MalformedReply`.

        What comes back may break the limits; the guard decides.
        """
        body = brief.sections() | {"limits": limits.line()} | findings.sections()
        reply = await ask(self.line, self.instructions, REWRITE, body, attempt=attempt)
        return Prompt(system=reply.system, user=reply.user, demos=brief.prompt.demos), reply.reason
