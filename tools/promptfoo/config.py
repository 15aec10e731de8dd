"""The values of a configuration, each with its place in the file."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from socratune.memory.errors import BadInput
from socratune.tools.datasets import well_formed
from socratune.tools.task_form import suggestion
from socratune.tools.yaml_text import syntax_error

_PROMPTS = re.compile(r"(?m)^prompts\s*:")
_OTHERS = re.compile(r"(?m)^(?:providers|targets|tests)\s*:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A value, and where it stands."""

    data: object
    place: str
    file: Path
    node: yaml.Node | None = None
    """Of a YAML file; what stands within has a line of its own then."""

    def refused(self, problem: str, cure: str = "") -> BadInput:
        """Return the complaint about this value."""
        return BadInput(problem, place=self.place, cure=cure)

    def fields(self, what: str, known: Collection[str] | None = None) -> dict[str, Value]:
        """Return the values of a mapping. Raises `BadInput` for a key that is not among the known ones, if given."""
        if not isinstance(self.data, dict):
            raise self.refused(f"{what} is not a mapping", "write `key: value` lines")
        fields = {str(key): self.within(key) for key in self.data}
        for key, value in fields.items():
            if known is not None and key not in known:
                raise value.refused(f"{key!r} in {what} is not supported", suggestion(key, known))
        return fields

    def items(self, what: str) -> list[Value]:
        """Return the values of a list."""
        if not isinstance(self.data, list):
            raise self.refused(f"{what} is not a list", "write one `- ` line for each")
        return [self.within(index) for index in range(len(self.data))]

    def within(self, step: Any) -> Value:
        """Return the value under a key or at an index."""
        node = _child(self.node, step)
        place = self.place if node is None else f"{self.file}:{node.start_mark.line + 1}"
        data: Any = self.data
        return Value(data=data[step], place=place, file=self.file, node=node)

    def text(self, what: str) -> str:
        """Return a text, or a number or a boolean as JavaScript would write it."""
        value = self.data
        if isinstance(value, str):
            return well_formed(value)
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
        if isinstance(value, int | float):
            return str(value)
        kind = "a list" if isinstance(value, list) else "a mapping" if isinstance(value, dict) else "empty"
        raise self.refused(f"{what} is {kind}", "write one text")

    def number(self, what: str) -> float:
        """Return a number of at least 0."""
        try:
            found = float(str(self.data))
        except ValueError:
            found = math.nan
        if isinstance(self.data, bool) or not 0 <= found < math.inf:
            raise self.refused(f"{what} is {self.data!r}", "write a number of at least 0")
        return found


class _Loader(yaml.SafeLoader):
    """Reads plain values as YAML 1.2 does, which Promptfoo follows: `yes`, `12:30` and dates are texts."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  # PyYAML's own registry

    def integer(self, node: yaml.ScalarNode) -> int:
        return int(str(self.construct_scalar(node)))


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.integer)
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), list(_first))


def recognised(text: str) -> bool:
    """Whether the text of a YAML file is a Promptfoo configuration."""
    return bool(_PROMPTS.search(text) and _OTHERS.search(text))


def parse(text: str, path: Path) -> Value:
    """Read a YAML file. Raises `BadInput` when it is not one."""
    loader = _Loader(text.removeprefix("\ufeff"))
    try:
        node = loader.get_single_node()
        if node is None:
            raise BadInput("the file is empty", place=str(path))
        _refuse_twice(node, path)
        data = loader.construct_document(node)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise syntax_error(error, text, path) from error
    finally:
        loader.dispose()
    return Value(data=data, place=f"{path}:{node.start_mark.line + 1}", file=path, node=node)


def _refuse_twice(root: yaml.Node, path: Path) -> None:
    """Refuse a key that stands twice in a mapping, of which YAML would drop one without a word."""
    waiting, known = [root], set[int]()
    while waiting:
        node = waiting.pop()
        if id(node) in known:
            continue
        known.add(id(node))
        names = set[str]()
        for key, value in _pairs(node):
            if isinstance(key, yaml.ScalarNode):
                if key.value in names:
                    place = f"{path}:{key.start_mark.line + 1}"
                    raise BadInput(f"key {key.value!r} is there twice", place=place, cure="remove one of them")
                names.add(key.value)
            waiting.append(value)


def _pairs(node: yaml.Node) -> Iterator[tuple[yaml.Node | None, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        yield from node.value
    elif isinstance(node, yaml.SequenceNode):
        yield from ((None, each) for each in node.value)


def _child(node: yaml.Node | None, step: object) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
        found: yaml.Node = node.value[step]
        return found
    # What a merge brings in stands first, so that the last of a name is the one that counts.
    named = [value for key, value in _pairs(node) if key and key.value == str(step)] if node else []
    return named[-1] if named else None
