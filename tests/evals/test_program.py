from __future__ import annotations

import time
from pathlib import Path

import pytest

from socratune.evals.program import PATIENCE, served, told


def test_a_command_that_works_gives_its_record(tmp_path: Path) -> None:
    assert told(["doctor", "--home", str(tmp_path), "--json"])


def test_a_command_that_fails_ends_the_eval_with_its_own_complaint(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="nowhere"):
        told(["optimize", str(tmp_path / "nowhere.yaml"), "--home", str(tmp_path), "--yes", "--json"])


def test_a_server_that_dies_at_once_is_not_waited_for_and_its_last_words_are_told(tmp_path: Path) -> None:
    begun = time.monotonic()
    with pytest.raises(SystemExit, match=r"ended with code 2: .*nowhere\.yaml"), served(str(tmp_path / "nowhere.yaml")):
        pass
    assert time.monotonic() - begun < PATIENCE
