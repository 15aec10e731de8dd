"""What a simulated target says when it is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from decimal import Decimal

from socratune.tools.simulator.chance import chance, pick
from socratune.tools.simulator.world_file import ANSWER_SLOT, Rule, Without

_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


def wrong_answer(expected: str, missing: Sequence[Rule], labels: Sequence[str], key: str) -> str:
    """Return an answer that is not `expected`: what goes wrong without the missing rules, or any other.

    Of several missing rules the first that changes a label or a number does so; all change their fields, and the
    last that breaks the format has the last word. `key` decides where chance must.
    """
    answer = expected
    for without in (rule.without for rule in missing):
        if without.field is not None:
            answer = _with_fields(answer, without)
        elif without.prose is None and answer == expected:
            answer = _changed(expected, without, labels, key)
    prose = [rule.without.prose for rule in missing if rule.without.prose is not None]
    if prose:
        return prose[-1].replace(ANSWER_SLOT, answer)
    return answer if answer != expected else another(expected, labels, key)


def another(expected: str, labels: Sequence[str], key: str) -> str:
    """Return a wrong answer of the kind of `expected`: a field less, a number off, or another label."""
    if (fields := _fields(expected)) is not None:
        dropped = pick(sorted(fields), "field", key) if fields else None
        kept = {name: value for name, value in fields.items() if name != dropped}
        return json.dumps(kept if fields else {"unknown": None}, ensure_ascii=False)
    if _NUMBER.search(expected) and len(labels) > 12:
        return _added(expected, 1 + int(9 * chance("number", key)))
    others = [label for label in labels if label != expected]
    return pick(others, "label", key) if others else "unknown"


def _changed(expected: str, without: Without, labels: Sequence[str], key: str) -> str:
    if without.add is not None:
        return _added(expected, without.add)
    return without.answer if without.answer not in (None, expected) else another(expected, labels, key)


def _added(text: str, amount: float) -> str:
    """Return `text` with `amount` added to its last number."""
    found = list(_NUMBER.finditer(text))
    if not found:
        return f"{text} {amount:g}"
    last = found[-1]
    total = Decimal(last[0].replace(",", "")) + Decimal(f"{amount:g}")
    return f"{text[: last.start()]}{total}{text[last.end() :]}"


def _with_fields(text: str, without: Without) -> str:
    fields = _fields(text) or {}
    for name, value in (without.field or {}).items():
        if value is None or fields.get(name) == value:
            fields.pop(name, None)
        else:
            fields[name] = value
    return json.dumps(fields, ensure_ascii=False)


def _fields(text: str) -> dict[str, object] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
