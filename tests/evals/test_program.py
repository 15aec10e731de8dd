from __future__ import annotations

from pathlib import Path

import pytest

from socratune.evals.program import told


def test_a_command_that_works_gives_its_record(tmp_path: Path) -> None:
    assert told(["doctor", "--home", str(tmp_path), "--json"])


def test_a_command_that_fails_ends_the_eval_with_its_own_complaint(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="nowhere"):
        told(["optimize", str(tmp_path / "nowhere.yaml"), "--home", str(tmp_path), "--yes", "--json"])
