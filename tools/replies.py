"""The forms in which agents answer, and the one parser of their replies.

JSON for findings, tagged text for prompts (a prompt is full of quotes and braces). A form says in words what it wants;
what does not fit raises `NotInForm` with the reason, which the agent is told once before `MalformedReply`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

T_co = TypeVar("T_co", covariant=True)
M = TypeVar("M", bound=BaseModel)

LONGEST_REPLY = 200_000
"""Characters; a longer reply is not read."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4_000)]
FullText = Annotated[Text, StringConstraints(min_length=1)]


class NotInForm(ValueError):  # a finding about a text, named like MalformedReply
    """The reply is not in the asked form; the message says what is wrong, in words an agent can act on."""


class _Reply(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class PlannedStep(_Reply):
    """One sub-goal."""

    cluster: FullText
    goal: FullText
    weight: float = Field(ge=0, le=1)


class PlanReply(_Reply):
    """What the planner returns."""

    subgoals: tuple[PlannedStep, ...]


class ProposedCause(_Reply):
    """One labelled hypothesis."""

    label: Annotated[str, StringConstraints(pattern=r"^[A-C]$")]
    cause: FullText
    rule: FullText
    examples: tuple[str, ...] = Field(min_length=1)


class CritiqueReply(_Reply):
    """What the critic returns; no hypotheses means that it does not know."""

    hypotheses: tuple[ProposedCause, ...] = Field(max_length=3)


class QuestionReply(_Reply):
    """What the teacher returns; an empty question means that it has none worth asking."""

    question: Text


class JudgementReply(_Reply):
    """What the critic returns about a question."""

    accepted: tuple[str, ...]
    advice: Text = ""


class GradedCriterion(_Reply):
    """One criterion of a rubric, decided."""

    criterion: int
    quote: Text = ""
    reason: FullText
    met: bool


class GradeReply(_Reply):
    """What a judge returns about one answer."""

    reasoning: Text
    criteria: tuple[GradedCriterion, ...]


class PreferenceReply(_Reply):
    """What a judge returns about two answers."""

    reasoning: FullText
    better: Annotated[Literal["1", "2", "tie"], BeforeValidator(lambda value: str(value).strip().casefold())]


@dataclass(frozen=True, slots=True, kw_only=True)
class RewriteReply:
    """What the rewriter returns; a part that it left out is None."""

    system: str | None
    user: str | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Form(Generic[T_co]):
    """A way to answer: what to say about it, and how to read it."""

    name: str
    text: str
    read: Callable[[str], T_co]

    @property
    def schema(self) -> Mapping[str, object] | None:
        """The JSON schema of the reply, in the strict form that providers enforce; None for tagged text."""
        return _strict(self.read.model) if isinstance(self.read, _Json) else None

    @property
    def instructions(self) -> str:
        """How to answer, for the end of an agent's instructions."""
        return f"Reply form: {self.name}\n{self.text}"

    def parse(self, reply: str) -> T_co:
        """Raises `NotInForm`."""
        if not reply.strip():
            raise NotInForm("the reply is empty")
        if len(reply) > LONGEST_REPLY:
            raise NotInForm(f"the reply has {len(reply)} characters, {LONGEST_REPLY} at most are read")
        return self.read(reply)


def _object_in(reply: str) -> object:
    """Return the first JSON object that stands in `reply`, also inside prose or a code fence."""
    start = reply.find("{")
    if start < 0:
        raise NotInForm("there is no JSON object in the reply")
    try:
        return json.JSONDecoder().raw_decode(reply, start)[0]
    except (ValueError, RecursionError) as error:  # a ValueError alone: a number of thousands of digits
        raise NotInForm(f"the JSON object is broken or cut: {error}") from error


@dataclass(frozen=True, slots=True)
class _Json(Generic[M]):
    """Reads a reply as one JSON object."""

    model: type[M]

    def __call__(self, reply: str) -> M:
        try:
            return self.model.model_validate(_object_in(reply))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise NotInForm(f"{where or 'the object'}: {first['msg']}") from error


def _json(model: type[M]) -> Callable[[str], M]:
    return _Json(model)


def _strict(model: type[BaseModel]) -> Mapping[str, object]:
    """Return the schema of a model without what a provider may refuse: bounds, patterns, defaults, open objects.

    What is left out here is still checked when the reply is read.
    """
    schema = model.model_json_schema()
    shapes = {name: _shape(shape) for name, shape in schema.get("$defs", {}).items()}
    return {"title": model.__name__, **_shape(schema), **({"$defs": shapes} if shapes else {})}


def _shape(schema: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: schema[name] for name in ("$ref", "type", "enum", "const") if name in schema}
    if "items" in schema:
        kept["items"] = _shape(schema["items"])
    if "anyOf" in schema:
        kept["anyOf"] = [_shape(each) for each in schema["anyOf"]]
    if "properties" in schema:
        kept["properties"] = {name: _shape(each) for name, each in schema["properties"].items()}
        kept |= {"required": list(schema["properties"]), "additionalProperties": False}
    return kept


def json_form(name: str, text: str, model: type[M]) -> Form[M]:
    """Return a form that asks for one JSON object, described by `text`."""
    return Form(name=name, text=f"Answer with one JSON object and nothing else:\n{text}", read=_json(model))


def _tagged(reply: str, tag: str) -> str | None:
    """Return what stands between `<tag>` and `</tag>`; None when neither is there."""
    opening, closing = f"<{tag}>", f"</{tag}>"
    start, end = reply.find(opening), reply.rfind(closing)
    if start < 0 and end < 0:
        return None
    if start < 0 or end < start:
        raise NotInForm(f"{opening} and {closing} do not both stand in the reply; it may be cut")
    if reply.count(opening) > 1 or reply.count(closing) > 1:
        raise NotInForm(f"{opening} or {closing} stands more than once in the reply")
    return re.sub(r"\A[ \t]*\n|\n[ \t]*\Z", "", reply[start + len(opening) : end])


def _rewrite(reply: str) -> RewriteReply:
    system, user = _tagged(reply, "new_system"), _tagged(reply, "new_user")
    if system is None and user is None:
        raise NotInForm("neither <new_system> nor <new_user> stands in the reply")
    # Up to the first closing tag: the prompt itself may ask for reasons between such tags.
    reason, closed, _ = reply.partition("<reason>")[2].partition("</reason>")
    return RewriteReply(system=system, user=user, reason=reason.strip() if closed else "")


PLAN = Form(
    name="plan/1",
    text="""\
Answer with one JSON object and nothing else:
{"subgoals": [{"cluster": "<id of a cluster>", "goal": "<what an edit should achieve, one sentence>", \
"weight": <0 to 1, the share of effort>}]}
Most rewarding first. An empty list is right when no cluster can be mended by an edit of the prompt.""",
    read=_json(PlanReply),
)
CRITIQUE = Form(
    name="critique/1",
    text="""\
Answer with one JSON object and nothing else:
{"hypotheses": [{"label": "A", "cause": "<what in the prompt, or missing from it, causes these failures>", \
"rule": "<one general sentence that could stand in the prompt and would mend them>", \
"examples": ["<id of a failure that shows it>"]}]}
At most three, labelled A, B, C, the best supported first. An empty list is the right answer when you don't know.""",
    read=_json(CritiqueReply),
)
QUESTION = Form(
    name="question/1",
    text="""\
Answer with one JSON object and nothing else:
{"question": "<one question>"}
An empty string is the right answer when you don't know a question that would help.""",
    read=_json(QuestionReply),
)
JUDGEMENT = Form(
    name="judgement/1",
    text="""\
Answer with one JSON object and nothing else:
{"accepted": ["<label of each hypothesis that holds and that the question helps to answer>"], \
"advice": "<if nothing is accepted: what a better question would ask, one sentence; else empty>"}""",
    read=_json(JudgementReply),
)
REWRITE = Form(
    name="rewrite/1",
    text="""\
Answer with these tagged parts and nothing else; give each part that the prompt has, whole and ready to use:
<reason>one sentence: what changed and why</reason>
<new_system>the whole new system text; leave this tag out when the prompt has no system part</new_system>
<new_user>the whole new user text; leave this tag out when the prompt has no user part</new_user>
If you don't know how to improve the prompt, give it back unchanged.""",
    read=_rewrite,
)
GRADE = Form(
    name="grade/1",
    text="""\
Answer with one JSON object and nothing else:
{"reasoning": "<what the criteria ask of an answer to this input, and where the output falls short, two or three \
sentences>", "criteria": [{"criterion": <its number>, "quote": "<the words of the output that decide it, or empty>", \
"reason": "<why it is met or not, one sentence>", "met": <true or false>}]}
Each criterion once, in order.""",
    read=_json(GradeReply),
)
PREFERENCE = Form(
    name="preference/1",
    text="""\
Answer with one JSON object and nothing else:
{"reasoning": "<what the goal asks of an answer to this input, and how each answer meets it, two or three sentences>", \
"better": "<1, 2 or tie>"}""",
    read=_json(PreferenceReply),
)
FORMS = {form.name: form for form in (PLAN, CRITIQUE, QUESTION, JUDGEMENT, REWRITE, GRADE, PREFERENCE)}
_NAMED = re.compile(r"^Reply form: (\S+)$", re.MULTILINE)


def grade_of(criteria: int) -> Form[GradeReply]:
    """Return the form of a grade in which each of so many criteria, counted from 1, is decided once."""

    def read(reply: str) -> GradeReply:
        found = GRADE.read(reply)
        decided = sorted(each.criterion for each in found.criteria)
        if decided != list(range(1, criteria + 1)):
            raise NotInForm(f"criteria: {decided} are decided, 1 to {criteria} are asked for, each once")
        return found

    return replace(GRADE, read=read)


def form_asked(text: str) -> str | None:
    """Return the name of the form that a request asks for."""
    found = _NAMED.search(text)
    return found[1] if found else None
