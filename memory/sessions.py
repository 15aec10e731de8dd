"""When processes worked on a run: each leaves a mark where it begins, and calls and events tell how far it came."""

from __future__ import annotations

from itertools import pairwise

import sqlalchemy as sa

from socratune.memory.tables import calls, events, runs

SESSION = "session"
"""Kind of the event that a process leaves when it begins."""


def begin_session(connection: sa.Connection, run: str, *, at: float) -> int:
    """Raise a run's fencing number and mark the beginning; return the number."""
    this = runs.c.id == run
    connection.execute(sa.update(runs).where(this).values(fence=runs.c.fence + 1))
    number = int(connection.execute(sa.select(runs.c.fence).where(this)).scalar_one())
    row = {"run": run, "key": f"{SESSION}:{number}", "kind": SESSION, "body": "{}", "at": at}
    connection.execute(sa.insert(events).values(row))
    return number


def minutes_worked(connection: sa.Connection, run: str) -> float:
    """Return how long processes have worked on a run, each from its beginning to its last call or event."""
    marks = sa.union_all(
        sa.select(events.c.at, events.c.kind == SESSION).where(events.c.run == run),
        sa.select(calls.c.began, sa.false()).where(calls.c.run == run),
    )
    times = sorted((float(at), bool(begins)) for at, begins in connection.execute(marks))
    return sum(at - before for (before, _), (at, begins) in pairwise(times) if not begins) / 60
