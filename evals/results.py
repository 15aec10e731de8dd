"""Outcomes on disk: one JSON line a trial, so that a suite that was stopped goes on where it was.

A line counts only for the code that it was measured with.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter
from rich.console import Console

from socratune.evals.arms import Outcome, Trial
from socratune.memory.records import digest

CAVEAT = (
    "The model is simulated: these numbers show that the mechanism works, never that a method is good on real models."
)
MEASURED = ("memory", "tools", "agents", "graphs", "evals")
_OUTCOME = TypeAdapter(Outcome)


@cache
def code() -> str:
    """Return a hash of everything that an outcome depends on: the five folders, worlds and prompts included."""
    root = Path(__file__).parent.parent
    every = (file for folder in MEASURED for file in (root / folder).rglob("*"))
    files = sorted(file for file in every if file.suffix in {".py", ".md", ".yaml", ".csv"})
    return digest([[str(file.relative_to(root)), file.read_text("utf-8")] for file in files])


def read(file: Path) -> list[Outcome]:
    """Return the outcomes in a file that were measured with the code as it is; none when there is no file."""
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    written = [json.loads(line) for line in lines]
    now = code()
    return [_OUTCOME.validate_python(each["outcome"]) for each in written if each["code"] == now]


def complete(trials: Iterable[Trial], file: Path, *, run: Callable[[Trial], Outcome], processes: int) -> list[Outcome]:
    """Run the trials that the file does not have, append each as it ends, and return all that were asked for."""
    wanted = list(trials)
    known = {outcome.trial: outcome for outcome in read(file)}
    with ProcessPoolExecutor(processes) as pool:
        for outcome in pool.map(run, [trial for trial in wanted if trial not in known]):
            known[outcome.trial] = outcome
            _append(outcome, file)
    return [known[trial] for trial in wanted]


def _append(outcome: Outcome, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps({"code": code(), "outcome": asdict(outcome)}) + "\n")


def console() -> Console:
    """Return a console wide enough for the tables, wherever they are printed."""
    return Console(width=120)


def cells(outcomes: Iterable[Outcome]) -> Iterator[tuple[tuple[str, str, str], list[Outcome]]]:
    """Group outcomes by strength, world and arm, in the order in which they come."""
    groups: dict[tuple[str, str, str], list[Outcome]] = {}
    for outcome in outcomes:
        trial = outcome.trial
        groups.setdefault((trial.strength, trial.world, trial.arm), []).append(outcome)
    yield from groups.items()
