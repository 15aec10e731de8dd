"""Texts that people write: a file's text, and, where it is YAML, its keys and the line of each."""

from __future__ import annotations

from pathlib import Path

import yaml

from socratune.memory.errors import BadInput
from socratune.tools.row_readers import well_formed

LARGEST_FILE = 1024 * 1024
"""Bytes."""


class _Loader(yaml.SafeLoader):
    """Loads plain values only; an escape that stands for half a character becomes U+FFFD."""

    def text_of(self, node: yaml.ScalarNode) -> str:
        return well_formed(str(self.construct_scalar(node)))


_Loader.add_constructor("tag:yaml.org,2002:str", _Loader.text_of)


def read_text(path: Path) -> str:
    """Return the text of a task or prompt file as it is, byte order mark and line ends included."""
    if not path.is_file():
        raise BadInput("there is no such file", place=str(path), cure="check the path")
    if path.stat().st_size > LARGEST_FILE:
        raise BadInput(f"larger than {LARGEST_FILE // 1024} KiB", place=str(path), cure="shorten it")
    try:
        return well_formed(path.read_bytes().decode("utf-8", "surrogatepass"))
    except UnicodeDecodeError as error:
        raise BadInput("not UTF-8", place=str(path), cure="save it as UTF-8") from error
    except OSError as error:
        raise BadInput(f"cannot be read ({error.strerror})", place=str(path), cure="check its permissions") from error


def parse_mapping(text: str, path: Path, *, what: str, cure: str) -> tuple[dict[str, object], dict[str, int]]:
    """Return the keys of a YAML file as they are written, and the line of each."""
    try:
        node, written = yaml.compose(text, Loader=yaml.SafeLoader), _Loader(text).get_single_data()
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise syntax_error(error, text, path) from error
    if not isinstance(node, yaml.MappingNode) or not isinstance(written, dict):
        raise BadInput(f"{what} holds `key: value` lines", place=f"{path}:1", cure=cure)
    return written, _lines(node, path)


def syntax_error(error: Exception, text: str, path: Path) -> BadInput:
    """Say in one line what is wrong with a YAML text."""
    mark = getattr(error, "problem_mark", None)
    offset = getattr(error, "position", 0)
    line = mark.line + 1 if mark else text.count("\n", 0, offset) + 1
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
    cure = "check its indentation and quotes; texts with `: `, `#` or `{` need quotes or a `|` block"
    return BadInput(f"not valid YAML ({problem})", place=f"{path}:{line}", cure=cure)


def _lines(node: yaml.MappingNode, path: Path) -> dict[str, int]:
    """Return the line of each key, counted from 1."""
    lines: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if key.value in lines:
            raise BadInput(f"key {key.value!r} is there twice", place=f"{path}:{line}", cure="remove one of them")
        lines[str(key.value)] = line
    return lines
