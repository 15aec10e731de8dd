"""From a task file, or a task and its rows, to an order; and how an order is kept so that a run can be resumed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from socratune.consent import Consent
from socratune.given_orders import Models, refuse_given
from socratune.graphs.engine import Order, Settings, changed
from socratune.graphs.recipes import recipe_named, refuse_method
from socratune.memory.errors import BadInput
from socratune.memory.ledger import Ledger
from socratune.memory.model_options import PLAIN
from socratune.memory.records import JUDGED, Example, Task
from socratune.memory.runs import RunFolder
from socratune.tools.config_form import hosts_of
from socratune.tools.datasets import Row, as_text, columns_of, examples, read_rows, well_formed
from socratune.tools.folders import root_of
from socratune.tools.metrics import check_metric, check_rows, judge_calls
from socratune.tools.model_spec import NO_HOSTS, is_application, is_code
from socratune.tools.models import check_role, own_models, world_name
from socratune.tools.promptfoo.providers import PREFIXES
from socratune.tools.providers.prices import price_note
from socratune.tools.task_files import AS_WRITTEN, LoadedTask, Overrides, judged, load_task, spoken_for
from socratune.tools.task_rows import examples_in, read_files
from socratune.tools.usercode.application import Application

Rows = Sequence[Mapping[str, object]]
EXPECTED = "expected"
"""The column with the answer, when a task comes without a file that names another."""
REFUSED = Consent()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a task is read, beside what the user said about it."""

    defaults: Overrides = AS_WRITTEN
    """What holds where neither the user nor the file says anything."""
    line: int | None = None
    """Of a file with one task a line, which line, counted from 1."""
    consent: Consent = REFUSED
    """Code that the task names is refused unless the door says otherwise."""
    models: Models = field(default_factory=dict)
    """By role; they stand in for those that the task names."""
    hosts: Mapping[str, str] = field(default_factory=dict)
    """The variable with the key of each host that may have one."""
    keyless: bool = False
    """Whoever calls nothing needs no key."""


PLAINLY = Reading()


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedOrder:
    """What a run was asked to do, in the words of whoever asked."""

    file: Path
    """Absolute."""
    overrides: Overrides = AS_WRITTEN
    defaults: Overrides = AS_WRITTEN
    """What the home and the environment said when it began: a later change of theirs changes no run."""
    settings: Settings = field(default_factory=Settings)
    kind: Literal["optimize", "eval", "calibrate"] = "optimize"
    line: int | None = None
    """Of a file with one task a line, which line, counted from 1."""
    against: Path | None = None
    """Of an eval: the task file whose prompt is the baseline."""

    def load(self, consent: Consent = REFUSED, *, keyless: bool = False, models: Models | None = None) -> LoadedTask:
        """Read the task and its rows as they are now. Raises `BadInput` before anything is called.

        `keyless` is for whoever calls nothing: then no key is needed. `models` stand in for those that the task names.
        """
        reading = Reading(
            defaults=self.defaults,
            line=self.line,
            # A line may come from anywhere: its code is not run, whatever is allowed of the user's own files.
            consent=consent if self.line is None else REFUSED,
            models=models or {},
            hosts=self.settings.hosts,
            keyless=keyless,
        )
        return read_task(self.file, self.overrides, reading)

    def save(self, folder: RunFolder) -> None:
        """Keep it beside the run, without hosts."""
        _file(folder).write_bytes(_SAVED.dump_json(self.at_hosts(NO_HOSTS), indent=2))

    def at_hosts(self, hosts: Mapping[str, str]) -> SavedOrder:
        """Return it with these hosts, and no others, that may have a key."""
        return replace(self, settings=replace(self.settings, hosts=hosts))

    @classmethod
    def read(cls, folder: RunFolder, *, hosts: Mapping[str, str] = NO_HOSTS) -> SavedOrder:
        """Return what a run was asked to do. Raises `BadInput` when that is not known.

        Where keys may go is not taken from beside the run, where others may have written, but from the home's
        configuration and from `hosts`, which a program vouches for.
        """
        kept = cls.kept(folder)
        return kept.at_hosts({**hosts_of(folder.home), **hosts})

    @classmethod
    def kept(cls, folder: RunFolder) -> SavedOrder:
        """Return it for whoever only looks: without a host. Raises `BadInput` as `read` does."""
        file = _file(folder)
        try:
            return _SAVED.validate_json(file.read_bytes()).at_hosts(NO_HOSTS)
        except (OSError, ValidationError) as error:
            refuse_given(folder)
            cure = "start a new one with `socratune optimize`"
            raise BadInput("it is not known how this run was started", place=str(file), cure=cure) from error


