"""Writing a prompt down: as a task file of its own, or back where it came from.

Both read back what they are about to write and refuse when it is not the same prompt; a file is replaced whole or not
at all.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from socratune.memory.errors import BadInput
from socratune.memory.records import Demo, Prompt
from socratune.tools import template
from socratune.tools.folders import root_of
from socratune.tools.promptfoo.config import parse
from socratune.tools.promptfoo.prompts import WrittenPrompt, parts_of, rewritten, written_prompt
from socratune.tools.task_files import (
    LoadedTask,
    assemble,
    demos_of,
    file_of,
    key_of,
    texts_of,
)
from socratune.tools.task_form import Document, Part, parse_document
from socratune.tools.task_models import changed_models
from socratune.tools.task_rows import Files
from socratune.tools.usercode.reference import moved
from socratune.tools.yaml_edits import dump, edited, key_edit, like, text_edit
from socratune.tools.yaml_text import read_text

PROMPT_KEYS = ("prompt", "system", "user", "messages", "demos")


def write_task(path: Path, prompt: Prompt, original: LoadedTask) -> None:
    """Write a task file like the original with another prompt, in the same placeholder style."""
    style, texts = _in_style(prompt, original)
    keys = keys_at(path, original) | _locked(original, style)
    content: dict[str, object] = {}
    for key, value in keys.items():
        if key not in PROMPT_KEYS:
            content[key] = value
        elif not any(done in content for done in PROMPT_KEYS):
            content |= _prompt_keys(original.source.document, texts, prompt.demos)
    text = dump(content)
    if not _holds(parse_document(text, path), prompt, original):
        raise _refusal(path)
    _replace_files({path: text})


def apply(original: LoadedTask, prompt: Prompt) -> Path:
    """Write a prompt back where the original's came from and return the file; all else in it stays as it is.

    Raises `BadInput`, and leaves every file as it was, when that cannot be done or the prompt there is another by now.
    """
    files = _changes(original, prompt)
    _replace_files(files)
    return next(iter(files), original.source.document.path)


def file_to_change(original: LoadedTask, prompt: Prompt) -> Path:
    """Return the file that `apply` would write; when it holds the prompt already, the file where that stands.

    Raises `BadInput` as `apply` does.
    """
    document = original.source.document
    named = (file for part in document.form.parts if (file := file_of(document, part)) is not None)
    return next(iter(_changes(original, prompt)), None) or next(named, document.path)


def _changes(original: LoadedTask, prompt: Prompt) -> dict[Path, str]:
    """Return the new text of each file that changes. Raises `BadInput` as `apply` does."""
    path = original.source.document.path
    if original.source.document.line is not None:
        cure = "take the new prompt from best.yaml in the run's folder"
        raise BadInput("a task that is a line of a file is not written back", place=str(path), cure=cure)
    if original.source.document.promptfoo:
        return _changes_in_promptfoo(original, prompt)
    before = read_text(path)
    document = parse_document(before, path)
    if not _holds(document, original.task.prompt, original):
        raise BadInput("the prompt has changed since it was read", place=str(path), cure="copy the new one by hand")
    style, texts = _in_style(prompt, original)
    if style != original.style and original.task.constraints.locked:
        raise _refusal(path)
    files, inline = _sorted_out(document, texts)
    edits = [text_edit(before, _steps(document, part), text) for part, text in inline.items()]
    if prompt.demos != demos_of(document):
        edits.append(key_edit(before, "demos", _listed(prompt.demos)))
    after = edited(before, edits)
    changed = parse_document(after, path)

    def read(file: Path) -> str:
        return files[file] if file in files else read_text(file)

    if not _holds(changed, prompt, original, read=read) or _others(changed) != _others(document):
        raise _refusal(path)
    return files | ({path: after} if after != before else {})


def _changes_in_promptfoo(original: LoadedTask, prompt: Prompt) -> dict[Path, str]:
    path, names = original.source.document.path, original.source.names

    def written(read: Callable[[Path], str]) -> WrittenPrompt:
        return written_prompt(parse(read(path), path).within("prompts"), read=read)

    def holds(found: WrittenPrompt, wanted: Prompt) -> bool:
        return assemble(parts_of(found), (), names)[0] == wanted

    now = written(read_text)
    if not holds(now, original.task.prompt):
        raise BadInput(
            "the prompt has changed since it was read", place=str(now.at.place), cure="copy the new one by hand"
        )
    style, texts = _in_style(prompt, original)
    try:
        files = rewritten(now, texts, names, before=read_text)
    except LookupError as error:
        raise _refusal(path) from error
    if style not in ("native", "jinja") or not holds(written(lambda file: files.get(file) or read_text(file)), prompt):
        raise _refusal(path)
    return files


def _in_style(prompt: Prompt, original: LoadedTask) -> tuple[template.Style, dict[Part, str]]:
    """Return the parts in the original's placeholder style, or in the native one if that would not read back."""
    names = original.source.names
    parts: dict[Part, str | None] = {"system": prompt.system, "user": prompt.user}
    styles: tuple[template.Style, ...] = (original.style, "native")
    for style in styles:
        texts = {part: template.write(text, style, names) for part, text in parts.items() if text is not None}
        if assemble(texts, prompt.demos, names)[0] == prompt:
            return style, texts
    raise _refusal(original.source.document.path)


