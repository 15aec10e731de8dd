"""Placeholders: how a prompt names the columns of a row, and how a row becomes chat messages.

Inside Socratune a placeholder is written `{{name}}`, to the letter. Files with f-string `{name}` and Jinja
`{{ name }}` placeholders are recognised on reading and written back in their own style. Nothing is ever evaluated:
no expressions, filters or attributes, only the names of columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Literal

from socratune.memory.records import Message, Prompt
from socratune.tools.tokens import estimate

Style = Literal["native", "fstring", "braces", "jinja"]
"""`native` is `{{name}}`, `jinja` is `{{ name }}`. `fstring` is `{name}` in a well-formed format string, where other
braces are doubled; `braces` is `{name}` in any other text, where other braces stand for themselves."""

Form = Literal["native", "jinja", "field", "tokens"]

_ANY_NAME = re.compile(r"\{\{\s*((?:-\s*)?[^\W\d][\w .|()-]{0,80}?)\s*\}\}")


def style_of(text: str, columns: Iterable[str]) -> Style:
    """Return how `text` writes the placeholders of `columns`; `native` when it has none.

    `{name}` counts only when `name` is a column and no column is named in double braces.
    """
    names = tuple(columns)
    doubled = [match[0] == f"{{{{{match[1]}}}}}" for match in _pattern("jinja", names).finditer(text)]
    if doubled:
        return "native" if all(doubled) else "jinja"
    if not _pattern("field", names).search(text):
        return "native"
    tokens = (match[0] for match in _pattern("tokens", names).finditer(text))
    return "braces" if any(token in ("{", "}") for token in tokens) else "fstring"


def to_native(text: str, style: Style, columns: Iterable[str]) -> str:
    """Return `text`, written in `style`, with native placeholders."""
    names = tuple(columns)
    if style == "fstring":
        return _pattern("tokens", names).sub(_unescaped, text)
    form: Form = "field" if style == "braces" else "jinja"
    return _pattern(form, names).sub(lambda match: f"{{{{{match[1]}}}}}", text)


def read(text: str, columns: Iterable[str]) -> tuple[str, Style]:
    """Return `text` with native placeholders, and the style it was written in."""
    names = tuple(columns)
    style = style_of(text, names)
    return to_native(text, style, names), style


def write(text: str, style: Style, variables: Iterable[str]) -> str:
    """Return native `text` in `style`: the inverse of `read` for a text that keeps to one style."""
    opening, closing = {"native": ("{{", "}}"), "jinja": ("{{ ", " }}")}.get(style, ("{", "}"))
    pieces = _pieces(text, tuple(variables))
    return "".join(f"{opening}{piece}{closing}" if is_name else _escaped(piece, style) for piece, is_name in pieces)


def variables(text: str, columns: Iterable[str]) -> tuple[str, ...]:
    """Return the columns that native `text` names, in order of first use."""
    return tuple(dict.fromkeys(_pattern("native", tuple(columns)).findall(text)))


def unknown(text: str, columns: Iterable[str]) -> tuple[str, ...]:
    """Return what stands in double braces in native `text`, looks like a name, and is no column."""
    found = dict.fromkeys(_ANY_NAME.findall(text))
    known = frozenset(columns)
    return tuple(name for name in found if name not in known)


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put `values` in place of their native placeholders.

    A single pass: all other braces stay as they are, and an inserted value is never scanned again.
    """
    return _pattern("native", tuple(values)).sub(lambda match: values[match[1]], text)


def messages(prompt: Prompt, inputs: Mapping[str, str]) -> tuple[Message, ...]:
    """Return what a model is sent for one row: system, the demos as turns, then the row itself."""
    turns = [Message(role="system", content=fill(prompt.system, inputs))] if prompt.system else []
    return (*turns, *_demos(prompt), Message(role="user", content=_turn(prompt.user, inputs)))


def length(prompt: Prompt, columns: Iterable[str]) -> int:
    """Return about how many tokens of `messages` are the prompt's own, and are sent with every row."""
    return sum(estimate(message.content) for message in messages(prompt, dict.fromkeys(columns, "")))


def shared_prefix(prompt: Prompt, columns: Iterable[str]) -> int:
    """Return how many characters at the beginning of `messages` are the same for every row.

    They are system, demos and the user turn up to its first placeholder; or the system up to its own.
    """
    names = tuple(columns)
    system = prompt.system or ""
    constant = _constant(system, names)
    if constant < len(system):
        return constant
    demos = sum(len(turn.content) for turn in _demos(prompt))
    return constant + demos + _constant(prompt.user or "", names)


def _constant(text: str, names: tuple[str, ...]) -> int:
    found = _pattern("native", names).search(text)
    return found.start() if found else len(text)


def _demos(prompt: Prompt) -> Iterator[Message]:
    for demo in prompt.demos:
        yield Message(role="user", content=_turn(prompt.user, demo.inputs))
        yield Message(role="assistant", content=demo.output)


def _turn(user: str | None, inputs: Mapping[str, str]) -> str:
    """Return the user turn; without a user template it is the inputs themselves."""
    if user is not None:
        return fill(user, inputs)
    if len(inputs) == 1:
        return next(iter(inputs.values()))
    return "\n".join(f"{name}: {value}" for name, value in inputs.items())


def _pieces(text: str, names: tuple[str, ...]) -> Iterator[tuple[str, bool]]:
    """Yield the stretches of native `text`, each with whether it is the name of a placeholder."""
    for index, piece in enumerate(_pattern("native", names).split(text)):
        yield piece, index % 2 == 1


def _escaped(literal: str, style: Style) -> str:
    return literal.replace("{", "{{").replace("}", "}}") if style == "fstring" else literal


def _unescaped(token: re.Match[str]) -> str:
    return token[0][0] if token[1] is None else f"{{{{{token[1]}}}}}"


@lru_cache(maxsize=256)
def _pattern(form: Form, columns: tuple[str, ...]) -> re.Pattern[str]:
    """Return the pattern of placeholders in one form; group 1 is the name.

    A name with braces or with space at its ends cannot be told from the text around it and is never a placeholder.
    """
    usable = [re.escape(name) for name in columns if name and name == name.strip() and not set(name) & set("{}")]
    name = f"({'|'.join(usable) or '(?!)'})"
    forms = {
        "native": rf"\{{\{{{name}\}}\}}",
        "jinja": rf"\{{\{{\s*{name}\s*\}}\}}",
        "field": rf"\{{{name}\}}",
        "tokens": rf"\{{\{{|\}}\}}|\{{{name}\}}|[{{}}]",
    }
    return re.compile(forms[form])
