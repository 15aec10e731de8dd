"""How a chat is written into sections for the agents that take part in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from socratune.agents.evidence import prompt_text
from socratune.memory.records import Prompt
from socratune.memory.talk import Card, RowsSeen, Turn
from socratune.tools.sections import lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What was said so far, the prompt where there is one, and what may be known of the rows."""

    turns: Sequence[Turn]
    rows: RowsSeen
    prompt: Prompt | None = None

    def sections(self) -> dict[str, str]:
        """Return a section for each part that there is."""
        body = {"said": lines(_turn(turn) for turn in self.turns)}
        if self.prompt is not None:
            body["prompt"] = prompt_text(self.prompt)
        if self.rows.columns:
            body["rows"] = rows_text(self.rows)
        return body


def _turn(turn: Turn) -> dict[str, object]:
    asked = {"topic": turn.topic, "question": turn.question} if turn.question else {}
    return {**asked, "answer" if asked else "words": turn.words}


def rows_text(rows: RowsSeen) -> str:
    """Return the columns and, where there are any, the kind of answers; rows themselves are for a run's train side."""
    told = {
        "columns": list(rows.columns),
        "expected": rows.expected,
        "count": rows.count,
        "answers": list(rows.labels),
        "metric": rows.metric,
    }
    return lines([{name: value for name, value in told.items() if value}])


def card_text(card: Card) -> str:
    """Return a card as JSON lines: the card, then one requirement a line."""
    head = {
        "goal": card.goal,
        "inputs": list(card.inputs),
        "output": card.output,
        "labels": list(card.labels),
        "metric": card.metric,
        "notes": list(card.notes),
    }
    return lines([head, *({"id": each.id, "text": each.text} for each in card.requirements)])
