from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from socratune.memory.records import Prompt
from socratune.memory.runs import Home, RunFolder
from socratune.orders import read_task
from socratune.outcome import read_result, write_outcome
from socratune.tools.task_files import load_task

from .conftest import Finished


@pytest.fixture
def folder(finished: Finished, tmp_path: Path) -> RunFolder:
    """A finished run's folder of one's own, without the files of its end."""
    shutil.copytree(finished.home, tmp_path / ".socratune")
    shutil.copy(finished.task, tmp_path / "task.yaml")
    shutil.copy(finished.task.with_name("tickets.csv"), tmp_path / "tickets.csv")
    run = Home(path=tmp_path / ".socratune").run(finished.id)
    for file in (run.best, run.result, run.report):
        file.unlink()
    return run


def prompt_in(file: Path) -> Prompt:
    return load_task(file).task.prompt


def test_promising_prompt_is_a_candidate_and_not_the_best(folder: RunFolder) -> None:
    result, loaded = replace(read_result(folder), status="promising"), read_task(folder.path.parents[2] / "task.yaml")
    assert write_outcome(folder, result, loaded) == []
    assert prompt_in(folder.best) == result.seed.prompt
    assert prompt_in(folder.candidate) == result.best.prompt


def test_promising_prompt_is_the_best_when_that_is_asked_for(folder: RunFolder) -> None:
    result, loaded = replace(read_result(folder), status="promising"), read_task(folder.path.parents[2] / "task.yaml")
    write_outcome(folder, result, loaded, accept=True)
    assert prompt_in(folder.best) == result.best.prompt


def test_prompt_that_no_file_can_hold_is_not_lost(folder: RunFolder) -> None:
    result, loaded = read_result(folder), read_task(folder.path.parents[2] / "task.yaml")
    odd = replace(result, best=replace(result.best, prompt=Prompt(user=None, system="\n")))
    told = write_outcome(folder, odd, loaded)
    assert len(told) == 1
    assert folder.result.exists()
