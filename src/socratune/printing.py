"""How something is printed: at the width of a terminal, or whole where there is none."""

from __future__ import annotations

import sys

from rich.console import Console, RenderableType

WHOLE = 10_000
"""Columns where nobody looks: a line in a file is as long as its text."""


def printed(shown: RenderableType, *, stderr: bool = False) -> None:
    """Print it on stdout or stderr. Off a terminal no line is wrapped or padded."""
    console = Console(stderr=stderr, highlight=False)
    if console.is_terminal:
        console.print(shown, crop=False)  # a command that is cut off cannot be typed
        return
    wide = Console(width=WHOLE, highlight=False, color_system=None, file=sys.stderr if stderr else sys.stdout)
    with wide.capture() as captured:
        wide.print(shown, crop=False)
    lines = captured.get().removesuffix("\n").split("\n")
    console.file.write("".join(f"{line.rstrip()}\n" for line in lines))
