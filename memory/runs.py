"""Where runs live on disk, and who holds one.

A run is a folder `HOME/runs/<id>/`, readable by its owner alone. Ownership is a lock on a file in it, which the
operating system frees when the owner dies, and the ledger's fencing number, which a paused owner cannot pass.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from socratune.memory.errors import BadInput, RunOwned

_RUN_ID = re.compile(r"[a-z0-9][a-z0-9-]{2,62}")
LISTED = "`socratune runs` lists them"
PATIENCE_SECONDS = 1.0
"""How long a second process waits for a run before it is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFolder:
    """The files of one run."""

    path: Path
    compare: RunFolder | None = None
    """The compare that it is a part of, where it is one."""

    @property
    def id(self) -> str:
        """The run's id, which is its folder's name."""
        return self.path.name

    @property
    def name(self) -> str:
        """What commands know it by: its id, or `COMPARE/RUN` where it is part of a compare."""
        return f"{self.compare.id}/{self.id}" if self.compare else self.id

    @property
    def home(self) -> Path:
        """The folder of the home that holds it."""
        return (self.compare or self).path.parent.parent

    def part(self, run: str) -> RunFolder:
        """Return the folder of one run of this compare."""
        return RunFolder(path=self.path / "runs" / run, compare=self)

    def parts(self) -> list[RunFolder]:
        """Return the runs of this compare that were begun, by their ids."""
        found = sorted(path for path in (self.path / "runs").glob("*") if path.is_dir() and not path.is_symlink())
        return [self.part(path.name) for path in found]

    @property
    def begun(self) -> Path:
        """An empty file that is written once; its time is when the run was made."""
        return self.path / "begun"

    @property
    def scoring(self) -> Path:
        """An empty file in a folder that holds an evaluation and no search."""
        return self.path / "scoring"

    @property
    def ledger(self) -> Path:
        """Every call, rollout, candidate and event."""
        return self.path / "ledger.db"

    @property
    def checkpoints(self) -> Path:
        """Where the graphs stand."""
        return self.path / "checkpoints.db"

    @property
    def log(self) -> Path:
        """JSON lines, one for each state change."""
        return self.path / "log.jsonl"

    @property
    def result(self) -> Path:
        """The final record."""
        return self.path / "result.json"

    @property
    def leading(self) -> Path:
        """The leader so far, as a task file."""
        return self.path / "leading.yaml"

    @property
    def best(self) -> Path:
        """The prompt that the run stands for: the new one only when it is proven, else the user's own."""
        return self.path / "best.yaml"

    @property
    def candidate(self) -> Path:
        """A promising prompt that is not proven."""
        return self.path / "candidate.yaml"

    @property
    def report(self) -> Path:
        """What happened, in Markdown."""
        return self.path / "report.md"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the run. Raises `RunOwned`, naming the holder, when another process does."""
        lock, note = FileLock(self.path / "owner.lock"), self.path / "owner"
        try:
            lock.acquire(timeout=PATIENCE_SECONDS)
        except Timeout as error:
            raise RunOwned(self.name, note.read_text() if note.exists() else "another process") from error
        try:
            note.write_text(f"process {os.getpid()} since {time.strftime('%Y-%m-%d %H:%M:%S')}")
            yield
        finally:
            lock.release()


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The folder `.socratune`: runs, chats, memory and the project's salt."""

    path: Path
    durable: bool = True
    """Whether what stands here must outlive a crash; False for a home that is thrown away with its simulated runs."""

    @property
    def memory(self) -> Path:
        """What was learned across runs."""
        return self.path / "memory.db"

    def prepare(self) -> None:
        """Make the folder, closed to others and ignored by git."""
        try:
            (self.path / "runs").mkdir(parents=True, exist_ok=True, mode=0o700)
        except (NotADirectoryError, FileExistsError) as error:
            raise BadInput("is not a folder", place=str(self.path), cure="name another --home") from error
        self.path.chmod(0o700)
        ignore = self.path / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")

    def salt(self) -> str:
        """Return the project's salt, made at first use: with it, a row's split never changes."""
        self.prepare()
        return write_once(self.path / "salt", secrets.token_hex(8))

    def new_run(self, name: str) -> RunFolder:
        """Make the folder of a new run, named after the task and the time."""
        return self.run_named(f"{stem_of(name)}-{time.strftime('%m%d-%H%M%S')}-{secrets.token_hex(2)}")

    def run_named(self, run_id: str) -> RunFolder:
        """Return the folder of the run with this id, made when there is none."""
        self.prepare()
        run = RunFolder(path=self.path / "runs" / run_id)
        run.path.mkdir(mode=0o700, exist_ok=True)
        if not run.begun.exists():
            run.begun.touch()
        return run

    def runs(self) -> list[RunFolder]:
        """Return all runs, newest first."""
        folders = [RunFolder(path=p) for p in (self.path / "runs").glob("*") if p.is_dir() and not p.is_symlink()]
        begun = [run for run in folders if run.begun.exists()]
        return sorted(begun, key=lambda run: (run.begun.stat().st_mtime_ns, run.id), reverse=True)

    def run(self, run_id: str) -> RunFolder:
        """Return a run by its id, the beginning of one, or `last` (the newest search). Raises `BadInput` otherwise.

        A run of a compare is `COMPARE/RUN`, each by its id or the beginning of one.
        """
        known = self.runs()
        if run_id == "last" and known:
            return next((run for run in known if not run.scoring.exists()), known[0])
        several, slash, part = run_id.partition("/")
        missing = f"no run {run_id!r} in {self.path}"
        if slash:
            compare = _one(several, self.compares(), missing=missing, what="compares")
            return _one(part, compare.parts(), missing=f"no run {part!r} in {compare.id}", cure=_parts(compare))
        if not _alike(run_id, known):
            self._refuse_compared(run_id)
        return _one(run_id, known, missing=missing)

    def _refuse_compared(self, run_id: str) -> None:
        """Raise `BadInput`, with what to write, when it is the name of a compare or, in short, of a run of one."""
        for compare in self.compares():
            if _alike(run_id, [compare]):
                raise BadInput(f"{compare.id} is a compare, not a run", cure=_parts(compare))
            if any(run.id == run_id for run in compare.parts()):
                raise BadInput(f"no run {run_id!r} in {self.path}", cure=f"one of a compare is {compare.id}/{run_id}")

    def run_with(self, file: Path) -> RunFolder | None:
        """Return the run in whose folder a file stands, by their absolute paths; None when it stands in none."""
        compared = (run for compare in self.compares() for run in compare.parts())
        return next((run for run in (*self.runs(), *compared) if run.path == file.parent), None)

    def new_chat(self) -> RunFolder:
        """Make the folder of a new chat, named after the time."""
        self.prepare()
        chat = RunFolder(path=self.path / "chats" / f"{time.strftime('%m%d-%H%M%S')}-{secrets.token_hex(2)}")
        chat.path.parent.mkdir(exist_ok=True, mode=0o700)
        chat.path.mkdir(mode=0o700)
        return chat

    def chat(self, chat_id: str) -> RunFolder:
        """Return a chat by its id, or the newest for `last`. Raises `BadInput` otherwise."""
        known = sorted(path.name for path in (self.path / "chats").glob("*") if path.is_dir())
        name = known[-1] if chat_id == "last" and known else chat_id
        if name not in known:
            cure = f"there are {', '.join(known[-5:])}" if known else "begin one with `socratune chat`"
            raise BadInput(f"no chat {chat_id!r} in {self.path}", place="--thread", cure=cure)
        return RunFolder(path=self.path / "chats" / name)

    def new_batch(self) -> RunFolder:
        """Make the folder of a new batch, which holds what it consists of and none of its runs."""
        self.prepare()
        self._batches.mkdir(exist_ok=True, mode=0o700)
        batch = RunFolder(path=self._batches / f"batch-{time.strftime('%m%d-%H%M%S')}-{secrets.token_hex(2)}")
        batch.path.mkdir(mode=0o700)
        return batch

    def batch(self, name: str) -> RunFolder | None:
        """Return a batch by its id; None when there is none of that name."""
        folder = self._batches / name
        return RunFolder(path=folder) if _RUN_ID.fullmatch(name) and folder.is_dir() else None

    def new_compare(self) -> RunFolder:
        """Make the folder of a new compare, which holds its runs, one for each arm and seed."""
        self.prepare()
        self._compares.mkdir(exist_ok=True, mode=0o700)
        made = RunFolder(path=self._compares / f"compare-{time.strftime('%m%d-%H%M%S')}-{secrets.token_hex(2)}")
        (made.path / "runs").mkdir(mode=0o700, parents=True)
        return made

    def compares(self) -> list[RunFolder]:
        """Return all compares, newest first."""
        return [RunFolder(path=path) for path in sorted(self._compares.glob("compare-*"), reverse=True)]

    def compare(self, name: str) -> RunFolder | None:
        """Return a compare by its id; None when there is none of that name."""
        return next((each for each in self.compares() if each.id == name), None)

    @property
    def _compares(self) -> Path:
        return self.path / "compares"

    @property
    def _batches(self) -> Path:
        return self.path / "batches"

    def forget_run(self, run: RunFolder) -> None:
        """Delete a run's folder."""
        shutil.rmtree(run.path)


