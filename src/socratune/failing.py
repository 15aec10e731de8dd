"""The rows that scored badly, for a person to look at; and the report of prompts scored without a search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from socratune.memory.records import Example, Rollout
from socratune.scoring import Scored
from socratune.text import fenced, one_line, plain

MOST = 10
"""Rows that are shown of a side."""


def failing(scored: Scored, examples: Sequence[Example]) -> list[Rollout]:
    """Return what fell short on a row or has no answer, in the order of the rows."""
    known = [scored.rollouts[row.id] for row in examples if row.id in scored.rollouts]
    return [each for each in known if each.reward is None or each.reward < 1]


def failing_records(scored: Scored, examples: Sequence[Example]) -> list[dict[str, Any]]:
    """Return the first of them as plain values, inputs in one short line."""
    rows = {row.id: row for row in examples}
    return [_record(each, rows[each.example_id]) for each in failing(scored, examples)[:MOST]]


def _record(rollout: Rollout, row: Example) -> dict[str, Any]:
    return {
        "row": row.id,
        "input": one_line("; ".join(f"{name}: {text}" for name, text in row.inputs.items())),
        "expected": row.expected,
        "given": rollout.output,
        "reward": rollout.reward,
        "error": rollout.error,
    }


def scored_report(record: Mapping[str, Any]) -> str:
    """Return the report of an eval, or of a calibration, made of the numbers it left."""
    said = [record.get("sentence", ""), *record.get("sentences", ())]
    parts = [f"# {record['run']}", *(f"**{plain(each)}**" for each in said if each)]
    parts += [f"The {record['cut_by']} budget cut it short."] if record["cut_by"] else []
    for name, side in record.get("scores", {}).items():
        parts += _side(name, side)
    return "\n\n".join(parts) + "\n"


def _side(name: str, side: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {plain(name)}"
    if side["mean"] is None:
        yield f"Nothing was scored; rows without an answer: {side['failed']}."
    else:
        low, high = side["interval"]
        yield (
            f"Score {side['mean']:.3f}, 90 % interval {low:.3f} to {high:.3f}, on {side['rows']} rows; "
            f"{side['unread']} unreadable, {side['failed']} without an answer."
        )
    if shown := side.get("failing"):
        yield f"Short of a full score: {side['short']} rows. The first {len(shown)}:"
        yield fenced("\n\n".join(map(_shown, shown)))


def _shown(each: Mapping[str, Any]) -> str:
    given = one_line(each["given"]) if each["given"] is not None else f"no answer ({one_line(str(each['error']))})"
    lines = {"input": each["input"], "expected": one_line(each["expected"]), "given": given}
    return "\n".join([f"{each['row']}  reward {each['reward']}", *(f"   {key}: {text}" for key, text in lines.items())])
