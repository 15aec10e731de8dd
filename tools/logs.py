"""The log of a run: JSON lines in its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import structlog

from socratune.tools.journal import Log


class _AppendedLines:
    """A file that is opened for each line, so that nothing is held and nothing is lost."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def msg(self, line: str) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    info = warning = error = msg


def run_log(path: Path) -> Log:
    """Return a logger that appends to `path`; it shares nothing with the host's own logging."""
    processors: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]
    logger: Log = structlog.wrap_logger(_AppendedLines(path), processors=processors)
    return logger
