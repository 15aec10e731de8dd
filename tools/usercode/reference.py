"""Which file and function `python:app.py:answer` names, and that it lies where code may lie.

It looks at files and runs nothing; whether the code may run is asked elsewhere.
"""

from __future__ import annotations

import ast
import os
from pathlib import Path

from socratune.memory.errors import BadInput
from socratune.memory.usercode import UserCode
from socratune.tools.datasets import fingerprint
from socratune.tools.folders import within
from socratune.tools.model_spec import CODE
from socratune.tools.task_form import suggestion

FORM = "write python:FILE.py:FUNCTION"


def find_code(spec: str, root: Path, *, place: str) -> UserCode:
    """Return the function that `spec` names, as its file is now. Raises `BadInput` unless it lies inside `root`."""
    path, _, function = spec.removeprefix(CODE).rpartition(":")
    if "://" in path or not path.endswith(".py") or not function.isidentifier():
        raise BadInput(f"{spec!r} names no function in a file", place=place, cure=FORM)
    file = within(root, path, place=place)
    if not file.is_file():
        raise BadInput(f"there is no file {path!r}", place=place, cure="put it beside the task file")
    known = _names(file)
    if function not in known and "*" not in known:
        raise BadInput(
            f"{path} has no function {function!r}", place=place, cure=suggestion(function, known) if known else FORM
        )
    return UserCode(spec=spec, folder=os.path.abspath(root), digest=fingerprint(file))


def _names(file: Path) -> tuple[str, ...]:
    """Return what a file defines or imports, read and not run; `*` stands for names that are not known."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        what = getattr(error, "msg", "it holds NUL bytes")
        raise BadInput(f"not valid Python ({what})", place=f"{file}:{line}", cure="mend it first") from error
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.append(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names += [alias.asname or alias.name for alias in node.names]
    return tuple(dict.fromkeys(names))


def moved(code: UserCode, root: Path) -> str:
    """Return the spec that names the same function from another folder; as it is when the file lies elsewhere."""
    file = Path(code.file)
    if not file.is_relative_to(root):
        return code.spec
    return f"{CODE}{file.relative_to(root).as_posix()}:{code.function}"
