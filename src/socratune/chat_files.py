"""The files of a chat: the person's own task or prompt file, rows, and the task file that a run is made from."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from socratune.before import sealed_groups
from socratune.chat_sources import Sources
from socratune.memory.errors import BadInput
from socratune.memory.records import Example, Prompt
from socratune.memory.runs import Home, RunFolder
from socratune.memory.talk import Card, RowsSeen, Talk, Version
from socratune.orders import read_task
from socratune.outcome import replace_text
from socratune.tools import template
from socratune.tools.datasets import Row, columns_of, examples
from socratune.tools.draft_check import held
from socratune.tools.guess import LONGEST_LABEL, roles
from socratune.tools.metrics import check_rows
from socratune.tools.splits import MOST_CLASSES, split
from socratune.tools.task_files import LoadedTask, Overrides
from socratune.tools.task_form import parse_document, read_text
from socratune.tools.task_writer import PROMPT_KEYS, apply, keys_at
from socratune.tools.yaml_edits import dump

SAMPLES = 5
"""Train rows that the person is shown."""
_NAMES = re.compile(r"\{\{?\s*([^\W\d]\w*)\s*\}?\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Rows, and what is what in them."""

    rows: tuple[Example, ...]
    inputs: tuple[str, ...]
    expected: str
    metric: str
    """The task file's, or the one that fits the answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What a chat may read and write."""

    folder: RunFolder
    home: Home
    talk: Talk
    sources: Sources

    @property
    def file(self) -> Path | None:
        """The task file or prompt file that the chat is about, absolute; None without one."""
        return self.sources.file

    @property
    def task(self) -> LoadedTask | None:
        """The task file as it is now."""
        return self.sources.task()

    @property
    def data(self) -> Path | None:
        """The file with the rows; None without rows."""
        noted = self.talk.noted("rows")
        return self.folder.path / noted[-1]["file"] if noted else None

    # --- what the person brings

    async def open(self) -> None:
        """Take in the file that the chat is about."""
        task = self.task
        if task is not None:
            await self._adopt(task.task.prompt)
            await self.talk.note("rows", 0, {"file": str(task.source.data)})
            if task.task.goal:
                await self.talk.say(0, task.task.goal)
        elif self.file is not None:
            await self.adopt_text(read_text(self.file))
        data = self.sources.overrides.data
        if task is None and data is not None:
            await self.add(self.sources.rows(data), data)

    async def adopt_text(self, text: str) -> None:
        """Take a text for the person's prompt."""
        await self._adopt(prompt_of(text))

    async def _adopt(self, prompt: Prompt) -> None:
        await self.talk.keep_version("yours", Version(turn=0, prompt=prompt, origin="yours"))

    async def add(self, rows: Sequence[Row], file: Path | None = None) -> str:
        """Keep rows, together with earlier ones of the same columns, and say so. Raises `BadInput`.

        `file`, absolute, is where they stand already.
        """
        before = self.sources.rows(self.data) if self.data is not None else ()
        fitting = self._named_like_prompt(rows)
        together = bool(before) and set(columns_of(before)) == set(columns_of(fitting))
        merged = (*before, *fitting) if together else fitting
        number = len(self.talk.noted("rows"))
        place = self.folder.path / f"rows-{number}.jsonl"
        if file is not None and merged == tuple(rows):
            place = file
        else:
            replace_text(place, "".join(json.dumps(dict(row.values), ensure_ascii=False) + "\n" for row in merged))
        seen = self._seen(self._labelled_in(place, merged))
        await self.talk.note("rows", number, {"file": str(place)})
        card = self.talk.card()
        if card is not None:
            inputs = tuple(name for name in seen.columns if name != seen.expected)
            fitted = replace(card, inputs=inputs, labels=seen.labels or card.labels, metric=seen.metric)
            await self.talk.keep_card(f"rows {number}", fitted)
        return f"{len(merged)} rows: {', '.join(seen.columns)}; the expected answer is in {seen.expected!r}."

    def _named_like_prompt(self, rows: Sequence[Row]) -> tuple[Row, ...]:
        """Rename the only column that can be meant by the only variable without one."""
        current, names = self.talk.current(), columns_of(rows)
        wanted = variables_of(current.prompt) if current else ()
        missing = [name for name in wanted if name not in names]
        if len(missing) != 1 or len(names) != 2 or len(wanted) != 1:
            return tuple(rows)
        inputs, _, _ = roles(rows, (), Path("rows"))
        renamed = {inputs[0]: missing[0]}
        return tuple(
            replace(row, values={renamed.get(name, name): text for name, text in row.values.items()}) for row in rows
        )

    # --- what is known of the rows

    def rows_seen(self) -> RowsSeen:
        """Return what agents may know of the rows."""
        found = self._labelled()
        return self._seen(found) if found is not None else RowsSeen()

    def samples(self) -> tuple[Mapping[str, object], ...]:
        """Return some rows that the agents of a run may read."""
        found = self._labelled()
        train = self._train(found.rows)[:SAMPLES] if found is not None else ()
        return tuple({"inputs": dict(row.inputs), "expected": row.expected} for row in train)

    def _seen(self, found: Labelled) -> RowsSeen:
        labels = sorted({row.expected for row in found.rows})
        few = len(labels) <= min(MOST_CLASSES, len(found.rows) // 2) and max(map(len, labels)) <= LONGEST_LABEL
        return RowsSeen(
            columns=(*found.inputs, found.expected),
            expected=found.expected,
            count=len(found.rows),
            labels=tuple(labels) if few else (),
            metric=found.metric,
            train=frozenset(row.id for row in self._train(found.rows)),
        )

    def _train(self, found: tuple[Example, ...]) -> tuple[Example, ...]:
        """Return the rows that agents may read; none when there are too few to divide."""
        try:
            return split(found, salt=self.home.salt(), sealed=sealed_groups(self.home)).train
        except BadInput:
            return ()

    def _labelled(self) -> Labelled | None:
        """Return the rows as they are now; None without rows."""
        task, data = self.task, self.data
        if data is None or task is None or data != task.source.data:
            return self._labelled_in(data, self.sources.rows(data)) if data is not None else None
        form = task.source.document.form  # the rows were read with it
        return Labelled(rows=task.examples, inputs=task.task.variables, expected=form.expected, metric=task.task.metric)

    def _labelled_in(self, place: Path, rows: Sequence[Row]) -> Labelled:
        inputs, expected, metric = self._roles(place, rows)
        found = examples(rows, inputs=inputs, expected=expected)
        return Labelled(rows=found, inputs=inputs, expected=expected, metric=metric)

    def _roles(self, place: Path, rows: Sequence[Row]) -> tuple[tuple[str, ...], str, str]:
        task, names = self.task, columns_of(rows)
        if task is not None and {*task.task.variables, task.source.document.form.expected} <= set(names):
            return task.task.variables, task.source.document.form.expected, task.task.metric
        current = self.talk.current()
        used = template.variables(current.prompt.instructions, names) if current else ()
        return roles(rows, used, place)

    # --- what a run is made from

    def write_task(self, prompt: Prompt, number: int) -> Path:
        """Write the task file of a run. Raises `BadInput` when there are no rows, or they do not fit the prompt."""
        found = self._labelled()
        if found is None:
            cure = "paste at least 12 labelled rows (40 is good) or name a file with them"
            raise BadInput("without labelled rows nothing can be tried or proven", cure=cure)
        card, path = self.talk.card(), self.folder.path / f"task-{number}.yaml"
        keys = self._own_keys(path, card, found) | {"data": str(self.data)}
        keys |= _constraints(keys.get("constraints"), self._locked(prompt, card))
        keys |= {name: text for name, text in (("system", prompt.system), ("user", prompt.user)) if text is not None}
        if prompt.demos:
            keys["demos"] = [{"inputs": dict(demo.inputs), "output": demo.output} for demo in prompt.demos]
        text = dump({name: value for name, value in keys.items() if value not in ("", None)})
        parse_document(text, path)
        replace_text(path, text)
        if read_task(path, self.run_overrides, self.sources.looking).task.prompt != prompt:
            raise BadInput("the prompt cannot be written to a task file unchanged", place=str(path))
        return path

    @property
    def run_overrides(self) -> Overrides:
        """What is said beside the task file of a run; that of a task file's chat names its models itself."""
        own = self.sources.overrides if self.task is None else Overrides()
        return replace(own, data=self.data, budget=None)

    def _own_keys(self, path: Path, card: Card | None, found: Labelled) -> dict[str, object]:
        """Return the keys of the person's task file or, without one, those that card and rows tell.

        Raises `BadInput` for code that may not run.
        """
        task, goal = self.sources.trusted(), card.brief if card else ""
        if task is not None:
            kept = {key: value for key, value in keys_at(path, task).items() if key not in PROMPT_KEYS}
            return kept | ({"goal": goal} if card else {})
        metric = _metric(card.metric if card else found.metric, found)
        return {
            "name": "chat",
            "goal": goal,
            "inputs": list(found.inputs),
            "expected": found.expected,
            "metric": metric,
        }

    def _locked(self, prompt: Prompt, card: Card | None) -> Sequence[str]:
        task, current = self.task, self.talk.current()
        own = task.task.constraints.locked if task is not None else ()
        return (*own, *(held(prompt, current.covers, card) if card and current else ()))

    # --- what is written for the person

    def keep(self, prompt: Prompt) -> str:
        """Write a prompt into the person's file and return its name; empty without a file. Raises `BadInput`."""
        task = self.task
        if self.file is None:
            return ""
        there = task.task.prompt if task is not None else prompt_of(read_text(self.file))
        if there == prompt:
            return str(self.file)
        if there.id not in {body["prompt"] for body in self.talk.noted("version")}:
            raise BadInput("the prompt there is not one of this chat's", place=str(self.file), cure="/save NEWFILE")
        if task is not None:
            return str(apply(task, prompt))
        style = template.style_of(read_text(self.file), _NAMES.findall(read_text(self.file)))
        replace_text(self.file, text_of(prompt, style))
        return str(self.file)

    def save(self, prompt: Prompt, path: Path) -> None:
        """Write a prompt to a new file. Raises `BadInput`."""
        if path.exists():
            raise BadInput("exists already", place=str(path), cure="name another file")
        if not path.parent.is_dir():
            raise BadInput("there is no such folder", place=str(path.parent), cure="make it first")
        replace_text(path, text_of(prompt, "native"))


def prompt_of(text: str) -> Prompt:
    """Return the prompt that a text is: a user message when it has placeholders, else a system message."""
    clean = text.removeprefix("\ufeff").replace("\r\n", "\n").strip("\n")
    if not clean.strip():
        raise BadInput("the prompt is empty", cure="write the instructions into it")
    native, _ = template.read(clean, _NAMES.findall(clean))
    return Prompt(user=native) if template.unknown(native, ()) else Prompt(system=native)


def text_of(prompt: Prompt, style: template.Style) -> str:
    """Return a prompt as a text file; its parts under headings when it has both."""
    parts = [part for part in (prompt.system, prompt.user) if part is not None]
    if len(parts) > 1 or prompt.demos:
        return dump({key: value for key, value in prompt.as_dict().items() if value})
    return template.write(parts[0], style, variables_of(prompt)) + "\n"


def variables_of(prompt: Prompt) -> tuple[str, ...]:
    """Return what stands in double braces in a prompt whose columns are not known."""
    return template.unknown(prompt.instructions, ())


def _metric(wished: str, found: Labelled) -> str:
    try:
        check_rows(wished, found.rows)
    except BadInput:
        return found.metric
    return wished


def _constraints(written: object, locked: Sequence[str]) -> Mapping[str, object]:
    """Return the constraints of the task file with all that is locked now."""
    own = written if isinstance(written, dict) else {}
    return {"constraints": {**own, "locked": list(dict.fromkeys(locked))}} if locked else {}
