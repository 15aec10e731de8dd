"""Socratune on public data, from the command line to the verdict: three task files, each with a small world over it.

Run `python -m socratune.evals.public DIR`, where DIR holds `bbh/object_counting.json`, `bbh/snarks.json` and
`gsm8k/test.jsonl`; with `--download` what is missing is fetched into it.
"""

from __future__ import annotations

import tempfile
import urllib.request
from pathlib import Path
from typing import Any

import typer
from rich.table import Table

from socratune.evals.program import told
from socratune.evals.results import CAVEAT, console

TASKS = Path(__file__).parent / "tasks"
BBH = "https://raw.githubusercontent.com/suzgunmirac/BIG-Bench-Hard/main/bbh"
GSM8K = "https://raw.githubusercontent.com/openai/grade-school-math/master/grade_school_math/data"
SOURCES = {
    "object_counting": ("bbh/object_counting.json", f"{BBH}/object_counting.json"),
    "snarks": ("bbh/snarks.json", f"{BBH}/snarks.json"),
    "gsm8k": ("gsm8k/test.jsonl", f"{GSM8K}/test.jsonl"),
}


def main(data: Path, *, download: bool = False, seed: int = 0) -> None:
    """Optimize all three and print a table."""
    drawn = Table(title="public data, simulated model")
    for column in ("task", "train/dev/test", "verdict", "seed", "best", "rollouts"):
        drawn.add_column(column)
    for name, (path, url) in SOURCES.items():
        result = optimize(name, _found(data / path, url, download=download), seed=seed)
        drawn.add_row(name, *_row(result))
    screen = console()
    screen.print(drawn)
    screen.print(CAVEAT)


def optimize(task: str, rows: Path, *, seed: int) -> dict[str, Any]:
    """Run `socratune optimize` as a person would, in a home of its own, and return what `--json` prints."""
    with tempfile.TemporaryDirectory() as home:
        command = ["optimize", str(TASKS / f"{task}.yaml"), "--data", str(rows), "--home", home, "--seed", str(seed)]
        return told([*command, "--yes", "--quiet", "--json"])


def _found(path: Path, url: str, *, download: bool) -> Path:
    if path.exists():
        return path
    if not download:
        raise SystemExit(f"{path} is not there; put it there, or let --download fetch it from {url}")
    path.parent.mkdir(parents=True, exist_ok=True)
    urllib.request.urlretrieve(url, path)  # noqa: S310  # a fixed https address
    return path


def _row(result: dict[str, Any]) -> list[str]:
    splits = result["splits"]
    return [
        f"{splits['train']}/{splits['dev']}/{splits['test']}",
        f"{result['status']} {points(result['test'])}",
        _share(result["seed"]["test"]),
        _share(result["best"]["test"]),
        str(result["calls"]["rollouts"]),
    ]


def points(test: dict[str, float] | None) -> str:
    """Return the difference on the test rows with its interval, in points; `-` when there was no test."""
    if test is None:
        return "-"
    return f"{100 * test['difference']:+.0f} ({100 * test['low']:+.0f} to {100 * test['high']:+.0f})"


def _share(score: float | None) -> str:
    return "-" if score is None else f"{score:.2f}"


if __name__ == "__main__":
    typer.run(main)
