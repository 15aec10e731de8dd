"""The public tasks over both wires: the real SDKs against a simulated provider, and the ledger against its records.

Run `python -m socratune.evals.wires DIR`, with DIR as for `socratune.evals.public`.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from rich.table import Table

from socratune.evals.program import served, told
from socratune.evals.public import SOURCES, TASKS, points
from socratune.evals.results import CAVEAT, console
from socratune.memory.records import digest
from socratune.memory.runs import Home

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
        with served(str(TASKS / f"{world}.yaml"), "--data", str(rows), "--log", str(log)) as url:
            address = f"{url}{BASES[wire]}"
            models = ("--target", f"{wire}:{world}@{address}", "--optimizer", f"{wire}:{world}:strong@{address}")
            where = ("--data", str(rows), "--home", str(home), "--seed", str(seed), "--budget", "rollouts=1500")
            words = ["optimize", str(TASKS / f"{task}.yaml"), *models, *where, "--yes", "--quiet", "--json"]
            result = told(words, environment=_keyless())
        return Crossing(task=task, wire=wire, result=result, ledger=_paid(home), provider=_completed(log))


def _keyless() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.endswith(("_API_KEY", "_BASE_URL"))}


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
