"""How text from outside is wrapped inside a request to an agent.

A section stands between two lines that carry a mark. Agents write the constant `MARK`; the caller replaces it, just
before sending, by a secret of the run and the request, so that no row can close its own section. Rows, replies and
memories are written as one JSON object a line, which no newline in them can break.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping

from socratune.memory.records import Message
from socratune.tools.datasets import well_formed

MARK = "\ue000"
"""Stands for the mark in canonical messages: cache keys, records and snapshots see this constant."""

LONGEST_TEXT = 2_000
"""Characters of one field that an agent is shown; the rest is cut with a visible note."""

_SECTION = re.compile(r"^<<<(\w+) (\S+)\n(.*?)\n?^\1 \2>>>$", re.DOTALL | re.MULTILINE)


def clean(text: str) -> str:
    """Return `text` without the mark and without lone surrogates, which no provider accepts."""
    return well_formed(text.replace(MARK, "\ufffd"))


def shorten(text: str, limit: int = LONGEST_TEXT) -> str:
    """Return at most `limit` characters, saying how many were left out."""
    return text if len(text) <= limit else f"{text[:limit]} [... {len(text) - limit} characters left out]"


def section(name: str, body: str) -> str:
    """Wrap `body`, which may be anything."""
    return f"<<<{name} {MARK}\n{clean(body)}\n{name} {MARK}>>>"


def lines(rows: Iterable[Mapping[str, object]]) -> str:
    """Return one JSON object a line, long strings shortened; `(none)` when there are no rows."""
    return "\n".join(json.dumps(_short(row), ensure_ascii=False) for row in rows) or "(none)"


def _short(value: object) -> object:
    if isinstance(value, str):
        return shorten(value)
    if isinstance(value, Mapping):
        return {key: _short(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_short(item) for item in value]
    return value


def sections(text: str) -> dict[str, str]:
    """Return the sections of a sealed or canonical request by name."""
    return {match[1]: match[3] for match in _SECTION.finditer(text)}


def rows_of(body: str) -> list[dict[str, object]]:
    """Return the objects that `lines` wrote."""
    return [json.loads(line) for line in body.split("\n") if line.startswith("{")]


def seal(messages: tuple[Message, ...], secret: bytes) -> tuple[Message, ...]:
    """Replace `MARK` by an HMAC of the run's secret and the canonical messages."""
    text = "\x00".join(message.content for message in messages)
    if MARK not in text:
        return messages
    mark = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()[:16]
    return tuple(Message(role=m.role, content=m.content.replace(MARK, mark)) for m in messages)
