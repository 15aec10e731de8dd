"""How a run goes, told by its events: where it stands, and a line for each thing worth one.

Knows nothing of terminals; texts of models are made plain here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from socratune.graphs.context import outcome_of
from socratune.memory.ledger import Event
from socratune.text import one_line

Body = Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class Progress:
    """What a person who looks at a run wants to know."""

    stage: str = "starting"
    question: str = ""
    """The teacher's last."""
    edit: str = ""
    """The last that was accepted."""
    leader: str = ""
    """Id of the leader; empty while it is the user's own prompt."""

    def hear(self, event: Event) -> None:
        """Take in one event."""
        body = event.body
        if event.kind in _STAGES:
            self.stage = _STAGES[event.kind](body)
        if event.kind == "question":
            self.question = one_line(_content(body, "question"))
        if event.kind == "leader":
            self.leader = str(body["leader"])
            reason = one_line(_content(body, "reason"))
            self.edit = f"{body['operator']}, {points(body['gain'])} over its parent on dev. {reason}"


_STAGES: Mapping[str, Callable[[Body], str]] = {
    "preflight": lambda _: "preflight: trying simple edits",
    "plan": lambda body: f"round {body['round']}: asking why {body['failures']} rows went wrong",
    "proposal": lambda _: "trying edits on dev rows",
    "finalist": lambda _: "choosing the finalist",
    "test_opened": lambda body: f"final test on {body['rows']} sealed rows",
    "ended": lambda _: "done",
}


def _content(body: Body, key: str) -> str:
    return str(body.get("content", {}).get(key, ""))


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 row`, `2 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def points(share: float) -> str:
    """Return a difference of rewards in points: `+12 points`."""
    whole = round(share * 100)
    return f"{whole:+d} point{'' if abs(whole) == 1 else 's'}"


def line_of(event: Event) -> str:
    """Return what an event is worth saying in one line; empty when it is not."""
    tell = _LINES.get(event.kind)
    return tell(event.body) if tell else ""


def lines_of(events: Iterable[Event]) -> list[str]:
    """Return the lines of several events."""
    return [line for line in map(line_of, events) if line]


def _preflight(body: Body) -> str:
    score = "no score" if body["score"] is None else f"{body['score']:.2f}"
    failed = f"; {counted(body['failed'], 'call')} failed" if body["failed"] else ""
    return (
        f"preflight: your prompt scores {score} on {counted(body['rows'], 'dev row')}, {body['unread']} unreadable; "
        f"asked {body['repeats']} times, {body['unstable']} came out differently{failed}"
    )


def _question(body: Body) -> str:
    verdict = "" if body["accepted"] else " (sent back: not backed by the rows)"
    return f"  teacher: {one_line(_content(body, 'question'))}{verdict}"


def _judged(body: Body) -> str:
    if body["accepted"]:
        return ""
    rules = dict.fromkeys(body.get("content", {}).get("rules", ()))
    shown = f"  edit {one_line(str(body['child']), most=6)} {one_line(outcome_of(body))}"
    return f"{shown}: {one_line('; '.join(rules))}" if rules else shown


def _leader(body: Body) -> str:
    edit = f"{body['operator']}, {points(body['gain'])} over its parent (dev, not the verdict)"
    return f"  new leader {str(body['leader'])[:6]}: {edit}. {one_line(_content(body, 'reason'))}".rstrip()


_LINES: Mapping[str, Callable[[Body], str]] = {
    "preflight": _preflight,
    "baseline": lambda body: (
        f"baseline '{body['operator']}': {'ahead, goes on into the search' if body['goes_on'] else 'not ahead'}"
    ),
    "plan": lambda body: (
        f"round {body['round']}: {counted(body['failures'], 'failure')}, {counted(body['subgoals'], 'group')} to mend"
    ),
    "question": _question,
    "proposal": lambda body: f"  a proposal failed: {one_line(str(body['failed']))}" if body["failed"] else "",
    "judged": _judged,
    "leader": _leader,
    "preflight_cut": lambda body: f"the {body['cap']} budget cut the preflight short",
    "finalist_cut": lambda body: f"the {body['cap']} budget cut the choice of the finalist short",
    "test_cut": lambda body: f"the {body['cap']} budget cut the final test short",
    "test_opened": lambda body: f"final test: your prompt and the finalist on {body['rows']} sealed rows",
    "paused": lambda body: f"paused: {one_line(_content(body, 'cause'))}",
}