_SAVED = TypeAdapter(SavedOrder)


def _file(folder: RunFolder) -> Path:
    return folder.path / "order.json"


def read_task(file: Path, overrides: Overrides = AS_WRITTEN, reading: Reading = PLAINLY) -> LoadedTask:
    """Read a task file, with the models it names found and known, unless the reading brings its own."""
    loaded = load_task(file, overrides=overrides, defaults=reading.defaults, line=reading.line)
    task = _checked(_compared(loaded, overrides, reading), Path(os.path.abspath(file)).parent, reading)
    # Last, for it is remembered: a task that is refused for another reason is agreed to by nobody.
    code = reading.consent.given(loaded.task, root_of(file), at=loaded.source.document.at)
    notes = dict.fromkeys(_price_notes(task, reading))
    return replace(loaded, task=replace(task, code=code), notes=(*loaded.notes, *notes))


def _compared(loaded: LoadedTask, overrides: Overrides, reading: Reading) -> Task:
    """Return the task with the judge that its recipe needs, where its metric has none."""
    document, task = loaded.source.document, loaded.task
    if task.judge is not None or recipe_named(task.recipe).feedback == "metric":
        return task
    return judged(document, task, spoken_for(document, overrides, reading.defaults))


def _price_notes(task: Task, reading: Reading) -> Iterator[str]:
    for role in task.models.keys() - own_models(task, reading.models).keys():
        if is_application(task.models[role]):
            if task.options.get(role, PLAIN).price is not None:
                yield f"the price of the {role} is not used: your application alone knows what it pays"
        else:
            note = price_note(task.models[role], task.options.get(role, PLAIN), reading.hosts)
            yield from [note] if note else []


def _checked(task: Task, folder: Path, reading: Reading) -> Task:
    task = recipe_named(task.recipe).equipped(task)
    if not is_code(task.metric):
        check_metric(task.metric, task.metric_options)
    longest = task.options.get("target", PLAIN).max_tokens
    if longest not in (None, task.max_output_tokens):
        problem = f"max_tokens of the target is {longest}, max_output_tokens {task.max_output_tokens}"
        raise BadInput(problem, place=task.name, cure="give max_output_tokens alone")
    found = replace(
        task,
        target=resolve_model(task.target, folder),
        optimizer=resolve_model(task.optimizer, folder),
        judge=task.judge and resolve_model(task.judge, folder),
    )
    for role in found.models.keys() - own_models(found, reading.models).keys():
        check_role(found, role, hosts=reading.hosts, keyless=reading.keyless)
    return found


def check_unchanged(order: Order, ledger: Ledger, *, command: str = "optimize") -> None:
    """Raise `BadInput` when a run began with another task or with other rows."""
    known = ledger.settings()
    if known and known["fingerprint"] != order.fingerprint:
        raise BadInput(
            f"{changed(order, known)} changed since run {ledger.run} began",
            cure=f"restore what it was, or start a new run with `socratune {command}`",
        )


