"""Answers that the runs of one compare share: what one of them has paid for, the others need not pay for again.

One file a compare, so that nothing is ever answered from another one. Each run still books every answer in its own
ledger; this file only says what the provider said, and what that cost.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from socratune.memory.calls import PaidReply
from socratune.memory.errors import BadInput
from socratune.memory.tables import connect, insert_once
from socratune.memory.writer import GroupWriter

metadata = sa.MetaData()
answers = sa.Table(
    "answers",
    metadata,
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("tokens_in", sa.Integer, nullable=False),
    sa.Column("tokens_out", sa.Integer, nullable=False),
    sa.Column("tokens_cached", sa.Integer, nullable=False),
    sa.Column("usd", sa.Float, nullable=False),
)
_USED = (answers.c.tokens_in, answers.c.tokens_out, answers.c.tokens_cached, answers.c.usd)
_FOUND = sa.select(answers.c.text, *_USED).where(answers.c.key == sa.bindparam("called"))


class SharedAnswers:
    """Answers by the key of their call. Several processes may have the file open."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._writer = GroupWriter(engine, lambda _: None)

    @classmethod
    def open(cls, file: Path) -> SharedAnswers:
        """Open the file, made when missing. Raises `BadInput` when it is damaged."""
        try:
            return cls(connect(file, metadata))
        except sa.exc.OperationalError:
            raise  # locked, or a full disk: that says nothing of what the file holds
        except sa.exc.DatabaseError as error:
            cure = "delete it: what no run has booked yet is asked again"
            raise BadInput("is damaged and cannot be read", place=str(file), cure=cure) from error

    def close(self) -> None:
        """Keep what is waiting and let go of the file. Closing twice is harmless."""
        self._writer.close()
        self._engine.dispose()

    def find(self, key: str) -> PaidReply | None:
        """Return what this call was answered; None when no run has made it."""
        with self._engine.connect() as connection:
            found = connection.execute(_FOUND, {"called": key}).first()
        return PaidReply(**found._asdict()) if found else None

    async def keep(self, key: str, paid: PaidReply) -> None:
        """Keep an answer; the first one stands."""
        row = {"key": key, "text": paid.text, "tokens_in": paid.tokens_in, "tokens_out": paid.tokens_out}
        row |= {"tokens_cached": paid.tokens_cached, "usd": paid.usd}
        statement = insert_once(self._engine, answers).values(row)
        await self._writer.awrite(lambda c: c.execute(statement).rowcount)
