"""Whether a task's own `python:` code may run: asked once for each content of a file, and remembered.

What was agreed to stands in `.socratune/allowed_code.json`, each digest with a proof that only this user's key can
make: a folder that comes from a stranger, home included, brings no consent along.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from socratune.memory.errors import BadInput
from socratune.memory.records import Task
from socratune.memory.runs import Home, write_once
from socratune.memory.usercode import UserCode
from socratune.tools.model_spec import is_code
from socratune.tools.usercode.reference import find_code

STATE_VARIABLE = "XDG_STATE_HOME"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a door lets a task's own code do."""

    code: Literal["refused", "idle", "asked", "allowed"] = "refused"
    """`refused` fails where there is any, `idle` reads the task without it, `asked` runs what was agreed to before,
    `allowed` agrees."""
    home: Home | None = None
    """Where it is remembered what was agreed to."""

    def given(self, task: Task, root: Path, *, at: Callable[[str], str]) -> tuple[UserCode, ...]:
        """Return the code of a task that may run. Raises `BadInput`, placed by `at`, for any that may not.

        Nothing is imported here.
        """
        if self.code == "idle":
            return ()
        return tuple(self._agreed(spec, root, place=at(key)) for key, spec in _named(task))

    def _agreed(self, spec: str, root: Path, *, place: str) -> UserCode:
        if self.code == "refused" or self.home is None:
            cure = "put it into a task file of your own and use `socratune optimize FILE --allow-code`"
            raise BadInput(f"{spec} is code, and none is run from here", place=place, cure=cure)
        code = find_code(spec, root, place=place)
        if self.code == "allowed":
            _remember(code, self.home)
        elif not _remembered(code, self.home):
            file = os.path.relpath(code.file, root)
            cure = "read it, and pass --allow-code (allow_code=True in Python) once you trust it"
            raise BadInput(f"{code.function!r} in {file} is code that would run", place=place, cure=cure)
        return code


IDLE = Consent(code="idle")


def _named(task: Task) -> Iterator[tuple[str, str]]:
    """Yield each key of a task that names code, with what it names."""
    for key, spec in (("target", task.target), ("metric", task.metric)):
        if is_code(spec):
            yield key, spec


def _file(home: Home) -> Path:
    return home.path / "allowed_code.json"


def _known(home: Home) -> dict[str, str]:
    """Return the proof of each digest; nothing when the file is missing or is none of ours."""
    try:
        known = json.loads(_file(home).read_text(encoding="utf-8"))
        return {str(digest): str(proof) for digest, proof in known["sha256"].items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def _remembered(code: UserCode, home: Home) -> bool:
    return hmac.compare_digest(_known(home).get(code.digest, ""), _proof(code))


def _remember(code: UserCode, home: Home) -> None:
    home.prepare()
    known = {"sha256": {**_known(home), code.digest: _proof(code)}}
    with tempfile.NamedTemporaryFile("w", dir=home.path, delete=False, encoding="utf-8") as file:  # 0600 from the start
        json.dump(known, file, indent=2)
    Path(file.name).replace(_file(home))


def _proof(code: UserCode) -> str:
    return hmac.new(_key().encode(), code.digest.encode(), "sha256").hexdigest()


def _key() -> str:
    """Return this user's key, made at first use."""
    state = Path(os.environ.get(STATE_VARIABLE) or Path.home() / ".local" / "state") / "socratune"
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        return write_once(state / "consent.key", secrets.token_hex(32))
    except OSError as error:
        problem = f"consent cannot be remembered ({error.strerror})"
        raise BadInput(problem, place=str(state), cure=f"set {STATE_VARIABLE} to a folder of yours") from error
