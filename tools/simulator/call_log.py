"""The records that a simulated provider keeps of its own, against which a ledger can be checked."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from socratune.tools.models import Reply, Request

CallLog = Callable[[Request, Reply], None]


def append_log(path: Path, *, model: str) -> CallLog:
    """Return a log that appends one JSON line per call to `path`: the request's key and the tokens.

    Each line is a single write, so that processes which share the file, or are killed, leave only whole lines.
    """

    def log(request: Request, reply: Reply) -> None:
        entry = {
            "key": request.key(model),
            "model": model,
            "repeat": request.repeat,
            "tokens_in": reply.tokens_in,
            "tokens_out": reply.tokens_out,
        }
        line = json.dumps(entry) + "\n"
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)

    return log