def resolve_model(spec: str, folder: Path) -> str:
    """Return a model's specification with the file of a simulated world made absolute; any other stays as it is.

    Raises `BadInput` when it is the name of a recipe, or a model in Promptfoo's words.
    """
    refuse_method(spec)
    for theirs, ours in PREFIXES.items():
        if spec.startswith(theirs):
            raise BadInput(
                f"{spec!r} is Promptfoo's way to name a model", cure=f"write {spec.replace(theirs, ours, 1)}"
            )
    world = world_name(spec)
    if not spec.startswith("sim:") or not world.endswith((".yaml", ".yml")):
        return spec
    return spec.replace(world, os.path.abspath(folder / world), 1)


def order_of(
    task: Task, data: Path | Rows, settings: Settings, models: Models | None = None, *, consent: Consent = REFUSED
) -> Order:
    """Return the order for a task that was made in Python; files of its code are found in the working folder."""
    if not isinstance(task.metric, str):
        raise BadInput(
            "a metric is named, not passed",
            place="metric",
            cure="put the function into a file: metric='python:metric.py:score', and allow_code=True",
        )
    task, own = _named(task, models or {})
    place = str(data) if isinstance(data, Path) else "data"
    rows = read_rows(data) if isinstance(data, Path) else _rows(data)
    if not rows:
        raise BadInput("there are no rows", place=place, cure="give at least one")
    expected = _expected(columns_of(rows), task, place)
    found = examples(rows, inputs=task.variables, expected=expected, whole=is_code(task.metric))
    check_rows(task.metric, found)
    if task.judge is None and judge_calls(task.metric, found):
        task = replace(task, judge=task.optimizer)
    checked = _checked(task, Path.cwd(), Reading(models=own, hosts=settings.hosts))
    code = consent.given(checked, Path.cwd(), at=lambda key: key)
    return Order(task=replace(checked, code=code), examples=found, settings=settings, models=own)


def _named(task: Task, models: Models) -> tuple[Task, Models]:
    """Return the task with a name where it had a function, and the function as the model of that role."""
    if not callable(task.target):
        return task, models
    application = Application.here(task.target)
    return replace(task, target=application.name), {"target": application, **models}


def rows_file(data: Rows, folder: Path) -> Path:
    """Write rows to a file in a folder, for a task to be read with."""
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps(dict(row)) + "\n" for row in data), encoding="utf-8")
    return file


def _rows(data: Rows) -> tuple[Row, ...]:
    return tuple(
        Row(
            place=f"data: row {number}",
            values={well_formed(name): _written(value, place=f"data: row {number}") for name, value in row.items()},
        )
        for number, row in enumerate(data, start=1)
    )


def _written(value: object, *, place: str) -> str:
    """Return a value as a row of a file would have it; what JSON does not know, as Python writes it."""
    if value is not None and not isinstance(value, bool | dict | list | tuple):
        return well_formed(str(value))
    try:
        return as_text(value)
    except (ValueError, TypeError) as error:
        raise BadInput(str(error), place=place, cure="mend the value") from error


def _expected(columns: Sequence[str], task: Task, place: str) -> str | None:
    """Return the column with the answer: `expected`, or the only one that is not an input; a judge may do without."""
    left = [name for name in columns if name not in task.variables]
    if task.metric in JUDGED:
        return EXPECTED if EXPECTED in left else None
    if EXPECTED in left or len(left) == 1:
        return EXPECTED if EXPECTED in left else left[0]
    raise BadInput(f"no column {EXPECTED!r}", place=place, cure=f"name the column with the answer {EXPECTED!r}")


def examples_of(path: Path, loaded: LoadedTask) -> tuple[Example, ...]:
    """Return the rows of another file as examples of a task."""
    document = loaded.source.document
    found, _ = examples_in(read_files(document, {None: path}), loaded.task, document.expected)
    if loaded.task.judge is None and judge_calls(loaded.task.metric, found):
        cure = "take the assertions that need one out, or start a new run"
        raise BadInput("the rows need a judge, which the task has not", place=str(path), cure=cure)
    return found
