"""A help desk with a simulated model, and a way to run commands on it."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from socratune.cli import main
from socratune.tools.simulator.builtin import BUILTIN

TASK = """\
# The desk's own notes stay where they are.
name: desk
goal: Route a support ticket to the right queue.
user: |
  Which queue should handle this ticket: account, billing, complaints, retention, returns, sales, security,
  shipping or technical?

  {ticket}   # a comment inside the prompt
data: tickets.csv
expected: queue  # by hand
metric: exact
target: sim:ticket-routing
budget: {rollouts: 400}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on stdout; anything else there fails."""
        record: dict[str, Any] = json.loads(self.out)
        return record


Command = Callable[..., Ran]


def run(*words: str | Path) -> Ran:
    """Run a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    code = ended.value.code
    return Ran(code=code if isinstance(code, int) else 0, out=out.getvalue(), err=err.getvalue())


def tickets(first: int, last: int) -> str:
    """Return some rows of the world, with the header."""
    header, *rows = (BUILTIN / "ticket-routing.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join([header, *rows[first:last]])


def lay_out(folder: Path, *, rows: int = 150) -> Path:
    """Make a desk and return its task file."""
    (folder / "tickets.csv").write_text(tickets(0, rows), encoding="utf-8")
    file = folder / "task.yaml"
    file.write_text(TASK, encoding="utf-8")
    return file


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Run commands in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SOCRATUNE_HOME", raising=False)
    return run


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A task file nobody has run yet."""
    return lay_out(tmp_path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A run that improved its prompt."""

    task: Path
    home: Path
    id: str
    ran: Ran

    @property
    def folder(self) -> Path:
        """Of the run."""
        return self.home / "runs" / self.id


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """One run for all tests that only look at it."""
    folder = tmp_path_factory.mktemp("desk")
    task, home = lay_out(folder), folder / ".socratune"
    home.mkdir()
    (home / "salt").write_text("tests\n")
    ran = run("optimize", task, "--home", home, "--no-memory")
    return Finished(task=task, home=home, id=next((home / "runs").iterdir()).name, ran=ran)
