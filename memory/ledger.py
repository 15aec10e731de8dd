"""The ledger of a run: every call before it is sent and after it is answered, every rollout, candidate and event.

It owns all facts of a run. A write is acknowledged only after its commit (`memory/writer.py`), so a request that a
provider saw is always on disk, and a completed call is never paid again. SQLite by default; any SQLAlchemy URL works.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import reduce
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter

from socratune.memory import tables
from socratune.memory.calls import CallStart, PaidReply
from socratune.memory.errors import RunOwned
from socratune.memory.known import Appended, OwnRollouts
from socratune.memory.plain import as_json
from socratune.memory.records import Candidate, CandidateId, ExampleId, Role, Rollout
from socratune.memory.sessions import begin_session, minutes_worked
from socratune.memory.tables import calls, candidates, connect, events, insert_once, metadata, rollouts, runs
from socratune.memory.writer import DirectWriter, GroupWriter

_CANDIDATE = TypeAdapter(Candidate)
_ROLLOUT = TypeAdapter(Rollout)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a run has used so far."""

    calls: int = 0
    rollouts: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    usd: float = 0.0
    tokens_cached: int = 0
    """Those of `tokens_in` that came from the provider's cache."""

    @property
    def tokens(self) -> int:
        """In and out."""
        return self.tokens_in + self.tokens_out

    @property
    def priced(self) -> bool:
        """Whether `usd` is what was paid; without a known price tokens were used and nothing was booked."""
        return self.usd > 0 or self.tokens == 0

    def plus(self, other: Spent) -> Spent:
        """Return the sum."""
        return Spent(**{name: getattr(self, name) + getattr(other, name) for name in AMOUNTS})

    def minus(self, other: Spent) -> Spent:
        """Return what is left."""
        return Spent(**{name: getattr(self, name) - getattr(other, name) for name in AMOUNTS})

    @classmethod
    def total(cls, parts: Iterable[Spent]) -> Spent:
        """Return the sum of all."""
        return reduce(cls.plus, parts, cls())