def _refusal(path: Path) -> BadInput:
    return BadInput("the prompt cannot be written here unchanged", place=str(path), cure="copy it by hand")


def _holds(
    document: Document, prompt: Prompt, original: LoadedTask, *, read: Callable[[Path], str] = read_text
) -> bool:
    """Whether a document reads back as exactly this prompt."""
    texts = texts_of(document, read=read)
    return assemble(texts, demos_of(document), original.source.names)[0] == prompt


def keys_at(path: Path, original: LoadedTask) -> dict[str, object]:
    """Return the keys of a task file at `path`, the user's overrides among them."""
    task, written = original.task, original.source.document.written
    keys: dict[str, object] = {"name": task.name, **written, "data": _data_from(path, original.source.files)}
    recipe = {"recipe": task.recipe} if "recipe" in written or task.recipe != "auto" else {}
    keys |= changed_models(original.source.document, task) | recipe
    if task.metric == "rubric":
        keys["metric"] = dict(task.metric_options)  # in whole: a file beside the original is not beside this one
    code = {each.spec: moved(each, root_of(path)) for each in task.code}
    return {key: code.get(value, value) if isinstance(value, str) else value for key, value in keys.items()}


def _locked(original: LoadedTask, style: template.Style) -> dict[str, object]:
    """Return the constraints with the locked texts in the style of the prompt; nothing when there are none."""
    constraints = original.task.constraints
    if not constraints.locked:
        return {}
    locked = [template.write(text, style, original.source.names) for text in constraints.locked]
    most = {} if constraints.max_tokens is None else {"max_tokens": constraints.max_tokens}
    return {"constraints": {**most, "locked": locked}}


def _data_from(path: Path, files: Files) -> object:
    """Return how a task file at `path` names the data: relative to itself where that is allowed."""
    named = {side: _relative(path, Path(os.path.abspath(file))) for side, file in files.items()}  # links stay visible
    return named.get(None) or named


def _relative(path: Path, file: Path) -> str:
    return os.path.relpath(file, path.parent) if file.is_relative_to(root_of(path)) else str(file)


def _prompt_keys(document: Document, texts: Mapping[Part, str], demos: Sequence[Demo]) -> dict[str, object]:
    """Return the keys that hold a prompt, in the form of the document where its parts are the same."""
    stored = {part: _stored(text) for part, text in texts.items()}
    keys: dict[str, object] = {str(part): text for part, text in stored.items()}
    if document.form.messages:
        keys = {"messages": [{"role": part, "content": text} for part, text in stored.items()]}
    elif document.form.prompt and set(stored) == {"user"}:
        keys = {"prompt": stored["user"]}
    return keys | {"demos": _listed(demos)} if demos else keys


def _listed(demos: Sequence[Demo]) -> list[dict[str, object]]:
    return [{"inputs": dict(demo.inputs), "output": demo.output} for demo in demos]


def _steps(document: Document, part: Part) -> tuple[str | int, ...]:
    """Return the way to the text of a part in the task file."""
    roles = [message.role for message in document.form.messages or ()]
    return ("messages", roles.index(part), "content") if roles else (key_of(document, part),)


def _stored(text: str) -> str:
    """Return a text with the final line break that reading takes off again, where it has lines."""
    return f"{text}\n" if "\n" in text else text


def _sorted_out(document: Document, texts: Mapping[Part, str]) -> tuple[dict[Path, str], dict[Part, str]]:
    """Return the changed parts that stand in files of their own, and those in the task file itself."""
    now = texts_of(document)
    if set(now) != set(texts):
        raise _refusal(document.path)
    files: dict[Path, str] = {}
    inline: dict[Part, str] = {}
    for part, text in texts.items():
        file = file_of(document, part)
        if text == now[part]:
            continue
        if file is None:
            inline[part] = text
        else:
            files[file] = like(read_text(file), text)
    return files, inline


def _others(document: Document) -> dict[str, object]:
    return {key: value for key, value in document.written.items() if key not in PROMPT_KEYS}


def _replace_files(contents: Mapping[Path, str]) -> None:
    """Replace each file whole; all are written out before the first is replaced."""
    staged: dict[Path, Path] = {}
    for path, text in contents.items():
        target = path.resolve()
        with tempfile.NamedTemporaryFile("wb", dir=target.parent, prefix=".new-", delete=False) as file:
            file.write(text.encode())
            os.fsync(file.fileno())
        staged[Path(file.name)] = target
        if target.exists():
            shutil.copymode(target, file.name)
    for new, target in staged.items():
        new.replace(target)
