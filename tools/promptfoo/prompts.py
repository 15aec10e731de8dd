"""The one prompt of a configuration: a text, or a chat as JSON; in the configuration or in a file of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from socratune.memory.errors import BadInput
from socratune.tools.folders import FILE, beside
from socratune.tools.promptfoo.config import Value
from socratune.tools.promptfoo.nunjucks import opened, protected, variables
from socratune.tools.task_form import Part
from socratune.tools.yaml_edits import edited, like, text_edit

TEXT_FILES = (".txt", ".md", ".j2")
KNOWN = ("raw", "id", "label", "display")

# The tokens of JSON as far as they matter here: a text, with the colon that makes it a key, or what lies between.
_TOKEN = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:)?|[^"]+', re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenPrompt:
    """A prompt as it is written."""

    value: Value
    """What names it, or holds it."""
    steps: tuple[str | int, ...]
    """The way to it in the configuration."""
    file: Path | None
    raw: str

    @property
    def at(self) -> Value:
        """Where its text stands."""
        return self.value if self.file is None else Value(data=self.raw, place=str(self.file), file=self.file)

    @property
    def is_chat(self) -> bool:
        """Whether it is a chat as JSON."""
        return self.raw.lstrip().startswith("[") and (self.file is None or self.file.suffix == ".json")


def written_prompt(prompts: Value, *, read: Callable[[Path], str]) -> WrittenPrompt:
    """Return the prompt under `prompts`. Raises `BadInput` when there are several."""
    steps: tuple[str | int, ...] = ("prompts",)
    value = prompts
    if isinstance(prompts.data, list):
        found = prompts.items("prompts")
        if len(found) != 1:
            named = ", ".join(_name(each) for each in found) or "none"
            raise prompts.refused(f"{len(found)} prompts: {named}", "leave the one that is to be improved")
        value, steps = found[0], (*steps, 0)
    if isinstance(value.data, dict):
        fields = value.fields("a prompt", KNOWN)
        key = "raw" if "raw" in fields else "id"
        if key not in fields:
            raise value.refused("a prompt without `raw` or `id`", "write its text")
        value, steps = fields[key], (*steps, key)
    text = value.text("a prompt")
    if not text.startswith(FILE):
        return WrittenPrompt(value=value, steps=steps, file=None, raw=text)
    file = _file(text, value)
    return WrittenPrompt(value=value, steps=steps, file=file, raw=_text(file, read))


def _name(prompt: Value) -> str:
    text = prompt.data if isinstance(prompt.data, str) else json.dumps(prompt.data, ensure_ascii=False, default=str)
    return repr(text if len(text) <= 40 else f"{text[:40]}…")


def _file(named: str, value: Value) -> Path:
    file = beside(value.file, named, place=value.place)
    if file.suffix not in (*TEXT_FILES, ".json"):
        cure = f"use {', '.join(TEXT_FILES)} or .json"
        raise value.refused(f"prompts in {file.suffix or 'such'} files are not supported", cure)
    return file


def _text(file: Path, read: Callable[[Path], str]) -> str:
    text = read(file).removeprefix("\ufeff").replace("\r\n", "\n")
    if file.suffix == ".txt" and "\n---\n" in text:
        count = text.count("\n---\n") + 1
        raise BadInput(f"{count} prompts with `---` between them", place=str(file), cure="leave the one to improve")
    return text


def parts_of(written: WrittenPrompt) -> dict[Part, str]:
    """Return the texts of a prompt, of which some name variables. A text alone is what the user says."""
    if not written.is_chat:
        parts: dict[Part, str] = {"user": opened(written.raw.removesuffix("\n"), written.at)}
    else:
        parts = {part: opened(text, written.at) for part, text in _chat(written).items()}
    if not any(variables(text) for text in parts.values()):
        raise written.at.refused("the prompt names no variable", "write {{name}} where the test's variable goes")
    return parts


def _chat(written: WrittenPrompt) -> dict[Part, str]:
    try:
        turns = json.loads(written.raw)
    except ValueError as error:
        raise written.at.refused(f"the chat is not valid JSON ({error})", 'write [{"role": "user", ...}]') from error
    parts: dict[Part, str] = {}
    for turn in Value(data=turns, place=written.at.place, file=written.at.file).items("the chat"):
        fields = turn.fields("a message", ("role", "content"))
        role = fields["role"].data if "role" in fields else None
        if role not in ("system", "user"):
            raise turn.refused(f"messages of the role {role!r} are not supported", "leave one system and one user")
        if role in parts or "content" not in fields:
            raise turn.refused(f"{role} messages: one with `content` is supported", "join them")
        parts[role] = fields["content"].text("content")
    return parts


def rewritten(
    written: WrittenPrompt, texts: Mapping[Part, str], names: Sequence[str], *, before: Callable[[Path], str]
) -> dict[Path, str]:
    """Return the file that has to change, with its new text, so that the prompt has these parts; all else stays.

    `before` gives the text of a file as it is. Raises `LookupError` when the prompt has no place for a part.
    """
    new = {part: protected(text, names) for part, text in texts.items()}
    if set(new) != set(parts_of(written)):
        raise LookupError(set(new))
    file = written.file or written.value.file
    if written.file is not None:
        text = before(file)
        return {file: _with_contents(text, new) if written.is_chat else like(text, new["user"])}
    raw = _with_contents(written.raw.removesuffix("\n"), new) if written.is_chat else new["user"]
    return {file: edited(before(file), [text_edit(before(file), written.steps, raw)])}


def _with_contents(chat: str, texts: Mapping[Part, str]) -> str:
    """Return the text of a chat with the contents of its messages replaced, in their order."""
    turns = [turn["role"] for turn in json.loads(chat.removeprefix("\ufeff"))]
    waiting = iter([texts[role] for role in turns])
    pieces, key = [], ""
    for found in _TOKEN.finditer(chat):
        piece = found[0]
        if found[2] is not None:
            key = json.loads(found[1])
        elif found[1] is not None and key == "content":
            piece, key = json.dumps(next(waiting), ensure_ascii="\\u" in chat), ""
        pieces.append(piece)
    return "".join(pieces)