AMOUNTS = tuple(each.name for each in fields(Spent))
_STARTS = tuple(each.name for each in fields(CallStart))


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One state change. `key` is unique in a run, so a replayed step records nothing twice."""

    key: str
    kind: str
    body: Mapping[str, Any]


class Ledger:
    """The ledger of one run. Open it with `Ledger.open`, close it when the run ends."""

    def __init__(self, engine: sa.Engine, run: str, *, durable: bool) -> None:
        self.run = run
        self._engine = engine
        self._fence: int | None = None
        self._begun: set[str] | None = None
        self._candidates: dict[CandidateId, Candidate] = {}
        self._events = Appended(self._events_after)
        self._own_rollouts = OwnRollouts(self._stored_rollouts)
        self._writer = GroupWriter(engine, self._check_fence) if durable else DirectWriter(engine)

    @classmethod
    def open(cls, where: Path | str, run: str, *, durable: bool = True) -> Ledger:
        """Open the ledger at a SQLite file or a database URL; without `durable` a crash may take what it holds."""
        return cls(connect(where, metadata, durable=durable), run, durable=durable)

    def close(self) -> None:
        """Commit what is waiting and let go of the database. Closing twice is harmless."""
        self._writer.close()
        self._engine.dispose()

    def _check_fence(self, connection: sa.Connection) -> None:
        if self._fence is None:
            return
        current = connection.execute(sa.select(runs.c.fence).where(runs.c.id == self.run)).scalar_one()
        if current != self._fence:
            raise RunOwned(self.run, "a process that took it over")

    async def _update_call(self, call: int, values: Mapping[str, Any]) -> None:
        await self._writer.awrite(lambda c: c.execute(tables.SETTLE, {**values, "call": call}) and None)

    async def _insert_once(self, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> int:
        """Return how many rows were new."""
        # As parameters: with the rows in it, each number of rows would be a statement of its own to compile.
        statement = insert_once(self._engine, table)
        statement = statement.values(after_call=tables.LAST_CALL) if table is events else statement
        return await self._writer.awrite(lambda c: c.execute(statement, list(rows)).rowcount)

    def _read(self, query: sa.Select[Any], **values: str | int) -> list[Any]:
        with self._engine.connect() as connection:
            return list(connection.execute(query, values))

    def _keys(self) -> set[str]:
        """Return the keys of all calls that were ever begun: nothing needs to be looked up for a new one."""
        if self._begun is None:
            self._begun = {row.key for row in self._read(sa.select(calls.c.key).where(calls.c.run == self.run))}
        return self._begun

    # --- the run

    def begin_run(self, settings: Mapping[str, Any]) -> None:
        """Write the run's settings once; a later call changes nothing."""
        row = {"id": self.run, "created": time.time(), "fence": 0, "settings": json.dumps(settings)}
        self._writer.write(lambda c: c.execute(insert_once(self._engine, runs).values(row)).rowcount)

    def take_over(self) -> None:
        """Raise the fencing number, so that no earlier process can commit, and note that a session begins."""
        self._fence = self._writer.write(lambda c: begin_session(c, self.run, at=time.time()))

    def minutes_worked(self) -> float:
        """Return how long processes have worked on the run; the time between two of them is not counted."""
        with self._engine.connect() as connection:
            return minutes_worked(connection, self.run)

    def settings(self) -> dict[str, Any]:
        """Return what `begin_run` wrote; empty when it never ran."""
        found = self._read(sa.select(runs.c.settings).where(runs.c.id == self.run))
        return dict(json.loads(found[0].settings)) if found else {}

    # --- calls

    async def begin_call(self, start: CallStart) -> int:
        """Write a call that is about to be sent; returns its id once that is on disk."""
        return await self._insert_call(start, {"state": "sent"})

    async def copy_call(self, start: CallStart, paid: PaidReply) -> None:
        """Write a call that another run has paid for: it counts here as if it had been made here."""
        await self._insert_call(start, {"state": "completed", "shared": 1, "reply": paid.text} | _billed(paid))

    async def _insert_call(self, start: CallStart, values: Mapping[str, Any]) -> int:
        row = {"run": self.run, "began": time.time(), **values} | {name: getattr(start, name) for name in _STARTS}
        self._keys().add(start.key)

        def insert(connection: sa.Connection) -> int:
            inserted = connection.execute(tables.BEGIN, row).inserted_primary_key
            return int(inserted[0]) if inserted else 0

        return await self._writer.awrite(insert)

    async def complete_call(self, call: int, paid: PaidReply) -> None:
        """Write the answer of a call."""
        await self._update_call(call, {"state": "completed", "reply": paid.text} | _billed(paid))

    async def fail_call(self, call: int, error: str, *, billed: PaidReply | None = None, final: bool = True) -> None:
        """Write that a call gave no answer that counts; `billed` is what it cost all the same.

        One that was billed and would come to the same again is `cut`; when another attempt may help it `broke`.
        """
        state = "failed" if billed is None else "cut" if final else "broke"
        await self._update_call(call, {"state": state, "error": error} | (_billed(billed) if billed else {}))

    def paid(self, key: str) -> PaidReply | None:
        """Return the answer to a call that was completed before."""
        found = self._read(tables.PAID, of=self.run, called=key) if key in self._keys() else []
        return PaidReply(**found[0]._asdict()) if found else None

    def cut(self, key: str) -> str | None:
        """Return why the answer to this call did not count, when one came, was billed and would be the same again."""
        found = self._read(tables.CUT, of=self.run, called=key) if key in self._keys() else []
        return found[0].error if found else None

    def spent(self, *, state: str = "completed", copied: bool = True) -> dict[Role, Spent]:
        """Return what the calls in `state` used, by role; calls that were sent and never settled cost their reserve.

        What was cut counts like a completed call; what broke off is paid for, and is no call of its own. Without the
        `copied` ones it is what this run really paid.
        """
        found = (row._asdict() for row in self._read(tables.used(state, copied=copied), of=self.run))
        used: dict[Role, Spent] = {each.pop("role"): Spent(**each) for each in found}
        return {role: replace(each, rollouts=each.calls * (role == "target")) for role, each in used.items()}

    def failed(self) -> dict[Role, int]:
        """Return the number of failed attempts by role."""
        return dict(tuple(row) for row in self._read(tables.FAILED, of=self.run))

    def answered_since(self, key: str) -> bool:
        """Say whether the target has answered a call since the event with this key."""
        return bool(self._read(tables.ANSWERED_SINCE, of=self.run, key=key))

    # --- candidates and rollouts

    async def add_candidate(self, candidate: Candidate) -> None:
        """Keep a candidate. Adding the same prompt twice keeps the first."""
        row = {"run": self.run, "id": candidate.id, "body": as_json(candidate)}
        await self._insert_once(candidates, [row])

    def candidate(self, candidate_id: CandidateId) -> Candidate:
        """Return a candidate. Raises `KeyError` when it was never added."""
        if candidate_id not in self._candidates:
            found = self._read(tables.CANDIDATE, of=self.run, id=candidate_id)
            if not found:
                raise KeyError(candidate_id)
            self._candidates[candidate_id] = _CANDIDATE.validate_json(found[0].body)
        return self._candidates[candidate_id]

    def candidates(self) -> dict[CandidateId, Candidate]:
        """Return all candidates by id."""
        query = sa.select(candidates.c.id).where(candidates.c.run == self.run).order_by(candidates.c.id)
        return {row.id: self.candidate(row.id) for row in self._read(query)}

    async def add_rollouts(self, new: Iterable[Rollout]) -> None:
        """Keep the rollouts that have a reward, once. One that failed is not kept: another try may succeed."""
        rows = [_rollout_row(self.run, each) for each in new if each.reward is not None]
        if not rows:
            return
        are_new = False
        try:
            are_new = await self._insert_once(rollouts, rows) == len(rows)
        finally:
            if not are_new:  # a cancelled wait does not say what was written, and of two the first stands
                self._own_rollouts.forget()
        for row in rows:
            self._own_rollouts.add(_ROLLOUT.validate_json(row["body"]))

    def rollouts(self, candidate_id: CandidateId, *, repeat: int = 0) -> dict[ExampleId, Rollout]:
        """Return a candidate's rollouts by example. Who does not own the run reads them from the disk each time."""
        known = self._stored_rollouts if self._fence is None else self._own_rollouts.of
        return known(candidate_id, repeat)

    def _stored_rollouts(self, candidate_id: CandidateId, repeat: int) -> dict[ExampleId, Rollout]:
        found = self._read(tables.ROLLOUTS, of=self.run, by=candidate_id, time=repeat)
        return {each.example_id: each for each in (_ROLLOUT.validate_json(row.body) for row in found)}

    def agreement(self) -> tuple[int, int]:
        """Return how many pairs a judge saw alike in both orders, and how many not."""
        bodies = self._read(sa.select(rollouts.c.body).where(rollouts.c.run == self.run))
        said = [_ROLLOUT.validate_json(row.body).agreed for row in bodies]
        return said.count(True), said.count(False)

    # --- events

    async def record(self, event: Event) -> bool:
        """Keep an event; returns False when its key is there already."""
        row = {"run": self.run, "key": event.key, "kind": event.kind, "at": time.time()}
        return await self._insert_once(events, [row | {"body": json.dumps(event.body, sort_keys=True)}]) > 0

    def event(self, key: str) -> Event | None:
        """Return the event with this key."""
        return self._events.get(key)

    def events(self, *kinds: str) -> list[Event]:
        """Return events in the order in which they were recorded; of all kinds when none is named."""
        return [each for each in self._events.all() if not kinds or each.kind in kinds]

    def _events_after(self, seq: int) -> Iterator[tuple[int, str, Event]]:
        found = self._read(tables.EVENTS, of=self.run, last=seq)
        return ((row.seq, row.key, _event(row)) for row in found)

    def searched_before(self, kind: str) -> list[tuple[Event, int]]:
        """Return events in order, each with the target calls that the search had made before; the test's are none."""
        found = self._read(tables.SEARCHED, of=self.run, kind=kind)
        return [(_event(row), int(row.made)) for row in found]


def _rollout_row(run: str, rollout: Rollout) -> dict[str, Any]:
    same = {"run": run, "candidate": rollout.candidate_id, "example": rollout.example_id, "repeat": rollout.repeat}
    return {**same, "body": as_json(rollout)}


def _billed(paid: PaidReply) -> dict[str, float]:
    return {name: getattr(paid, name) for name in ("tokens_in", "tokens_out", "tokens_cached", "usd")}


def _event(row: Any) -> Event:
    return Event(key=row.key, kind=row.kind, body=json.loads(row.body))