def _alike(name: str, known: Sequence[RunFolder]) -> list[RunFolder]:
    """Return the folder with this id, or all whose ids begin with it."""
    found = [each for each in known if _RUN_ID.fullmatch(name) and each.id.startswith(name)]
    return [each for each in found if each.id == name] or found


def _one(name: str, known: Sequence[RunFolder], *, missing: str, cure: str = LISTED, what: str = "runs") -> RunFolder:
    """Return the only folder of a name. Raises `BadInput` otherwise."""
    found = _alike(name, known)
    if len(found) != 1:
        raise BadInput(f"{len(found)} {what} begin with {name!r}" if found else missing, cure=cure)
    return found[0]


def _parts(compare: RunFolder) -> str:
    names = ", ".join(run.name for run in compare.parts())
    return f"name one of its runs: {names}" if names else f"begin its runs with `socratune resume {compare.id}`"


def stem_of(name: str) -> str:
    """Return the beginning of a run's id for a task of this name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:32] or "run"


def write_once(file: Path, text: str) -> str:
    """Write a small file, readable by its owner alone, unless it is there; return what it holds.

    Whole or not at all: of two processes that start together, both read what the first one wrote.
    """
    if not file.exists():
        draft = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(f"{text}\n")
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
        draft.unlink()
    return file.read_text().strip()
