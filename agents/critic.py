"""The critic: says why a candidate failed, and whether a question about it is worth answering."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from socratune.agents.evidence import Brief, Failure, failure_lines, hypothesis_lines
from socratune.agents.instructions import AgentPrompt, ask
from socratune.memory.critiques import Critique, Hypothesis, Question, SubGoal
from socratune.memory.records import ExampleId
from socratune.tools.caller import Line
from socratune.tools.replies import CRITIQUE, JUDGEMENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Critic:
    """Failures of one cluster in, one critique out: at most three labelled hypotheses with the rows behind them."""

    line: Line
    instructions: AgentPrompt

    async def examine(
        self, brief: Brief, subgoal: SubGoal, failures: Sequence[Failure], *, attempt: int = 0
    ) -> Critique:
        """Return what the evidence supports; a hypothesis that cites no failure shown is dropped.

        Raises `MalformedReply`.
        """
        body = brief.sections() | {"subgoal": subgoal.goal, "failures": failure_lines(failures)}
        reply = await ask(self.line, self.instructions, CRITIQUE, body, attempt=attempt)
        shown = {failure.example.id for failure in failures}
        hypotheses: dict[str, Hypothesis] = {}
        for each in reply.hypotheses:
            if cited := tuple(ExampleId(x) for x in each.examples if x in shown):
                found = Hypothesis(label=each.label, cause=each.cause, rule=each.rule, example_ids=cited)
                hypotheses.setdefault(each.label, found)
        return Critique(
            candidate_id=brief.prompt.id,
            cluster=subgoal.cluster,
            hypotheses=tuple(hypotheses.values()),
            written_by=self.instructions.label,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionCritic:
    """Judges a question by its use and its evidence, not by its manner, as MARS' critic did."""

    line: Line
    instructions: AgentPrompt

    async def judge(
        self, brief: Brief, question: str, critique: Critique, failures: Sequence[Failure], *, attempt: int = 0
    ) -> Question:
        """Return the question with the labels it was accepted for (`c1-A`), which may be none.

        Raises `MalformedReply`.
        """
        body = brief.sections() | {
            "failures": failure_lines(failures),
            "hypotheses": hypothesis_lines(critique.hypotheses),
            "question": question,
        }
        reply = await ask(self.line, self.instructions, JUDGEMENT, body, attempt=attempt)
        labels = tuple(f"{critique.cluster}-{h.label}" for h in critique.hypotheses if h.label in reply.accepted)
        return Question(text=question, labels=labels, advice=reply.advice)
