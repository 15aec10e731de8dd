"""How a run goes, told by its events: where it stands, and a line for each thing worth one.

Knows nothing of terminals; texts of models are made plain here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch

from socratune.events import (
    BaselineTried,
    BudgetReached,
    EditJudged,
    EditProposed,
    FinalistChosen,
    FinalTestStarted,
    LeaderChanged,
    PreflightDone,
    QuestionAsked,
    RoundPlanned,
    RunEnded,
    RunEvent,
    RunPaused,
)
from socratune.text import one_line


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

    def hear(self, event: RunEvent | None) -> None:
        """Take in one event."""
        self.stage = stage_of(event) or self.stage
        if isinstance(event, QuestionAsked):
            self.question = one_line(event.question)
        if isinstance(event, LeaderChanged):
            self.leader = event.leader
            self.edit = f"{event.operator}, {points(event.gain)} over its parent on dev. {one_line(event.reason)}"


def stage_of(event: RunEvent | None) -> str:
    """Return where a run stands after an event; empty when it stands where it stood."""
    match event:
        case PreflightDone():
            return "preflight: trying simple edits"
        case RoundPlanned():
            return f"round {event.round}: asking why {event.failures} rows went wrong"
        case EditProposed():
            return "trying edits on dev rows"
        case FinalistChosen():
            return "choosing the finalist"
        case FinalTestStarted():
            return f"final test on {event.rows} sealed rows"
    return "done" if isinstance(event, RunEnded) else ""


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 row`, `2 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def points(share: float) -> str:
    """Return a difference of rewards in points: `+12 points`."""
    whole = round(share * 100)
    return f"{whole:+d} point{'' if abs(whole) == 1 else 's'}"


@singledispatch
def line_of(_: object) -> str:
    """Return what an event is worth saying in one line; empty when it is not."""
    return ""


@line_of.register
def _(event: PreflightDone) -> str:
    score = "gets no score" if event.score is None else f"scores {event.score:.2f}"
    failed = f"; {counted(event.failed, 'call')} failed" if event.failed else ""
    return (
        f"preflight: your prompt {score} on {counted(event.rows, 'dev row')}, {event.unread} unreadable; "
        f"asked {event.repeats} times, {event.unstable} came out differently{failed}"
    )


@line_of.register
def _(event: BaselineTried) -> str:
    return f"baseline '{event.operator}': {'ahead, goes on into the search' if event.goes_on else 'not ahead'}"


@line_of.register
def _(event: RoundPlanned) -> str:
    return f"round {event.round}: {counted(event.failures, 'failure')}, {counted(event.subgoals, 'group')} to mend"


@line_of.register
def _(event: QuestionAsked) -> str:
    verdict = "" if event.accepted else " (sent back: not backed by the rows)"
    return f"  teacher: {one_line(event.question)}{verdict}"


@line_of.register
def _(event: EditProposed) -> str:
    return f"  a proposal failed: {one_line(event.cause)}" if event.failed else ""


@line_of.register
def _(event: EditJudged) -> str:
    if event.accepted:
        return ""
    came = f"{event.outcome}: {event.why}" if event.why else event.outcome
    shown = f"  edit {one_line(event.child, most=6)} {one_line(came)}"
    return f"{shown}: {one_line('; '.join(dict.fromkeys(event.rules)))}" if event.rules else shown


@line_of.register
def _(event: LeaderChanged) -> str:
    edit = f"{event.operator}, {points(event.gain)} over its parent (dev, not the verdict)"
    return f"  new leader {event.leader[:6]}: {edit}. {one_line(event.reason)}".rstrip()


@line_of.register
def _(event: BudgetReached) -> str:
    return f"the {event.cap} budget cut {_STAGES[event.stage]} short"


@line_of.register
def _(event: FinalTestStarted) -> str:
    return f"final test: your prompt and the finalist on {event.rows} sealed rows"


@line_of.register
def _(event: RunPaused) -> str:
    return f"paused: {one_line(event.cause)}"


_STAGES = {"preflight": "the preflight", "finalist": "the choice of the finalist", "test": "the final test"}
