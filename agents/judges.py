"""The judges: score what no metric can, by a rubric or against another answer. They decide nothing but the score.

What a judge says is a reply to be parsed; the share of criteria, the tie and the rate of contradictions are arithmetic
in code. What it reads (rows, rubric, answers) stands in sections.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from socratune.agents.instructions import AgentPrompt, ask
from socratune.memory.errors import FinalFailure, MalformedReply, Paused
from socratune.memory.records import Example
from socratune.tools.caller import Line
from socratune.tools.metrics import NOTHING, Score
from socratune.tools.purse import Phase
from socratune.tools.replies import PREFERENCE, PreferenceReply, grade_of
from socratune.tools.reply_form import Form
from socratune.tools.rubrics import criteria
from socratune.tools.sections import lines, shorten

JUDGE_TOKENS = 2_000
"""Longest reply of a judge."""
LONGEST_REASON = 300
"""Characters of a judge's reason that go into the feedback."""
STRAIGHT_FAILURES = 10
"""Judgements in a row that could not be read; then the run pauses, for no score would come of it."""

T = TypeVar("T")
LOST = "worse than the original prompt's answer"
TIED = "no better than the original prompt's answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Where judgements are asked for, and those in a row that could not be read."""

    line: Line
    instructions: AgentPrompt
    _unread: list[str] = field(default_factory=list)

    async def _ask(self, form: Form[T], body: Mapping[str, str], *, phase: Phase) -> T:
        """Ask the judge. Raises `CallFailed` when its reply cannot be read, also after one repair."""
        try:
            reply = await ask(self.line, self.instructions, form, body, phase=phase)
        except MalformedReply as error:
            self._unread.append(str(error))
            if len(self._unread) >= STRAIGHT_FAILURES:
                cure = "start anew with another --judge if it goes on like this"
                count = f"{len(self._unread)} judgements in a row could not be read"
                raise Paused(f"{count}; {cure}; the last: {error}") from error
            raise FinalFailure("judge", "its reply is not in the asked form") from error
        self._unread.clear()
        return reply


@dataclass(frozen=True, slots=True, kw_only=True)
class RubricJudge(Judge):
    """Grades one answer by the criteria of a rubric."""

    async def grade(self, rubric: str, output: str, example: Example, *, phase: Phase) -> Score:
        """Return the share of criteria that are met; the feedback names the others.

        The row's label, where it has one, is shown as a reference. Raises `CallFailed` when there is no judgement: a
        missing reward, never a zero.
        """
        if not output.strip():
            return NOTHING
        wanted = criteria(rubric)
        body = {
            "rubric": rubric.strip(),
            "criteria": lines({"criterion": number, "text": text} for number, text in enumerate(wanted, 1)),
            **_row(example),
            "output": output,
        }
        reply = await self._ask(grade_of(len(wanted)), body, phase=phase)
        reasons = {each.criterion: each.reason for each in reply.criteria if not each.met}
        failed = [f"{wanted[number - 1]}: {shorten(why, LONGEST_REASON)}" for number, why in sorted(reasons.items())]
        return Score(reward=(len(wanted) - len(failed)) / len(wanted), feedback="; ".join(failed))


@dataclass(frozen=True, slots=True, kw_only=True)
class PairJudge(Judge):
    """Says which of two answers serves the goal better, asked in both orders."""

    async def compare(self, goal: str, pair: tuple[str, str], example: Example, *, phase: Phase) -> Score:
        """Return 1 when the second of the pair is better, 0 when the first is, and 0.5 for a tie.

        What the judge says in one order and not in the other is a tie. Raises `CallFailed` as `grade` does.
        """
        first, second = pair
        asked = await asyncio.gather(
            self._preferred(goal, (first, second), example, phase),
            self._preferred(goal, (second, first), example, phase),
            return_exceptions=True,
        )
        replies = [reply for reply in asked if isinstance(reply, PreferenceReply)]
        for failure in asked:
            if isinstance(failure, BaseException):
                raise failure
        ahead, behind = {"1": 0.0, "2": 1.0, "tie": 0.5}, {"1": 1.0, "2": 0.0, "tie": 0.5}
        rewards = ahead[replies[0].better], behind[replies[1].better]
        if rewards[0] != rewards[1]:
            return Score(reward=0.5, feedback=f"{TIED}: the judge chose another in another order", agreed=False)
        why = shorten(replies[0].reasoning, LONGEST_REASON)
        said = {0.0: f"{LOST}: {why}", 0.5: f"{TIED}: {why}", 1.0: ""}
        return Score(reward=rewards[0], feedback=said[rewards[0]], agreed=True)

    async def _preferred(self, goal: str, pair: tuple[str, str], example: Example, phase: Phase) -> PreferenceReply:
        body = {"goal": goal, **_row(example), "answer_1": pair[0], "answer_2": pair[1]}
        return await self._ask(PREFERENCE, body, phase=phase)


def _row(example: Example) -> dict[str, str]:
    """Return the row's sections. Nothing is cut: a judge that does not see all of it would guess."""
    row = {"input": json.dumps(dict(example.inputs), ensure_ascii=False)}
    return row | ({"reference": example.expected} if example.expected else {})
