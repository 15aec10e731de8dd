"""Records as plain JSON, to be kept."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any


def as_json(value: object) -> str:
    """Return canonical JSON of a record."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=_by_name)


def _by_name(record: Any) -> dict[str, object]:
    return {each.name: getattr(record, each.name) for each in fields(record)}
