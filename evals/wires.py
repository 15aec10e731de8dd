"""The public tasks over both wires: the real SDKs against a simulated provider, and the ledger against its records.

Run `python -m socratune.evals.wires DIR`, with DIR as for `socratune.evals.public`.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from rich.table import Table

from socratune.evals.public import SOURCES, TASKS, points
from socratune.evals.results import CAVEAT, console
from socratune.memory.records import digest
from socratune.memory.runs import Home

PROGRAM = str(Path(sys.executable).with_name("socratune"))
BASES = {"openai": "/v1", "anthropic": ""}
Record = tuple[str, int, int, str]
"""Model, tokens in and out, and the hash of the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """One task over one wire."""

    task: str
    wire: str
    result: dict[str, Any]
    ledger: Counter[Record]
    provider: Counter[Record]

    @property
    def cells(self) -> tuple[str, ...]:
        """A row of the table."""
        return (
            self.task,
            self.wire,
            self.result["status"],
            points(self.result["test"]),
            str(self.ledger.total()),
            str((self.ledger - self.provider).total()),
            str((self.provider - self.ledger).total()),
        )


def main(data: Path, *, seed: int = 0) -> None:
    """Cross with all three tasks and print a table."""
    drawn = Table(title="public data over the wire, simulated provider")
    for column in ("task", "wire", "verdict", "points", "calls in the ledger", "only there", "only at the provider"):
        drawn.add_column(column)
    for task, (path, _) in SOURCES.items():
        for wire in BASES:
            drawn.add_row(*cross(task, data / path, wire, seed=seed).cells)
    screen = console()
    screen.print(drawn)
    screen.print(CAVEAT)


def cross(task: str, rows: Path, wire: str, *, seed: int) -> Crossing:
    """Run `socratune optimize` as a person would, against a provider of its own."""
    with tempfile.TemporaryDirectory() as folder:
        log, home = Path(folder) / "provider.jsonl", Path(folder) / "home"
        world = f"{task}.world"
        with provider(TASKS / f"{world}.yaml", rows, log) as url:
            address = f"{url}{BASES[wire]}"
            models = ("--target", f"{wire}:{world}@{address}", "--optimizer", f"{wire}:{world}:strong@{address}")
            where = ("--data", str(rows), "--home", str(home), "--seed", str(seed), "--budget", "rollouts=1500")
            result = _told(["optimize", str(TASKS / f"{task}.yaml"), *models, *where, "--yes", "--quiet", "--json"])
        return Crossing(task=task, wire=wire, result=result, ledger=_paid(home), provider=_completed(log))


@contextmanager
def provider(world: Path, rows: Path, log: Path) -> Iterator[str]:
    """Serve a world in a process of its own; gives its address."""
    port = _free_port()
    words = ["sim", "serve", str(world), "--data", str(rows), "--port", str(port), "--log", str(log)]
    with subprocess.Popen([PROGRAM, *words], stderr=subprocess.DEVNULL) as process:  # noqa: S603  # our own command
        try:
            _wait_for(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, *, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit(f"the provider did not listen within {seconds:.0f} s")


def _told(words: list[str]) -> dict[str, Any]:
    keyless = {name: value for name, value in os.environ.items() if not name.endswith(("_API_KEY", "_BASE_URL"))}
    ended = subprocess.run([PROGRAM, *words], check=False, capture_output=True, text=True, env=keyless)  # noqa: S603
    if ended.returncode not in (0, 3):
        raise SystemExit(ended.stderr)
    return dict(json.loads(ended.stdout))


def _paid(home: Path) -> Counter[Record]:
    [run] = Home(path=home).runs()
    with sqlite3.connect(run.ledger) as ledger:
        found = ledger.execute("select model, tokens_in, tokens_out, reply from calls where state = 'completed'")
        return Counter((_name(model), sent, got, digest(reply)) for model, sent, got, reply in found)


def _name(spec: str) -> str:
    return spec.partition(":")[2].partition("@")[0]


def _completed(log: Path) -> Counter[Record]:
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    return Counter(
        (line["model"], line["tokens_in"], line["tokens_out"], line["text"])
        for line in lines
        if line["event"] == "completed"
    )


if __name__ == "__main__":
    typer.run(main)
