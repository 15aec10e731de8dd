"""The forms in which the agents of a chat answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from socratune.tools.metrics import METRICS
from socratune.tools.replies import REWRITE, RewriteReply
from socratune.tools.reply_form import Form, FullText, JsonReply, NotInForm, Text, json_form
from socratune.tools.sections import rows_of

TOPICS = {
    "inputs": "what goes in",
    "answer": "what a good answer is",
    "form": "the exact form of an answer",
    "hard": "hard cases and how they are decided",
    "never": "what must never happen",
    "judged": "how answers will be judged",
}
"""What an interview may ask about: a meaning by the topic's name."""

METRICS_OFFERED = tuple(name for name in METRICS if name != "rouge")
"""What a card may suggest; rouge needs a package that not everybody has."""

Name = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[^\W\d][\w .-]{0,60}$")]


class InterviewReply(JsonReply):
    """What the interviewer returns; an empty question means that enough is known."""

    topic: str = ""
    question: Text
    reason: Text = ""


class WrittenRequirement(JsonReply):
    """One line of the checklist."""

    text: FullText
    quote: Text = ""


class CardReply(JsonReply):
    """What the interview came to."""

    goal: FullText
    inputs: tuple[Name, ...] = Field(min_length=1, max_length=12)
    output: Text
    labels: tuple[FullText, ...] = Field(default=(), max_length=60)
    requirements: tuple[WrittenRequirement, ...] = Field(default=(), max_length=12)
    metric: str = ""


class FeedbackReply(JsonReply):
    """What a remark asks for."""

    kind: Literal["constraint", "critique", "question", "other"]
    text: Text = ""
    answer: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftReply:
    """A whole prompt, and which of its words meet which requirement."""

    prompt: RewriteReply
    covers: dict[str, str]


def _draft(reply: str) -> DraftReply:
    # Up to the first closing tag, and before the prompt: it may hold such tags itself.
    body, closed, _ = reply.partition("<covers>")[2].partition("</covers>")
    try:
        rows = rows_of(body) if closed else []
    except ValueError as error:
        raise NotInForm(f"<covers> holds a line that is no JSON object: {error}") from error
    covers = {str(row.get("id", "")): str(row.get("text", "")) for row in rows}
    return DraftReply(prompt=REWRITE.read(reply), covers=covers)


INTERVIEW = json_form(
    "interview/1",
    """\
{"topic": "<inputs, answer, form, hard, never or judged>", "question": "<one question to the person>", \
"reason": "<why you ask, one short sentence of its own in the person's language>"}
An empty question is the right answer when enough is known.""",
    InterviewReply,
)
CARD = json_form(
    "card/1",
    f"""\
{{"goal": "<what the prompt is for, one or two sentences>", "inputs": ["<name of each thing that goes in>"], \
"output": "<the exact form of an answer>", "labels": ["<each possible answer, when they can be listed>"], \
"requirements": [{{"text": "<one checkable sentence>", "quote": "<the person's own words behind it, copied>"}}], \
"metric": "<one of {", ".join(METRICS_OFFERED)}>"}}
Lists may be empty, but for inputs.""",
    CardReply,
)
DRAFT = Form(
    name="draft/1",
    text="""\
Answer with these tagged parts and nothing else:
<covers>
{"id": "<id of a requirement>", "text": "<the words of your prompt that meet it, copied from it>"}
</covers>
<new_system>the whole system text; leave this tag out when the prompt has no system part</new_system>
<new_user>the whole user text; leave this tag out when the prompt has no user part</new_user>
In <covers>, one JSON object a line, one line for each requirement.""",
    read=_draft,
)
FEEDBACK = json_form(
    "feedback/1",
    """\
{"kind": "<constraint, critique, question or other>", "text": "<what to keep, one general sentence; else empty>", \
"answer": "<the answer to a question, from the material alone; else empty>"}""",
    FeedbackReply,
)
CHAT_FORMS = {form.name: form for form in (INTERVIEW, CARD, DRAFT, FEEDBACK)}
