"""The part of Nunjucks that a prompt may use: plain variables, `{{ name }}`, and raw blocks for literal braces.

Whatever else it can do (filters, expressions, tags, comments) is refused by name, since nothing is evaluated here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from socratune.tools.promptfoo.config import Value

_RAW = re.compile(r"\{% raw %\}(.*?)\{% endraw %\}", re.DOTALL)
_ANY = re.compile(r"\{\{(.*?)\}\}|\{%(.*?)(?:%\}|\Z)|\{#|\{\{", re.DOTALL)
_NAME = re.compile(r"\s*([A-Za-z_]\w*)\s*")
_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}")
_LITERAL = re.compile(r"\{{2,}[%#]?|\{[%#]|\{\Z")


def opened(text: str, value: Value) -> str:
    """Return a template without its raw blocks. Raises `BadInput` for all but plain variables."""
    pieces = _RAW.split(text)
    for piece in pieces[::2]:
        _refuse_code(piece, value)
    joined = "".join(pieces)
    if _VARIABLE.findall(joined) != [name for piece in pieces[::2] for name in _VARIABLE.findall(piece)]:
        raise value.refused("a raw block makes text look like a variable", "write the text in another way")
    return joined


def protected(text: str, names: Sequence[str]) -> str:
    """Return a template that Nunjucks reads as `text`, of which only `{{name}}` for these names are variables."""
    variable = re.compile(rf"(\{{\{{\s*(?:{'|'.join(map(re.escape, names)) or '(?!)'})\s*\}}\}})")
    *pieces, last = variable.split(text)
    # A brace at the end of the text opens nothing; before a variable it would.
    shown = [piece if index % 2 else _LITERAL.sub(_raw, piece) for index, piece in enumerate(pieces)]
    return "".join(shown) + _LITERAL.sub(lambda found: found[0] if found[0] == "{" else _raw(found), last)


def filled(text: str, values: Mapping[str, str], value: Value) -> str:
    """Return a text with its variables filled in. Raises `BadInput` for one that the row does not have."""
    pieces = _RAW.split(text)
    for piece in pieces[::2]:
        _refuse_code(piece, value)
        for name in _VARIABLE.findall(piece):
            if name not in values:
                cure = f"it has {', '.join(values)}" if values else "write out what it should say"
                raise value.refused(f"{{{{{name}}}}} is no variable of this test", cure)
    return "".join(
        piece if index % 2 else _VARIABLE.sub(lambda found: values[found[1]], piece)
        for index, piece in enumerate(pieces)
    )


def is_name(text: str) -> bool:
    """Whether a variable may be called so."""
    return _NAME.fullmatch(text) is not None and text == text.strip()


def variables(text: str) -> tuple[str, ...]:
    """Return the variables that an opened template names, in order of first use."""
    return tuple(dict.fromkeys(_VARIABLE.findall(text)))


def _raw(found: re.Match[str]) -> str:
    return f"{{% raw %}}{found[0]}{{% endraw %}}"


def _located(value: Value, fragment: str) -> Value:
    """Return a value that is a whole file with the line of a fragment, which in a chat is written as JSON has it."""
    if value.place != str(value.file):
        return value
    text = str(value.data)
    starts = [
        text.find(each) for each in (fragment, *(json.dumps(fragment, ensure_ascii=a)[1:-1] for a in (False, True)))
    ]
    start = max(starts)
    return value if start < 0 else replace(value, place=f"{value.place}:{text.count(chr(10), 0, start) + 1}")


def _refuse_code(text: str, value: Value) -> None:
    for found in _ANY.finditer(text):
        inside = found[1] if found[1] is not None else found[2]
        said = " ".join(found[0].split())[:60]
        value = _located(value, found[0])
        if found[0] == "{#":
            raise value.refused("Nunjucks comments are not supported", "take it out")
        if found[0].startswith("{%"):
            raise value.refused(f"the Nunjucks tag {said!r} is not supported", "write the prompt without it")
        if inside is None:
            raise value.refused("'{{' is not closed", "close it, or write {% raw %}{{{% endraw %}")
        if not _NAME.fullmatch(inside):
            kind = "filter" if "|" in inside else "expression"
            raise value.refused(f"the Nunjucks {kind} {said!r} is not supported", "name a plain variable, {{name}}")
