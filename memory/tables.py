"""The tables of a run's ledger, and how SQLite is told to be durable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

metadata = sa.MetaData()
runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("fence", sa.Integer, nullable=False),
    sa.Column("settings", sa.Text, nullable=False),
)
calls = sa.Table(
    "calls",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("run", sa.String, nullable=False),
    sa.Column("key", sa.String, nullable=False),
    sa.Column("role", sa.String, nullable=False),
    sa.Column("phase", sa.String, nullable=False),
    sa.Column("model", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("reserved_usd", sa.Float, nullable=False),
    sa.Column("reply", sa.Text),
    sa.Column("error", sa.Text),
    sa.Column("tokens_in", sa.Integer, nullable=False, default=0),
    sa.Column("tokens_out", sa.Integer, nullable=False, default=0),
    sa.Column("tokens_cached", sa.Integer, nullable=False, server_default="0"),
    sa.Column("usd", sa.Float, nullable=False, default=0.0),
    sa.Column("began", sa.Float, nullable=False),
    sa.Column("shared", sa.Integer, nullable=False, server_default="0"),
    sa.Index("calls_by_key", "run", "key"),
)
rollouts = sa.Table(
    "rollouts",
    metadata,
    sa.Column("run", sa.String, primary_key=True),
    sa.Column("candidate", sa.String, primary_key=True),
    sa.Column("example", sa.String, primary_key=True),
    sa.Column("repeat", sa.Integer, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
)
candidates = sa.Table(
    "candidates",
    metadata,
    sa.Column("run", sa.String, primary_key=True),
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
)
events = sa.Table(
    "events",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("run", sa.String, nullable=False),
    sa.Column("key", sa.String, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("after_call", sa.Integer, nullable=False, server_default="0"),
    sa.UniqueConstraint("run", "key"),
)

# What every call and every round runs, built once: building a statement takes longer than running it.
_THIS = (calls.c.run == sa.bindparam("of"), calls.c.key == sa.bindparam("called"))
_USED = (calls.c.tokens_in, calls.c.tokens_out, calls.c.tokens_cached, calls.c.usd)
PAID = sa.select(calls.c.reply.label("text"), *_USED).where(*_THIS, calls.c.state == "completed").limit(1)
CUT = sa.select(calls.c.error).where(*_THIS, calls.c.state == "cut").limit(1)
BEGIN = sa.insert(calls)
SETTLE = sa.update(calls).where(calls.c.id == sa.bindparam("call"))
CANDIDATE = sa.select(candidates.c.body).where(
    candidates.c.run == sa.bindparam("of"), candidates.c.id == sa.bindparam("id")
)
ROLLOUTS = sa.select(rollouts.c.body).where(
    rollouts.c.run == sa.bindparam("of"),
    rollouts.c.candidate == sa.bindparam("by"),
    rollouts.c.repeat == sa.bindparam("time"),
)
EVENTS = (
    sa.select(events)
    .where(events.c.run == sa.bindparam("of"), events.c.seq > sa.bindparam("last"))
    .order_by(events.c.seq)
)
FAILED = (
    sa.select(calls.c.role, sa.func.count())
    .where(calls.c.run == sa.bindparam("of"), calls.c.state.in_(("failed", "cut", "broke")))
    .group_by(calls.c.role)
)
_THEN = sa.select(events.c.after_call).where(events.c.run == sa.bindparam("of"), events.c.key == sa.bindparam("key"))
_ANSWERED = (calls.c.role == "target", calls.c.state.in_(("completed", "cut")))
ANSWERED_SINCE = (
    sa.select(calls.c.id)
    .where(calls.c.run == sa.bindparam("of"), calls.c.id > _THEN.scalar_subquery(), *_ANSWERED)
    .limit(1)
)
_MADE = sa.select(sa.func.count()).where(
    calls.c.run == sa.bindparam("of"),
    calls.c.id <= events.c.after_call,
    calls.c.phase != "test",
    *_ANSWERED,
)
SEARCHED = (
    sa.select(events, _MADE.scalar_subquery().label("made"))
    .where(events.c.run == sa.bindparam("of"), events.c.kind == sa.bindparam("kind"))
    .order_by(events.c.seq)
)
LAST_CALL = sa.select(sa.func.coalesce(sa.func.max(calls.c.id), 0)).scalar_subquery()


def used(state: str, *, copied: bool) -> sa.Select[Any]:
    """Return what sums up, by role, the calls in a state; `completed` takes in what was cut and what broke off."""
    usd = calls.c.usd if state == "completed" else calls.c.reserved_usd
    states = ("completed", "cut", "broke") if state == "completed" else (state,)
    count = sa.func.sum(sa.case((calls.c.state == "broke", 0), else_=1))
    sums = (sa.func.sum(calls.c[name]).label(name) for name in ("tokens_in", "tokens_out", "tokens_cached"))
    query = sa.select(calls.c.role, count.label("calls"), sa.func.sum(usd).label("usd"), *sums)
    query = query.where(calls.c.run == sa.bindparam("of"), calls.c.state.in_(states)).group_by(calls.c.role)
    return query if copied else query.where(calls.c.shared == 0)


def connect(where: Path | str, tables: sa.MetaData, *, durable: bool = True) -> sa.Engine:
    """Open a SQLite file or a database URL; `tables` are made when missing, and brought up to date when older.

    A file that need not be `durable` never waits for the disk and belongs to one thread.
    """
    url = f"sqlite:///{where}" if isinstance(where, Path) else where
    engine = (
        sa.create_engine(url)
        if durable
        else sa.create_engine(url, poolclass=sa.StaticPool, isolation_level="AUTOCOMMIT")
    )
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _set_up if durable else _set_up_lightly)
    with engine.begin() as connection:
        for table in tables.sorted_tables:
            # The statement itself asks whether there is one: two who open a new file together both succeed.
            connection.execute(CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                connection.execute(CreateIndex(index, if_not_exists=True))
    _add_columns(engine, tables)
    return engine


def _add_columns(engine: sa.Engine, tables: sa.MetaData) -> None:
    """Add the columns that an earlier version did not have; rows that are there get the column's default."""
    for table in tables.tables.values():
        for column in _missing(sa.inspect(engine), table):
            definition = sa.schema.CreateColumn(column).compile(dialect=engine.dialect)
            try:
                with engine.begin() as connection:
                    connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {definition}")
            except sa.exc.DBAPIError:
                if column in _missing(sa.inspect(engine), table):  # else another process was faster
                    raise


def _missing(found: sa.Inspector, table: sa.Table) -> list[sa.Column[Any]]:
    there = {column["name"] for column in found.get_columns(table.name)}
    return [column for column in table.columns if column.name not in there]


def insert_once(engine: sa.Engine, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """Return an insert that leaves rows alone that are there already."""
    insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
    return insert(table).on_conflict_do_nothing()


def _set_up(connection: Any, _record: object) -> None:
    _apply(connection, "busy_timeout=5000", "journal_mode=WAL", "synchronous=FULL")


def _set_up_lightly(connection: Any, _record: object) -> None:
    _apply(connection, "busy_timeout=5000", "journal_mode=MEMORY", "synchronous=OFF")


def _apply(connection: Any, *settings: str) -> None:
    cursor = connection.cursor()
    for setting in settings:
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()
