"""What was learned across runs. The truth is in SQL; the index over it can be deleted at any time.

Only what train rows taught is kept. Test and dev rows are known by fingerprint alone, so that a later run cannot train
on what an earlier one tested.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

import numpy as np
import sqlalchemy as sa

from socratune.memory.embedding import Vector, embed
from socratune.memory.index import LessonIndex
from socratune.memory.records import Lesson
from socratune.memory.tables import connect, insert_once

MOST_RECALLED = 8
"""Entries an agent is shown in one call; more would crowd out the evidence."""
FLOOR = 0.3
"""An entry whose usefulness falls below is forgotten."""
STEP = 0.1
"""How far one gate result moves the usefulness of what was recalled for it."""
LEAST_SIMILAR = 0.15
"""Cosine below which two texts have nothing to say to each other."""
SHORTLIST = 50
"""Most similar entries among which usefulness and recency decide."""

metadata = sa.MetaData()
entries = sa.Table(
    "lessons",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String, nullable=False, unique=True),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("task", sa.String, nullable=False),
    sa.Column("run", sa.String, nullable=False),
    sa.Column("gate", sa.String, nullable=False),
    sa.Column("gain", sa.Float, nullable=False),
    sa.Column("usefulness", sa.Float, nullable=False),
    sa.Column("vector", sa.LargeBinary, nullable=False),
    sqlite_autoincrement=True,  # the number of a forgotten entry is never given again: `as_of` relies on it
)
sealed = sa.Table(
    "sealed",
    metadata,
    sa.Column("group", sa.String, primary_key=True),
    sa.Column("run", sa.String, primary_key=True),
)
judged = sa.Table("judged", metadata, sa.Column("run", sa.String, primary_key=True))
_FIELDS = [entries.c[name] for name in Lesson.__dataclass_fields__]


class LessonStore(Protocol):
    """What earlier runs taught, recalled by meaning."""

    def add(self, lessons: Sequence[Lesson]) -> None:
        """Keep them. Adding the same lesson twice keeps one."""

    def nearest(self, query: str, *, k: int, as_of: int | None = None) -> list[Lesson]:
        """Return at most `k`, most useful first; empty when nothing is kept or nothing is similar.

        With `as_of`, only what was kept when `latest` returned that number.
        """

    def latest(self) -> int:
        """Return a number that grows with each lesson."""


class Lessons:
    """A `LessonStore` in SQL, with a Chroma index when this process owns it and an exact scan when not."""

    def __init__(self, engine: sa.Engine, index: LessonIndex | None) -> None:
        self._engine = engine
        self._index = index
        self._indexed = -1
        """What `latest` returned when the index was last brought up to date."""
        self._catch_up()

    @classmethod
    def open(cls, where: Path | str, *, index: Path | None = None) -> Lessons:
        """Open the store at a file or URL; `index` is the folder of the index, None for exact scans."""
        return cls(connect(where, metadata), LessonIndex.open(index) if index else None)

    def close(self) -> None:
        """Let go of the database and the index."""
        if self._index is not None:
            self._index.close()
        self._engine.dispose()

    def add(self, lessons: Sequence[Lesson]) -> None:
        """Keep them. Adding the same lesson twice keeps one."""
        rows = [asdict(lesson) | {"vector": embed(lesson.text).tobytes()} for lesson in lessons]
        if not rows:
            return
        with self._engine.begin() as connection:
            connection.execute(insert_once(self._engine, entries).values(rows))
        if self._index is not None:
            texts = {lesson.id: lesson.text for lesson in lessons}  # one rule may be taught by two edits
            self._index.add(list(texts), [embed(text) for text in texts.values()])

    def nearest(self, query: str, *, k: int, as_of: int | None = None) -> list[Lesson]:
        """Rank by similarity x usefulness x recency; recency falls with the entries that came after, not with time."""
        last = self.latest() if as_of is None else as_of
        vector = embed(query)
        rows = self._shortlist(vector, last)
        if not rows:
            return []
        similarity = np.stack([np.frombuffer(row["vector"], dtype=np.float32) for row in rows]) @ vector
        # Rounded, so that a tie is a tie however many rows were multiplied at once.
        near = sorted((-round(float(each), 6), row["id"], row) for each, row in zip(similarity, rows, strict=True))
        ranked = sorted(
            (distant * row["usefulness"] / (1 + 0.001 * (last - row["seq"])), row["id"], row)
            for distant, _, row in near[:SHORTLIST]
            if -distant >= LEAST_SIMILAR
        )
        return [_lesson(row) for _, _, row in ranked[: min(k, MOST_RECALLED)]]

    def _shortlist(self, vector: Vector, last: int) -> Sequence[sa.RowMapping]:
        query = sa.select(entries).where(entries.c.seq <= last)
        # The index may hold entries newer than `last`: then the scan, which cannot miss an older one, is asked.
        if self._index is not None and last == self.latest():
            self._catch_up()
            if len(self._index) > SHORTLIST:
                query = query.where(entries.c.id.in_(self._index.nearest(vector, k=SHORTLIST)))
        with self._engine.connect() as connection:
            return connection.execute(query).mappings().all()

    def latest(self) -> int:
        """Return a number that grows with each lesson."""
        with self._engine.connect() as connection:
            return connection.execute(sa.select(sa.func.max(entries.c.seq))).scalar_one() or 0

    def all(self, kind: str | None = None) -> list[Lesson]:
        """Return every entry, newest first."""
        query = sa.select(*_FIELDS).order_by(entries.c.seq.desc())
        with self._engine.connect() as connection:
            rows = connection.execute(query.where(entries.c.kind == kind) if kind else query).mappings()
            return [_lesson(row) for row in rows]

    def judge(self, run: str, results: Mapping[str, bool]) -> None:
        """Move the usefulness of recalled entries by how the edits fared that recalled them; once a run."""
        with self._engine.begin() as connection:
            if connection.execute(insert_once(self._engine, judged).values(run=run)).rowcount == 0:
                return
            for lesson, passed in results.items():
                moved = entries.c.usefulness + (STEP if passed else -STEP)
                capped = sa.case((moved > 2.0, 2.0), else_=moved)
                same = entries.c.id == lesson
                connection.execute(sa.update(entries).where(same).values(usefulness=capped))
            weak = connection.execute(sa.select(entries.c.id).where(entries.c.usefulness < FLOOR)).scalars().all()
        self.forget(weak)

    def heard_from(self, run: str) -> bool:
        """Say whether `judge` was told of this run, which is the last thing that a run does here."""
        with self._engine.connect() as connection:
            return connection.execute(sa.select(judged).where(judged.c.run == run)).first() is not None

    def forget(self, ids: Sequence[str]) -> int:
        """Delete entries; returns how many there were."""
        with self._engine.begin() as connection:
            gone = connection.execute(sa.delete(entries).where(entries.c.id.in_(ids))).rowcount
        if self._index is not None:
            self._index.remove(ids)
        return gone

    def seal(self, groups: Iterable[str], run: str) -> None:
        """Remember the fingerprints of rows that a run tested on."""
        rows = [{"group": group, "run": run} for group in sorted(set(groups))]
        if rows:
            with self._engine.begin() as connection:
                connection.execute(insert_once(self._engine, sealed).values(rows))

    def sealed_groups(self) -> frozenset[str]:
        """Return the fingerprints that no run may train on."""
        with self._engine.connect() as connection:
            return frozenset(connection.execute(sa.select(sealed.c.group)).scalars())

    def looks(self, groups: Collection[str]) -> int:
        """Return how many runs have tested on any of these rows."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(sealed.c.group, sealed.c.run)).all()
        return len({row.run for row in rows if row.group in groups})

    def _catch_up(self) -> None:
        """Bring the index to what SQL holds: it may be new, or another process may have written meanwhile."""
        last = self.latest()
        if self._index is None or self._indexed == last:
            return
        self._indexed = last
        have = self._index.ids()
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(entries.c.id, entries.c.vector)).all()
        new = [row for row in rows if row.id not in have]
        self._index.add([row.id for row in new], [np.frombuffer(row.vector, dtype=np.float32) for row in new])
        self._index.remove(sorted(have - {row.id for row in rows}))


def _lesson(row: sa.RowMapping) -> Lesson:
    return Lesson(**{name: row[name] for name in Lesson.__dataclass_fields__})
