"""The card writer: turns what a person said into a task card."""

from __future__ import annotations

from dataclasses import dataclass

from socratune.agents.instructions import AgentPrompt, ask
from socratune.agents.material import Material
from socratune.memory.talk import Card, Requirement, RowsSeen
from socratune.tools.caller import Line
from socratune.tools.chat_forms import CARD, METRICS_OFFERED, CardReply


@dataclass(frozen=True, slots=True, kw_only=True)
class CardWriter:
    """Writes down goal, inputs, form of the answer and a checklist."""

    line: Line
    instructions: AgentPrompt

    async def write(self, material: Material) -> Card:
        """Return the card; its quotes are the person's own words or empty. Raises `MalformedReply`."""
        reply = await ask(self.line, self.instructions, CARD, material.sections())
        heard = _even(" ".join([*(turn.words for turn in material.turns), _instructions(material)]))
        return _card(reply, heard, material.rows)


def _card(reply: CardReply, heard: str, rows: RowsSeen) -> Card:
    requirements = tuple(
        # A quote that nobody said makes the requirement an assumption, and it is shown as one.
        Requirement(id=f"R{number}", text=each.text, quote=each.quote if _even(each.quote) in heard else "")
        for number, each in enumerate(reply.requirements, start=1)
    )
    return Card(
        goal=reply.goal,
        inputs=reply.inputs,
        output=reply.output,
        labels=rows.labels or reply.labels,
        requirements=requirements,
        metric=_metric(reply.metric, rows),
    )


def _metric(suggested: str, rows: RowsSeen) -> str:
    """Return what is suggested, unless the rows leave no choice: a rubric where nobody has written answers."""
    if rows.metric and rows.metric not in METRICS_OFFERED:
        return rows.metric
    return suggested if suggested in METRICS_OFFERED else rows.metric or "exact"


def plain_card(material: Material) -> Card:
    """Return what can be said without an agent: the person's first words, and the columns."""
    goal = next((turn.words for turn in material.turns if turn.words), "")
    inputs = tuple(name for name in material.rows.columns if name != material.rows.expected)
    return Card(
        goal=goal,
        inputs=inputs or ("input",),
        output="",
        labels=material.rows.labels,
        metric=_metric("", material.rows),
    )


def _instructions(material: Material) -> str:
    return material.prompt.instructions if material.prompt is not None else ""


def _even(text: str) -> str:
    return " ".join(text.casefold().split())
