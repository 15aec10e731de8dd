"""A batch: many runs, some of them at once, none of which ends another. Plain asyncio over runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping

from socratune.graphs.result import Result
from socratune.memory.errors import Interrupted, Paused, SocratuneError

Work = Callable[[], Awaitable[Result]]
Outcome = Result | BaseException
"""How one run ended: with its result, or with what kept it from one."""
GRAVITY = ("interrupted", "failed", "paused")
"""What keeps runs from their results, the gravest first."""


class Unexpected(Exception):
    """What nobody raised on purpose ended a run. Its type is said, for it is no refusal; `__cause__` is the error."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(": ".join(part for part in (type(error).__name__, str(error)) if part))
        self.__cause__ = error


async def outcome_of(work: Work) -> Outcome:
    """Carry out one run; whatever keeps it from its result is its outcome, and raises nothing here."""
    [outcome] = await asyncio.gather(work(), return_exceptions=True)
    if isinstance(outcome, Result | SocratuneError):
        return outcome
    return Unexpected(outcome)


def status_of(outcome: Outcome) -> str:
    """Return the status of a run's result, or what kept it from one: `interrupted`, `failed` or `paused`."""
    if isinstance(outcome, Result):
        return outcome.status
    if isinstance(outcome, Interrupted):
        return "interrupted"
    return "paused" if isinstance(outcome, Paused) else "failed"


def said_of(outcome: Outcome) -> str:
    """Return the verdict in words, or the cause."""
    return outcome.sentence if isinstance(outcome, Result) else str(outcome)


def gravest(statuses: Collection[str]) -> str | None:
    """Return the gravest thing that kept any of some runs from its result; None where nothing did."""
    return next((kept for kept in GRAVITY if kept in statuses), None)


async def carry_out_all(work: Mapping[str, Work], *, at_once: int, ended: Callable[[str, Outcome], None]) -> None:
    """Carry out all runs, at most `at_once` together, in their order; tells of each as it ends.

    A run that fails is an outcome like any other.
    """
    free = asyncio.Semaphore(at_once)

    async def one(name: str) -> None:
        async with free:
            outcome = await outcome_of(work[name])
        ended(name, outcome)

    await asyncio.gather(*map(one, work))
