"""The examples of the documentation, run as they are."""

from __future__ import annotations

import contextlib
import io
import runpy
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
def test_example_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    assert all(line in out.getvalue() for line in SAID[name]), out.getvalue()
    assert not list(tmp_path.iterdir())
