"""Which file and function `python:app.py:answer` names, and that it lies where code may lie.

It looks at files and runs nothing; whether the code may run is asked elsewhere.
"""

from __future__ import annotations

import os
from pathlib import Path

from socratune.memory.errors import BadInput
from socratune.memory.usercode import UserCode
from socratune.tools.datasets import fingerprint
from socratune.tools.model_spec import CODE
from socratune.tools.task_files import beside

FORM = "write python:FILE.py:FUNCTION"


def find_code(spec: str, root: Path, *, place: str) -> UserCode:
    """Return the function that `spec` names, as its file is now. Raises `BadInput` unless it lies inside `root`."""
    path, _, function = spec.removeprefix(CODE).rpartition(":")
    if "://" in path or not path.endswith(".py") or not function.isidentifier():
        raise BadInput(f"{spec!r} names no function in a file", place=place, cure=FORM)
    file = beside(root, path, place=place)
    if not file.is_file():
        raise BadInput(f"there is no file {path!r}", place=place, cure="put it beside the task file")
    return UserCode(spec=spec, folder=os.path.abspath(root), digest=fingerprint(file))


def moved(code: UserCode, root: Path) -> str:
    """Return the spec that names the same function from another folder; as it is when the file lies elsewhere."""
    file = Path(code.file)
    if not file.is_relative_to(root):
        return code.spec
    return f"{CODE}{file.relative_to(root).as_posix()}:{code.function}"
