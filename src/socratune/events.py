"""What happens in a run, as typed records for whoever listens. The ledger's own events stay what they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, TypeAdapter

from socratune.memory.ledger import Event
from socratune.memory.records import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """The run has its folder; nothing was called yet."""

    run: str
    """What `aresume` and `socratune resume` go on with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightDone:
    """The prompt as it was given was asked several times on the first dev rows."""

    rows: int
    repeats: int
    unstable: int
    """Rows on which the same prompt did not score the same each time."""
    unread: int
    """Answers that the metric could not read."""
    failed: int
    """Calls without an answer."""
    score: float | None
    """Mean reward in [0, 1]; None when no call was answered."""
    why: str = ""
    """Why answers got no score, the first of each kind; it may quote a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineTried:
    """A simple edit was tried beside the prompt."""

    operator: str
    rows: int
    goes_on: bool
    """It was ahead, and goes on into the search."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundPlanned:
    """The leader's failures were grouped into what is to be mended."""

    round: int
    """Counted from 1."""
    failures: int
    left: float
    """Most that is left to gain, in mean reward: an upper bound."""
    subgoals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionAsked:
    """The teacher asked why the rows went wrong, and the critic judged the question."""

    question: str
    advice: str = ""
    """What the critic asks for when it sends the question back."""
    accepted: Annotated[bool, BeforeValidator(bool)]


@dataclass(frozen=True, slots=True, kw_only=True)
class EditProposed:
    """The rewriter was asked for an edit."""

    round: int
    child: str | None
    """Id of the new candidate; None when there is none."""
    failed: bool
    """No readable answer came; `cause` says why."""
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EditJudged:
    """It is decided whether an edit takes its parent's place."""

    round: int
    child: str
    accepted: bool
    outcome: str
    """Why, in a few words."""
    gain: float
    """Mean paired difference to its parent on the dev rows that both have seen; dev, not the verdict."""
    rules: tuple[str, ...] = ()
    """What the edit wrote into the prompt."""
    why: str = ""
    """What the guard found wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderChanged:
    """An accepted edit leads the search."""

    round: int
    leader: str
    """Id of the candidate."""
    operator: str
    gain: float
    """Over its parent on dev, not the verdict."""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetReached:
    """A cap cut a stage short; the run goes on with the next."""

    stage: Literal["preflight", "finalist", "test"]
    cap: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalistChosen:
    """One candidate is left."""

    finalist: str
    """Its id; that of the prompt as it was given when no edit held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalTestStarted:
    """The sealed rows are opened, once."""

    rows: int
    finalist: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalTestDone:
    """The one paired test of the finalist against the prompt as it was given."""

    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPaused:
    """No proposal can be read any more; the run can be resumed."""

    round: int
    proposals: int
    """So many in a row failed."""
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded:
    """Nothing more is called."""

    stop: str
    """Why the search ended."""
    finalist: str
    tested: bool
    """Whether the sealed rows were opened."""


RunEvent = (
    RunStarted
    | PreflightDone
    | BaselineTried
    | RoundPlanned
    | QuestionAsked
    | EditProposed
    | EditJudged
    | LeaderChanged
    | BudgetReached
    | FinalistChosen
    | FinalTestStarted
    | FinalTestDone
    | RunPaused
    | RunEnded
)
Hearer = Callable[[RunEvent], object]
"""Whoever listens to a run. What it raises ends the run, which can be resumed."""

_RECORDS: Mapping[str, type[RunEvent]] = {
    "preflight": PreflightDone,
    "baseline": BaselineTried,
    "plan": RoundPlanned,
    "question": QuestionAsked,
    "proposal": EditProposed,
    "judged": EditJudged,
    "leader": LeaderChanged,
    "preflight_cut": BudgetReached,
    "finalist_cut": BudgetReached,
    "test_cut": BudgetReached,
    "finalist": FinalistChosen,
    "test_opened": FinalTestStarted,
    "verdict": FinalTestDone,
    "paused": RunPaused,
    "ended": RunEnded,
}


def typed(event: Event) -> RunEvent | None:
    """Return the record of a ledger's event; None for what only a replay needs."""
    if event.kind not in _RECORDS:
        return None
    body = {"stage": event.kind.removesuffix("_cut"), **event.body.get("content", {}), **event.body}
    return _form(event.kind).validate_python(body)


@cache
def _form(kind: str) -> TypeAdapter[RunEvent]:
    return TypeAdapter(_RECORDS[kind])


def type_name(event: RunEvent) -> str:
    """Return what an event is called outside of Python: `leader_changed` for `LeaderChanged`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()


def plain_event(event: RunEvent) -> dict[str, Any]:
    """Return an event as plain values under its `type`, ready for JSON."""
    return {"type": type_name(event), **asdict(event)}
