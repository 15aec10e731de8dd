"""The forms in which agents answer, and what comes of their replies.

JSON for findings, tagged text for prompts (a prompt is full of quotes and braces). A form says in words what it wants;
what does not fit raises `NotInForm` with the reason, which the agent is told once before `MalformedReply`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from socratune.tools.reply_form import Form, FullText, JsonReply, NotInForm, Text, json_form, tagged


class PlannedStep(JsonReply):
    """One sub-goal."""

    cluster: FullText
    goal: FullText
    weight: float = Field(ge=0, le=1)


class PlanReply(JsonReply):
    """What the planner returns."""

    subgoals: tuple[PlannedStep, ...]


class ProposedCause(JsonReply):
    """One labelled hypothesis."""

    label: Annotated[str, StringConstraints(pattern=r"^[A-C]$")]
    cause: FullText
    rule: FullText
    examples: tuple[str, ...] = Field(min_length=1)


class CritiqueReply(JsonReply):
    """What the critic returns; no hypotheses means that it does not know."""

    hypotheses: tuple[ProposedCause, ...] = Field(max_length=3)


class QuestionReply(JsonReply):
    """What the teacher returns; an empty question means that it has none worth asking."""

    question: Text


class JudgementReply(JsonReply):
    """What the critic returns about a question."""

    accepted: tuple[str, ...]
    advice: Text = ""


class InspectedRow(JsonReply):
    """One failure, held against a checklist; what leads to the verdict comes before it."""

    id: FullText
    reasoning: Text
    label_is_right: bool
    followed: bool
    prompt_says_it: bool
    edit: Text = ""


class InspectionReply(JsonReply):
    """What the inspector returns."""

    inspections: tuple[InspectedRow, ...]


class GradedCriterion(JsonReply):
    """One criterion of a rubric, decided."""

    criterion: int
    quote: Text = ""
    reason: FullText
    met: bool


class GradeReply(JsonReply):
    """What a judge returns about one answer."""

    reasoning: Text
    criteria: tuple[GradedCriterion, ...]


class PreferenceReply(JsonReply):
    """What a judge returns about two answers."""

    reasoning: FullText
    better: Annotated[Literal["1", "2", "tie"], BeforeValidator(lambda value: str(value).strip().casefold())]


@dataclass(frozen=True, slots=True, kw_only=True)
class RewriteReply:
    """What the rewriter returns; a part that it left out is None."""

    system: str | None
    user: str | None
    reason: str


def _rewrite(reply: str) -> RewriteReply:
    system, user = tagged(reply, "new_system"), tagged(reply, "new_user")
    if system is None and user is None:
        raise NotInForm("neither <new_system> nor <new_user> stands in the reply")
    # Up to the first closing tag: the prompt itself may ask for reasons between such tags.
    reason, closed, _ = reply.partition("<reason>")[2].partition("</reason>")
    return RewriteReply(system=system, user=user, reason=reason.strip() if closed else "")


PLAN = json_form(
    "plan/1",
    """\
{"subgoals": [{"cluster": "<id of a cluster>", "goal": "<what an edit should achieve, one sentence>", \
"weight": <0 to 1, the share of effort>}]}
Most rewarding first. An empty list is right when no cluster can be mended by an edit of the prompt.""",
    PlanReply,
)
CRITIQUE = json_form(
    "critique/1",
    """\
{"hypotheses": [{"label": "A", "cause": "<what in the prompt, or missing from it, causes these failures>", \
"rule": "<one general sentence that could stand in the prompt and would mend them>", \
"examples": ["<id of a failure that shows it>"]}]}
At most three, labelled A, B, C, the best supported first. An empty list is the right answer when you don't know.""",
    CritiqueReply,
)
QUESTION = json_form(
    "question/1",
    """\
{"question": "<one question>"}
An empty string is the right answer when you don't know a question that would help.""",
    QuestionReply,
)
JUDGEMENT = json_form(
    "judgement/1",
    """\
{"accepted": ["<label of each hypothesis that holds and that the question helps to answer>"], \
"advice": "<if nothing is accepted: what a better question would ask, one sentence; else empty>"}""",
    JudgementReply,
)
REWRITE = Form(
    name="rewrite/1",
    text="""\
Answer with these tagged parts and nothing else; give each part that the prompt has, whole and ready to use. One line \
break after an opening tag and one before a closing tag do not count:
<reason>one sentence: what changed and why, or why nothing did</reason>
<new_system>the whole new system text; leave this tag out when the prompt has no system part</new_system>
<new_user>the whole new user text; leave this tag out when the prompt has no user part</new_user>
If you don't know how to improve the prompt, give it back unchanged.""",
    read=_rewrite,
)
INSPECTION = json_form(
    "inspection/1",
    """\
{"inspections": [{"id": "<id of the row>", "reasoning": "<what this row needs of the prompt, and what went wrong, one \
or two sentences>", "label_is_right": <true or false>, "followed": <true or false>, "prompt_says_it": <true or false>, \
"edit": "<the edit that would have helped, one sentence; empty when none is needed>"}]}
Each row once, in the order in which they are shown.""",
    InspectionReply,
)
GRADE = json_form(
    "grade/1",
    """\
{"reasoning": "<what the criteria ask of an answer to this input, and where the output falls short, two or three \
sentences>", "criteria": [{"criterion": <its number>, "quote": "<the words of the output that decide it, or empty>", \
"reason": "<why it is met or not, one sentence>", "met": <true or false>}]}
Each criterion once, in order.""",
    GradeReply,
)
PREFERENCE = json_form(
    "preference/1",
    """\
{"reasoning": "<what the goal asks of an answer to this input, and how each answer meets it, two or three sentences>", \
"better": "<1, 2 or tie>"}""",
    PreferenceReply,
)
FORMS = {form.name: form for form in (PLAN, CRITIQUE, QUESTION, JUDGEMENT, REWRITE, INSPECTION, GRADE, PREFERENCE)}


def grade_of(criteria: int) -> Form[GradeReply]:
    """Return the form of a grade in which each of so many criteria, counted from 1, is decided once."""

    def read(reply: str) -> GradeReply:
        found = GRADE.read(reply)
        decided = sorted(each.criterion for each in found.criteria)
        if decided != list(range(1, criteria + 1)):
            raise NotInForm(f"criteria: {decided} are decided, 1 to {criteria} are asked for, each once")
        return found

    return replace(GRADE, read=read)
