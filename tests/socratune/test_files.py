"""Runs over the kinds of files that people have."""

from __future__ import annotations

from pathlib import Path

import yaml

from .conftest import TASK, Command, tickets


def test_a_run_keeps_the_split_that_its_user_chose_and_so_does_its_best_prompt(
    command: Command, tmp_path: Path
) -> None:
    for name, first, last in (("train", 0, 40), ("dev", 40, 100), ("test", 100, 170)):
        (tmp_path / f"{name}.csv").write_text(tickets(first, last))
    named = {"train": "train.csv", "dev": "dev.csv", "test": "test.csv"}
    (tmp_path / "task.yaml").write_text(TASK.replace("tickets.csv", str(named)))
    ran = command("optimize", "task.yaml", "--json", "--quiet")
    assert (ran.code, ran.json["status"], ran.json["splits"]) == (0, "improved", {"train": 40, "dev": 60, "test": 70})
    (best,) = (tmp_path / ".socratune" / "runs").glob("*/best.yaml")
    assert yaml.safe_load(best.read_text())["data"] == {side: f"../../../{file}" for side, file in named.items()}
    scored = command("eval", best, "--against", "task.yaml", "--json", "--quiet", "--budget", "calls=400")
    assert scored.json["comparison"]["difference"] > 0
    assert command("apply", "last", "--yes").code == 0
    assert command("resume", "last", "--json").json["status"] == "improved"
