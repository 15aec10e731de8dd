"""Changing one value of a YAML text and nothing else: its comments, order and spelling are someone's work.

It goes by the marks that the YAML parser leaves on each value. Whether the result means what was meant is for the
caller to check, by reading it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import yaml

from socratune.tools.row_readers import well_formed

INDENT = 2
_ONE_LINE = 2**31
# YAML takes some characters for line breaks that a text may mean as themselves, and cannot show others.
_NOT_FOR_BLOCKS = re.compile("[^\n\t -~\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_BLOCK_HEADER = re.compile(r"[^\n]*?[|>][-+0-9]*([^\r\n]*)")
_LAST_BREAKS = re.compile(r"(?:\r?\n[ \t]*)*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A stretch of a text, and what takes its place."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Value:
    """A value, and where it stands."""

    node: yaml.Node
    column: int
    """Of its key, or of the dash before it, from 0."""
    flow: bool
    """Whether it stands within braces or brackets, where blocks are not allowed."""


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as `|` blocks and repeats what is there twice."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _represented(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if _NOT_FOR_BLOCKS.search(text) else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represented)


def dump(content: Mapping[str, object]) -> str:
    """Write a mapping as YAML, its keys in their order."""
    return yaml.dump(dict(content), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_ONE_LINE)


def edited(text: str, edits: Sequence[Edit]) -> str:
    """Return the text after its edits, which do not overlap; line ends are the text's own."""
    for edit in sorted(edits, key=lambda edit: edit.start, reverse=True):
        text = text[: edit.start] + edit.text.replace("\n", line_end(text)) + text[edit.end :]
    return text


def line_end(text: str) -> str:
    """Return how the lines of a text end."""
    return "\r\n" if "\r\n" in text else "\n"


def like(before: str, text: str) -> str:
    """Return `text` with the byte order mark, line ends and final line break of the file it replaces."""
    mark = "\ufeff" if before.startswith("\ufeff") else ""
    final = "\n" if before.endswith("\n") or text.endswith("\n") else ""
    return mark + well_formed(text + final).replace("\n", line_end(before))


def text_edit(text: str, steps: Sequence[str | int], new: str) -> Edit:
    """Return the edit that puts a new text at `steps`, `("messages", 0, "content")` for example, which is there."""
    value = _find(yaml.compose(text, Loader=yaml.SafeLoader), steps)
    start, end = value.node.start_mark.index, value.node.end_mark.index
    was_block = isinstance(value.node, yaml.ScalarNode) and value.node.style in ("|", ">")
    breaks = ""
    if was_block:
        header = _BLOCK_HEADER.match(text, start, end)
        comment = header[1].rstrip() if header else ""
        breaks = "\n" * _last_breaks(text[start:end]).count("\n")
    else:
        comment = re.compile(r"[^\r\n]*").match(text, end)[0].rstrip()  # type: ignore[index]  # it matches nothing too
    if _fits_block(new) and not value.flow and ("\n" in new or was_block):
        stop = end if was_block else end + len(comment)
        return Edit(start=start, end=stop, text=_block(new, value.column + INDENT, comment) + breaks)
    return Edit(start=start, end=end, text=_quoted(new) + (comment + breaks if was_block else ""))


def key_edit(text: str, key: str, value: object) -> Edit:
    """Return the edit that gives a key of the outermost mapping a new value, or adds it at the end."""
    block = dump({key: value}).removesuffix("\n")
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    for name, node in root.value if isinstance(root, yaml.MappingNode) else ():
        if name.value == key:
            start, end = name.start_mark.index, _end(node)
            return Edit(start=start, end=end - len(_last_breaks(text[start:end])), text=block)
    between = "" if text.endswith("\n") else "\n"
    return Edit(start=len(text), end=len(text), text=f"{between}{block}\n")


def _find(node: yaml.Node | None, steps: Sequence[str | int]) -> _Value:
    column, flow = 0, False
    for step in steps:
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            column, flow, node = node.start_mark.column, flow or bool(node.flow_style), node.value[step]
        elif isinstance(node, yaml.MappingNode):
            key, value = next(pair for pair in node.value if pair[0].value == step)
            column, flow, node = key.start_mark.column, flow or bool(node.flow_style), value
    if node is None:
        raise LookupError(steps)
    return _Value(node=node, column=column, flow=flow)


def _end(node: yaml.Node) -> int:
    """Return where a value ends, without the comments that follow it."""
    while isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return node.end_mark.index


def _last_breaks(span: str) -> str:
    found = _LAST_BREAKS.search(span)
    return found[0] if found else ""


def _fits_block(text: str) -> bool:
    return bool(text) and not text.endswith("\n") and _NOT_FOR_BLOCKS.search(text) is None


def _block(text: str, width: int, comment: str) -> str:
    """Write a `|` block, with its indentation said where the first line would hide it."""
    header = f"|{INDENT}" if text[0] in " \n\t" else "|"
    lines = (" " * width + line if line else "" for line in text.split("\n"))
    return "\n".join((header + comment, *lines))


def _quoted(text: str) -> str:
    stored = f"{text}\n" if "\n" in text else text
    return yaml.dump(stored, default_style='"', allow_unicode=True, width=_ONE_LINE).removesuffix("\n")
