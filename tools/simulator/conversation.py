"""A simulated agent in conversation with a person: it asks by the book and writes down what it is told.

It knows the topics and what stands in the request, and invents nothing; a real model asks better.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from socratune.memory.records import Prompt
from socratune.tools.chat_forms import CARD, DRAFT, FEEDBACK, INTERVIEW, TOPICS
from socratune.tools.simulator.asked import Asked
from socratune.tools.simulator.editing import inserted

Json = Mapping[str, object]

_SHOWN_BY_ROWS = ("inputs",)
_SHOWN_BY_LABELS = ("inputs", "answer")
"""Topics that rows settle, and labelled ones."""
_RULE = re.compile(r"\b(never|always|must|only|do not|don't|keep|no longer|shorter|at most)\b", re.IGNORECASE)
_THANKS = re.compile(r"\W*(thanks?|thank you|hello|hi|ok(ay)?|great)\b", re.IGNORECASE)
_NAME = re.compile(r"\{\{([^{}]+)\}\}")
_SKIPPED = re.compile(r"\W*skip", re.IGNORECASE)


def _interview(asked: Asked) -> str:
    """Ask about the first topic that nobody has asked about yet."""
    done = {str(turn.get("topic", "")) for turn in asked.rows("said")}
    rows = _rows_told(asked)
    settled = () if not rows else _SHOWN_BY_LABELS if rows.get("expected") else _SHOWN_BY_ROWS
    topic = next((name for name in TOPICS if name not in done and name not in settled), "")
    if not topic:
        return json.dumps({"topic": "", "question": "", "reason": ""})
    question = f"What should be known about this: {TOPICS[topic]}?"
    return json.dumps({"topic": topic, "question": question, "reason": "I ask because nothing that was said tells it."})


def _card(asked: Asked) -> str:
    """Write down the first words as the goal, and each answer as a requirement in the person's own words."""
    turns = asked.rows("said")
    told = [turn for turn in turns if turn.get("question") and not _SKIPPED.match(str(turn.get("answer", "")))]
    rows = _rows_told(asked)
    labels = [str(label) for label in _list(rows.get("answers"))]
    return json.dumps(
        {
            "goal": next((str(turn["words"]) for turn in turns if turn.get("words")), "Answer as expected."),
            "inputs": _inputs(asked, rows),
            "output": next((str(turn["answer"]) for turn in told if turn.get("topic") == "form"), ""),
            "labels": labels,
            "requirements": [{"text": turn["answer"], "quote": turn["answer"]} for turn in told],
            "metric": rows.get("metric") or "f1",
        }
    )


def _inputs(asked: Asked, rows: Json) -> list[str]:
    columns = [str(name) for name in _list(rows.get("columns")) if name != rows.get("expected")]
    return columns or list(dict.fromkeys(_NAME.findall(asked.text("prompt")))) or ["input"]


def _rows_told(asked: Asked) -> Json:
    return next(iter(asked.rows("rows")), {})


def _draft(asked: Asked) -> str:
    """Write the card down line by line, or add to a prompt the requirements that it does not hold yet."""
    head, *requirements = asked.rows("card") or [{}]
    wanted = {str(each.get("id", "")): str(each.get("text", "")) for each in requirements}
    before = asked.prompt
    if before.system is None and before.user is None:
        return _drafted(Prompt(user=_first(head, list(wanted.values()))), wanted)
    part = "user" if before.system is None else "system"
    text = getattr(before, part)
    for line in wanted.values():
        text = text if line in text else inserted(text, f"- {line}")
    return _drafted(replace(before, **{part: text}), wanted)


def _first(head: Json, rules: Sequence[str]) -> str:
    labels = ", ".join(str(label) for label in _list(head.get("labels")))
    parts = [str(head.get("goal", "")), f"Possible answers: {labels}." if labels else ""]
    parts += ["\n".join(f"- {rule}" for rule in rules)]
    parts += ["\n".join(f"{name}: {{{{{name}}}}}" for name in _list(head.get("inputs")))]
    return "\n\n".join(part for part in parts if part)


def _drafted(prompt: Prompt, covers: Mapping[str, str]) -> str:
    lines = "\n".join(json.dumps({"id": name, "text": text}) for name, text in covers.items())
    parts = {"new_system": prompt.system, "new_user": prompt.user}
    tagged = "".join(f"\n<{tag}>\n{text}\n</{tag}>" for tag, text in parts.items() if text is not None)
    return f"<covers>\n{lines}\n</covers>{tagged}"


def _feedback(asked: Asked) -> str:
    """Tell a rule by its words, a question by its mark, and take the rest for a fault."""
    remark = asked.text("remark").strip()
    kind = "constraint" if _RULE.search(remark) else "question" if remark.endswith("?") else "critique"
    kind = "other" if _THANKS.match(remark) else kind
    answer = "A simulated model knows only what stands on the card." if kind == "question" else ""
    return json.dumps({"kind": kind, "text": remark, "answer": answer})


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


CONVERSATION: Mapping[str, Callable[[Asked], str]] = {
    INTERVIEW.name: _interview,
    CARD.name: _card,
    DRAFT.name: _draft,
    FEEDBACK.name: _feedback,
}
