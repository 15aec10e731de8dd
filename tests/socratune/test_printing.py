from __future__ import annotations

import contextlib
import io

from rich.console import Group
from rich.table import Table
from rich.text import Text

from socratune.memory.records import Prompt
from socratune.printing import printed
from socratune.report import diff_lines

from .conftest import Command, Finished


def test_a_file_gets_each_line_whole_and_without_padding() -> None:
    rule = "Say " + "please and " * 2_000 + "thank you."
    table = Table(box=None)
    for word in ("short", "a longer word"):
        table.add_row(word, Text("told " * 40))
    diff = diff_lines(Prompt(user="Sort."), Prompt(user=f"Sort.\n{rule}"))
    assert diff is not None
    with contextlib.redirect_stdout(file := io.StringIO()):
        printed(Group(diff, table))
    lines = file.getvalue().split("\n")
    assert f"+{rule}" in lines
    assert lines == [line.rstrip() for line in lines]
    assert sum("told" in line for line in lines) == 2


def test_a_quiet_run_ends_with_its_verdict_scores_and_next_step(command: Command, finished: Finished) -> None:
    shown = command("resume", finished.id, "--home", finished.home, "--quiet").out
    for told in ("Improved by", "decides:", "socratune apply", "not that it is good on real models"):
        assert told in shown
    assert shown.count("\n") < 25
    assert "+++" not in shown
