"""The program as people run it, in processes of its own: a command with `--json`, or a world that is served."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from socratune.tools.simulator.server import HOST

PROGRAM = str(Path(sys.executable).with_name("socratune"))
PATIENCE = 30.0
"""Seconds that a server gets to start."""
LAST_WORDS = 2_000
"""Characters that are told of what a server said before it ended."""


def told(words: Sequence[str], *, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run a command and return what its `--json` prints. Raises `SystemExit` with its complaint when it fails.

    Without an `environment` it has that of this process.
    """
    ended = subprocess.run(  # noqa: S603  # our own command with our own arguments
        [PROGRAM, *words], check=False, capture_output=True, text=True, env=environment
    )
    if ended.returncode not in (0, 3):
        raise SystemExit(ended.stderr)
    return dict(json.loads(ended.stdout))


@contextmanager
def served(world: str, *options: str) -> Iterator[str]:
    """Serve a world and give its address.

    Raises `SystemExit` with the server's last words when it ends before it listens, `OSError` when nobody listens there
    in time.
    """
    with socket.create_server((HOST, 0)) as found:
        port = found.getsockname()[1]
    command = [PROGRAM, "sim", "serve", world, "--port", str(port), *options]
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as words,  # a pipe that nobody reads would fill up
        subprocess.Popen(command, stderr=words) as server,  # noqa: S603  # as above
    ):
        try:
            _wait_for(server, port, words)
            yield f"http://{HOST}:{port}"
        finally:
            server.terminate()


def _wait_for(server: subprocess.Popen[bytes], port: int, words: IO[str]) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        if server.poll() is not None:
            words.seek(0)
            raise SystemExit(f"the server ended with code {server.returncode}: {words.read().strip()[-LAST_WORDS:]}")
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return
