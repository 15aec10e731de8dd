"""The files that a run leaves: `leading.yaml` on its way, the others at its end, `result.json` last of all."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from socratune.graphs.result import Result, result_of
from socratune.markdown import markdown
from socratune.memory.errors import BadInput
from socratune.memory.ledger import Event
from socratune.memory.records import Prompt
from socratune.memory.runs import RunFolder
from socratune.report import Surroundings
from socratune.standing import opened, standing
from socratune.tools.journal import Listener
from socratune.tools.task_files import LoadedTask
from socratune.tools.task_writer import write_task


def read_result(folder: RunFolder) -> Result:
    """Return the result of a run from its ledger. Raises `BadInput` when it has not ended."""
    missing = _missing(folder)
    if not folder.ledger.exists():
        raise missing
    with opened(folder) as ledger:
        if ledger.event("ended:") is None:
            raise missing
        return replace(result_of(ledger), run=folder.name)


def read_scores(folder: RunFolder) -> dict[str, Any]:
    """Return what an eval or a calibration left. Raises `BadInput` when it has not ended."""
    try:
        return dict(json.loads(folder.result.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise _missing(folder) from error


def _missing(folder: RunFolder) -> BadInput:
    whole = folder.compare or folder
    return BadInput(f"run {folder.name} has not ended", cure=f"go on with `socratune resume {whole.id}`")


def refuse_part(folder: RunFolder) -> None:
    """Raise `BadInput` for a run of a compare that has not ended: it goes on only with the others."""
    if folder.compare is not None and not folder.result.exists():
        raise _missing(folder)


def keep_leading(folder: RunFolder, loaded: LoadedTask) -> Listener:
    """Return a listener that keeps `leading.yaml` at the leader of a run."""

    def hear(event: Event) -> None:
        if event.kind != "leader":
            return
        with opened(folder) as ledger:
            leader = standing(ledger)
        if leader is not None and _write(folder.leading, leader.prompt, loaded):
            folder.leading.unlink(missing_ok=True)  # no file can hold the leader, and the one before it leads no more

    return hear


def write_outcome(folder: RunFolder, result: Result, loaded: LoadedTask | None, *, accept: bool = False) -> list[str]:
    """Write the files and return what could not be written; `accept` takes a promising prompt for the best.

    `result.json` comes last: where it stands, the others do.
    """
    trouble = []
    if loaded is not None:
        promising = result.status == "promising"
        trouble += _write(folder.best, result.best.prompt if promising and accept else result.prompt, loaded)
        trouble += _write(folder.candidate, result.best.prompt, loaded) if promising else []
    with opened(folder) as ledger:
        replace_text(folder.report, markdown(result, ledger))
    replace_text(folder.result, json.dumps(result.as_dict(), indent=2) + "\n")
    return trouble


def _write(path: Path, prompt: Prompt, loaded: LoadedTask) -> list[str]:
    """A paid result is not lost to a form that cannot hold it: `result.json` has it."""
    try:
        write_task(path, prompt, loaded)
    except BadInput as error:
        return [f"{path.name} could not be written ({error.problem}); the prompt is in result.json"]
    return []


def replace_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def files_of(folder: RunFolder) -> dict[str, str]:
    """Return what a run left, each file with what it is."""
    known = {
        folder.best: "the prompt that the run stands for, as a task file",
        folder.candidate: "the promising prompt, as a task file",
        folder.report: "the whole story",
        folder.result: "the numbers",
    }
    return {path.name: meaning for path, meaning in known.items() if path.exists()}


def short(path: Path) -> str:
    """Return a path as a person would type it from here."""
    near = os.path.relpath(path)
    return str(path) if near.startswith("..") else near


def surroundings(folder: RunFolder, result: Result, following: Mapping[str, str]) -> Surroundings:
    """Return what a summary says beside the result."""
    return Surroundings(folder=short(folder.path), files=files_of(folder), following=following)
