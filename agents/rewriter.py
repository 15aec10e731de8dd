"""The writer of prompts. What it writes, and from what, its instructions and what it is shown decide."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from socratune.agents.evidence import Brief, Failure, failure_lines, hypothesis_lines, prompt_text
from socratune.agents.instructions import AgentPrompt, ask
from socratune.memory.critiques import Hypothesis, Inspection, Question
from socratune.memory.records import Example, Prompt
from socratune.tools.caller import Line
from socratune.tools.replies import REWRITE
from socratune.tools.sections import lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the rewriter is told that no edit may break; `tools/guard.py` checks it."""

    variables: tuple[str, ...]
    max_tokens: int
    """Of the new prompt, estimated. Less than the old one has asks for a shorter one."""
    locked: tuple[str, ...] = ()

    def line(self, *, step: int | None = None) -> str:
        """Return one JSON object; `step` is the number of words that may change, where there is such a limit."""
        placeholders = [f"{{{{{name}}}}}" for name in self.variables]
        limits: dict[str, object] = {
            "variables": placeholders,
            "max_tokens": self.max_tokens,
            "locked": list(self.locked),
        }
        return lines([limits if step is None else limits | {"max_changed_words": step}])


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A prompt of this run and what it scored."""

    prompt: Prompt
    score: float | None
    """In [0, 1]; None where the writer is not to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What an edit should act on; each kind that there is becomes a section of its name."""

    hypotheses: Sequence[Hypothesis] = ()
    questions: Sequence[Question] = ()
    failures: Sequence[Failure] = ()
    answers: Sequence[Failure] = ()
    """Rows with what was answered, right or wrong; nobody says which."""
    passes: Sequence[Failure] = ()
    """Rows that came out right."""
    inspections: Sequence[Inspection] = ()
    examples: Sequence[Example] = ()
    """Labelled rows, without an answer."""
    lineage: Sequence[Scored] = ()
    """Ancestors of the prompt, oldest first."""
    history: Sequence[Scored] = ()
    """Other prompts of the run, in the order in which they are to be shown: best last."""
    other: Prompt | None = None
    """A second parent."""
    style: str = ""
    """A way of thinking in which to write."""
    step: int | None = None
    """How many words the edit may change, counting both those that go and those that come."""

    def sections(self) -> dict[str, str]:
        """Return a section for each kind that there is."""
        body = {
            "questions": lines({"question": q.text, "labels": list(q.labels)} for q in self.questions),
            "hypotheses": hypothesis_lines(self.hypotheses),
            "failures": failure_lines(self.failures),
            "answers": lines(_unlabelled(row) for row in self.answers),
            "passes": failure_lines(self.passes),
            "inspections": lines(_inspected(each) for each in self.inspections),
            "examples": lines(_labelled(row) for row in self.examples),
            "lineage": _scored_lines(self.lineage),
            "history": _scored_lines(self.history),
            "other": "" if self.other is None else prompt_text(self.other),
            "style": self.style,
        }
        return {name: text for name, text in body.items() if getattr(self, name)}


def _unlabelled(row: Failure) -> dict[str, object]:
    return {name: value for name, value in row.row().items() if name in ("id", "inputs", "answer")}


def _labelled(row: Example) -> dict[str, object]:
    return {"id": row.id, "inputs": dict(row.inputs), "expected": row.expected}


def _inspected(each: Inspection) -> dict[str, object]:
    return {
        "id": each.example_id,
        "label_is_right": each.label_is_right,
        "prompt_says_it": each.prompt_says_it,
        "edit": each.edit,
    }


def _scored_lines(prompts: Sequence[Scored]) -> str:
    """Return one prompt a line, whole: what is cut here would be copied cut."""
    return "\n".join(json.dumps(_scored(each), ensure_ascii=False) for each in prompts)


def _scored(each: Scored) -> dict[str, object]:
    parts = {"system": each.prompt.system, "user": each.prompt.user}
    score: dict[str, object] = {} if each.score is None else {"score": round(each.score, 3)}
    return {**score, "prompt": {name: part for name, part in parts.items() if part is not None}}


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
        body = brief.sections() | {"limits": limits.line(step=findings.step)} | findings.sections()
        reply = await ask(self.line, self.instructions, REWRITE, body, attempt=attempt)
        return Prompt(system=reply.system, user=reply.user, demos=brief.prompt.demos), reply.reason
