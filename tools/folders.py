"""What a file may lead to: only what lies in its own folder, and nothing through a link.

So a file from a stranger cannot send other files to a model.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from socratune.memory.errors import BadInput

FILE = "file://"
HOME = ".socratune"


def root_of(path: Path) -> Path:
    """Return the folder that a task file's data must lie in: its own, or the project's for a file of a run."""
    folder = Path(os.path.abspath(path)).parent  # links must stay visible
    return Path(*folder.parts[: folder.parts.index(HOME)]) if HOME in folder.parts else folder


def beside(file: Path, named: str, *, place: str) -> Path:
    """Return the file that `file://...` in `file` names."""
    return within(file.parent, named.removeprefix(FILE), place=place)


def within(folder: Path, relative: str, *, place: str) -> Path:
    """Return a file that a task file leads to: in this folder, and through no link. Raises `BadInput` otherwise."""
    if ".." in PurePosixPath(relative).parts or PurePosixPath(relative).is_absolute():
        raise BadInput(f"{relative!r} leads out of the folder", place=place, cure="put the file beside the task file")
    return inside(folder, folder / relative, place=place, cure="put the file itself beside the task file")


def inside(root: Path, path: Path, *, place: str, cure: str) -> Path:
    """Return `path`, of which nothing below `root` is a link."""
    plain, top = Path(os.path.abspath(path)), Path(os.path.abspath(root))  # links must stay visible
    if not plain.is_relative_to(top):
        raise BadInput(f"{str(path)!r} lies outside of {str(root)!r}", place=place, cure=cure)
    below = [plain, *plain.parents][: len(plain.relative_to(top).parts)]
    if any(step.is_symlink() for step in below):
        raise BadInput(f"{str(path)!r} is a link", place=place, cure=cure)
    return Path(os.path.normpath(path))
