"""The files of a chat: the person's own task or prompt file, rows, and the task file that a run is made from."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from socratune.chat_rows import Labelled, labelled_in, named_like, variables_of
from socratune.chat_sources import Models, Sources
from socratune.memory.errors import BadInput
from socratune.memory.records import Example, Prompt
from socratune.memory.runs import Home, RunFolder
from socratune.memory.talk import Card, RowsSeen, Talk, Version
from socratune.orders import read_task
from socratune.outcome import replace_text
from socratune.sealed import sealed_groups
from socratune.tools import template
from socratune.tools.datasets import Row, columns_of
from socratune.tools.draft_check import held
from socratune.tools.folders import inside, root_of
from socratune.tools.splits import split
from socratune.tools.task_files import LoadedTask, Overrides
from socratune.tools.task_form import parse_document
from socratune.tools.task_writer import PROMPT_KEYS, apply, keys_at
from socratune.tools.yaml_edits import dump
from socratune.tools.yaml_text import read_text

SAMPLES = 5
"""Train rows that the person is shown."""
JUDGED = "no column holds answers, so a judge is to grade them by the card"
_NAMES = re.compile(r"\{\{?\s*([^\W\d]\w*)\s*\}?\}")


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
        """The one file with the rows; None without rows, and where the task file names several."""
        noted = self.talk.noted("rows")
        return self.folder.path / noted[-1]["file"] if noted and noted[-1]["file"] else None

    @property
    def has_rows(self) -> bool:
        """Whether there are any."""
        return bool(self.talk.noted("rows"))

    @property
    def models(self) -> Models:
        """The models of the chat and of its runs, with a judge where the rows need one."""
        models = self.sources.models
        found = self._labelled() if self.task is None else None
        if found is None or found.expected is not None:
            return models
        return replace(models, judge=self.sources.judge)

    # --- what the person brings

    async def open(self) -> None:
        """Take in the file that the chat is about."""
        task = self.task
        if task is not None:
            await self._adopt(task.task.prompt)
            await self.talk.note("rows", 0, {"file": self._one_file(task)})
            if task.task.goal:
                await self.talk.say(0, task.task.goal)
        elif self.file is not None:
            await self.adopt_text(read_text(self.file))
        data = self.sources.overrides.data
        if task is None and data is not None:
            await self.add(self.sources.rows(data), data)

    def _one_file(self, task: LoadedTask) -> str:
        """Return the file with a task's rows; empty when there are several, which a run has to find from here."""
        files = task.source.files
        if None in files:
            return str(files[None])
        for file in files.values():
            cure = "start the chat in the folder of the task file"
            inside(root_of(self.folder.path / "task.yaml"), file, place=str(self.file), cure=cure)
        return ""

    async def adopt_text(self, text: str) -> None:
        """Take a text for the person's prompt."""
        await self._adopt(prompt_of(text))

    async def _adopt(self, prompt: Prompt) -> None:
        await self.talk.keep_version("yours", Version(turn=0, prompt=prompt, origin="yours"))

    async def add(self, rows: Sequence[Row], file: Path | None = None) -> str:
        """Keep rows, together with earlier ones of the same columns, and say so. Raises `BadInput`.

        `file`, absolute, is where they stand already.
        """
        self._check_open_to_rows()
        before = self.sources.rows(self.data) if self.data is not None else ()
        current = self.talk.current()
        fitting = named_like(current.prompt if current else None, rows)
        together = bool(before) and set(columns_of(before)) == set(columns_of(fitting))
        merged = (*before, *fitting) if together else fitting
        number = len(self.talk.noted("rows"))
        place = self.folder.path / f"rows-{number}.jsonl"
        if file is not None and merged == tuple(rows):
            place = file
        else:
            replace_text(place, "".join(json.dumps(dict(row.values), ensure_ascii=False) + "\n" for row in merged))
        seen = self._seen(self._labelled_in(merged))
        await self.talk.note("rows", number, {"file": str(place)})
        card = self.talk.card()
        if card is not None:
            inputs = tuple(name for name in seen.columns if name != seen.expected)
            fitted = replace(card, inputs=inputs, labels=seen.labels or card.labels, metric=seen.metric)
            await self.talk.keep_card(f"rows {number}", fitted)
        answers = f"the expected answer is in {seen.expected!r}" if seen.expected else JUDGED
        return f"{len(merged)} rows: {', '.join(seen.columns)}; {answers}."

    def _check_open_to_rows(self) -> None:
        """Raise `BadInput` when the rows of the task file are no single table that others could join."""
        task = self.task
        if task is not None and (task.task.metric == "assert" or None not in task.source.files):
            *others, last = (file.name for file in task.source.files.values())
            named = f"{', '.join(others)} and {last}" if others else last
            raise BadInput(f"the rows of this task stand in {named}", cure="add them there")

    # --- what is known of the rows

    def rows_seen(self) -> RowsSeen:
        """Return what agents may know of the rows."""
        found = self._labelled()
        return self._seen(found) if found is not None else RowsSeen()

    def samples(self) -> tuple[Mapping[str, object], ...]:
        """Return some rows that the agents of a run may read."""
        found = self._labelled()
        train = self._train(found.rows)[:SAMPLES] if found is not None else ()
        return tuple(
            {"inputs": dict(row.inputs)} | ({"expected": row.expected} if row.expected else {}) for row in train
        )

    def _seen(self, found: Labelled) -> RowsSeen:
        return RowsSeen(
            columns=found.columns,
            expected=found.expected or "",
            count=len(found.rows),
            labels=found.labels,
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
        if data is not None and (task is None or task.source.files != {None: data}):
            return self._labelled_in(self.sources.rows(data))
        if task is None:
            return None
        return Labelled.of_task(task)

    def _labelled_in(self, rows: Sequence[Row]) -> Labelled:
        current = self.talk.current()
        return labelled_in(rows, self.task, current.prompt if current else None)

    # --- what a run is made from

    def write_task(self, prompt: Prompt, number: int) -> Path:
        """Write the task file of a run. Raises `BadInput` when there are no rows, or they do not fit the prompt."""
        found = self._labelled()
        if found is None:
            cure = "paste at least 12 with their answers (40 is good), or name a file with them"
            raise BadInput("without rows nothing can be tried or proven", cure=cure)
        card, path = self.talk.card(), self.folder.path / f"task-{number}.yaml"
        keys = self._own_keys(path, card, found) | ({"data": str(self.data)} if self.data is not None else {})
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
        return {
            "name": "chat",
            "goal": goal,
            "inputs": list(found.inputs),
            "expected": found.expected,
            "metric": found.metric_under(card),
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


def _constraints(written: object, locked: Sequence[str]) -> Mapping[str, object]:
    """Return the constraints of the task file with all that is locked now."""
    own = written if isinstance(written, dict) else {}
    return {"constraints": {**own, "locked": list(dict.fromkeys(locked))}} if locked else {}
