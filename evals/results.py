"""Outcomes on disk: one JSON line a trial, so that a suite that was stopped goes on where it was.

A line counts for its recipe, its world and its number of calls as they were: who wants a change of other code to count
begins a new file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter
from rich.console import Console

from socratune.evals.arms import Outcome, Trial

CAVEAT = (
    "The model is simulated: these numbers show that the mechanism works, never that a method is good on real models."
)
_OUTCOME = TypeAdapter(Outcome)


def read(files: Iterable[Path]) -> list[Outcome]:
    """Return the outcomes in some files; none where there is no file. A line that was cut off is left out."""
    written = [file.read_text("utf-8").splitlines(keepends=True) for file in files if file.exists()]
    return [_OUTCOME.validate_json(line) for lines in written for line in lines if line.endswith("\n")]


def complete(
    trials: Sequence[Trial], file: Path, *, run: Callable[[Trial], Outcome], processes: int | None = None
) -> Iterator[Outcome]:
    """Run the trials that the file does not have, and yield each outcome once it is written there.

    Without a number of processes there are as many as the machine has cores. A trial that raises ends no other: what
    all of them raised is raised when the others have ended.
    """
    errors: list[BaseException] = []
    known = {outcome.trial for outcome in read([file])}
    missing = [trial for trial in dict.fromkeys(trials) if trial not in known]
    file.parent.mkdir(parents=True, exist_ok=True)
    _mend(file)
    with ProcessPoolExecutor(processes) as pool, file.open("a", encoding="utf-8") as lines:
        sent = {pool.submit(run, trial): trial for trial in missing}
        for ended in as_completed(sent):
            if (error := ended.exception()) is not None:
                error.add_note(str(sent[ended]))
                errors.append(error)
                continue
            lines.write(json.dumps(asdict(ended.result())) + "\n")
            lines.flush()
            yield ended.result()
    if errors:
        raise BaseExceptionGroup(f"{len(errors)} of {len(missing)} trials failed", errors)


def _mend(file: Path) -> None:
    """Take away the beginning of a line whose process was killed."""
    if file.exists():
        whole = file.read_bytes()
        file.write_bytes(whole[: whole.rfind(b"\n") + 1])


def console() -> Console:
    """Return a console wide enough for the tables, wherever they are printed."""
    return Console(width=120)
