"""A Chroma index over the lessons: ids and our own vectors only, owned by one process, rebuilt whenever in doubt.

It is never the truth. Several writers on one folder lose records without a word, so the folder is held by a file
lock; an index that cannot be read is put aside and built again from SQL.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from filelock import FileLock, Timeout

from socratune.memory.embedding import NAME, Vector, embed

if TYPE_CHECKING:
    from chromadb import Collection
    from chromadb.api.client import Client

BATCH = 200
"""Records in one upsert; larger ones hold the interpreter for most of a second."""


class LessonIndex:
    """Nearest lessons by meaning. Open it with `LessonIndex.open`, which returns None when another process owns it."""

    def __init__(self, folder: Path, lock: FileLock) -> None:
        self._folder = folder
        self._lock = lock
        self._client, self._collection = self._load()

    @classmethod
    def open(cls, folder: Path) -> LessonIndex | None:
        """Own the index in `folder`, or return None at once."""
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder.with_suffix(".lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return None
        return cls(folder, lock)

    def close(self) -> None:
        """Let another process own it."""
        # A client left open stays in memory and would not see what the next owner writes.
        self._client.close()
        self._lock.release()

    def _load(self) -> tuple[Client, Collection]:
        from chromadb.errors import ChromaError  # noqa: PLC0415  # importing chromadb takes half a second

        for built in self._folder.glob("built-*"):
            with contextlib.suppress(ChromaError):
                return _connect(built)
            shutil.rmtree(built)
        # Never under the old name: of a path that failed, Chroma hands out the client that never started.
        fresh = self._folder / f"built-{secrets.token_hex(4)}"
        fresh.mkdir()
        return _connect(fresh)

    def __len__(self) -> int:
        return int(self._collection.count())

    def add(self, ids: Sequence[str], vectors: Sequence[Vector]) -> None:
        """Add or replace."""
        for start in range(0, len(ids), BATCH):
            part = slice(start, start + BATCH)
            self._collection.upsert(ids=list(ids[part]), embeddings=np.stack(vectors[part]))

    def remove(self, ids: Sequence[str]) -> None:
        """Forget; unknown ids are passed over."""
        if ids:
            self._collection.delete(ids=list(ids))

    def ids(self) -> frozenset[str]:
        """Return what is indexed."""
        return frozenset(self._collection.get(include=[])["ids"])

    def nearest(self, vector: Vector, *, k: int) -> list[str]:
        """Return at most `k` ids, most similar first; approximate."""
        return list(self._collection.query(query_embeddings=vector[None, :], n_results=k, include=[])["ids"][0])


def _connect(folder: Path) -> tuple[Client, Collection]:
    """Open and try what stands in `folder`. Raises `ChromaError` when it cannot be read."""
    from chromadb.api.client import Client  # noqa: PLC0415  # as above
    from chromadb.config import Settings  # noqa: PLC0415

    client = Client(settings=Settings(anonymized_telemetry=False, is_persistent=True, persist_directory=str(folder)))
    with contextlib.ExitStack() as unless_it_works:
        unless_it_works.callback(client.close)
        # Lessons of one task are so alike that Chroma's own settings lose one in twenty of them.
        space = {"hnsw": {"space": "cosine", "max_neighbors": 64, "ef_construction": 400, "ef_search": 400}}
        collection = client.get_or_create_collection(f"lessons-{NAME}", embedding_function=None, configuration=space)  # type: ignore[arg-type]  # chromadb types the configuration loosely
        collection.query(query_embeddings=embed("")[None, :], n_results=1, include=[])
        unless_it_works.pop_all()
    return client, collection
