"""The folder of the demo: a task file, its rows and a home of its own."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from socratune.memory.runs import Home
from socratune.text import CAVEAT
from socratune.tools.simulator.builtin import BUILTIN
from socratune.tools.simulator.world import load_world
from socratune.tools.yaml_edits import dump

WORLD = "ticket-routing"
SALT = "demo"
"""Fixed, so that everybody sees the same run."""


def lay_out(folder: Path) -> Path:
    """Make the folder and return its task file."""
    folder.mkdir(parents=True)
    rows = f"{WORLD}.csv"
    shutil.copyfile(BUILTIN / rows, folder / rows)
    written = load_world(WORLD).task.model_dump(exclude_none=True, mode="json")
    file = Path(os.path.abspath(folder / "task.yaml"))
    file.write_text(f"# {CAVEAT}\n" + dump({**written, "data": rows, "target": f"sim:{WORLD}"}), encoding="utf-8")
    home = Home(path=file.parent / ".socratune")
    home.prepare()
    (home.path / "salt").write_text(f"{SALT}\n")
    return file
