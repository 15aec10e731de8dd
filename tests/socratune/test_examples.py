"""The examples of the documentation, run as they are."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
SAID: Mapping[str, tuple[str, ...]] = {
    "events.py": ("new leader", "cancelled; what was paid for is kept", "final test on", "improved - Improved by"),
    "parent_graph.py": ("Start this run?", "leader_changed", "deploying - Improved by"),
    "langchain_tool.py": ("tool: Improved by", "for the program: improved Verdict(", "ai: It is better now."),
    "mcp_client.py": ("target calls: ", "improved - Improved by"),
}


def test_every_example_is_run() -> None:
    assert {file.name for file in EXAMPLES.glob("*.py")} == set(SAID)


@pytest.mark.parametrize("name", SAID)
def test_example_does_what_it_says(tmp_path: Path, name: str) -> None:
    ended = subprocess.run(
        [sys.executable, EXAMPLES / name], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    assert all(line in ended.stdout for line in SAID[name]), ended.stdout
    assert not list(tmp_path.iterdir())
