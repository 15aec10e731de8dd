"""Task files: a YAML file and its rows become a task, or one line that says what is wrong.

What a task file leads to stays in its folder: prompt files and data are not read from elsewhere, nor through links, so
that a file from a stranger cannot send other files to a model. Names of models are checked where models are made.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from socratune.memory.errors import BadInput
from socratune.memory.records import Budget, Constraints, Demo, Example, Prompt, Role, Task
from socratune.tools import template, tokens
from socratune.tools.datasets import Row, columns_of, examples, read_rows
from socratune.tools.metrics import check_rows, metric_named
from socratune.tools.model_spec import is_application, is_code
from socratune.tools.task_form import Document, Part, budget_of, read_document, read_text, suggestion
from socratune.tools.task_models import optimizer_for, options_in, replaced

FILE = "file://"
HOME = ".socratune"
DEFAULT_BUDGET = Budget(rollouts=600)
DEFAULT_RECIPE = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What is said outside of the task file, on the command line or as a default; None says nothing."""

    data: Path | None = None
    """May lie anywhere: the user named it in person."""
    target: str | None = None
    optimizer: str | None = None
    recipe: str | None = None
    budget: Budget | None = None
    limit: int | None = None
    prices: Mapping[Role, tuple[float, float]] = field(default_factory=dict)
    """USD for a million tokens, in and out."""


AS_WRITTEN = Overrides()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a task was read from, for writing a prompt back."""

    document: Document
    data: Path
    names: tuple[str, ...]
    """The columns that count as placeholders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedTask:
    """A task, its rows, and what is needed to write its prompt back."""

    task: Task
    examples: tuple[Example, ...]
    style: template.Style
    source: Source
    notes: tuple[str, ...]
    """What was assumed, one sentence each."""


def load_task(
    path: Path, *, overrides: Overrides = AS_WRITTEN, defaults: Overrides = AS_WRITTEN, line: int | None = None
) -> LoadedTask:
    """Read a task file, or one line of a file of tasks, and its rows; `defaults` say what the task does not.

    Raises `BadInput` before anything is called.
    """
    document = read_document(path, line=line)
    form = document.form
    data = overrides.data or _data_path(document)
    rows = read_rows(data, limit=overrides.limit or form.limit)
    names = _input_names(document, columns_of(rows), data)
    prompt, style = assemble(texts_of(document), demos_of(document), names)
    variables = _variables(document, prompt, names)
    task = _task(document, prompt, variables, spoken_for(document, overrides, defaults))
    task = replace(task, constraints=_constraints(document, prompt, style, names))
    return LoadedTask(
        task=task,
        examples=_examples(rows, task, form.expected),
        style=style,
        source=Source(document=document, data=data, names=names),
        notes=tuple(_notes(document, task, style)),
    )


def parse_budget(text: str) -> Budget:
    """Read `rollouts=600,usd=2`; a bare number is USD."""
    caps: dict[str, object] = {}
    for cap in text.split(","):
        name, equals, value = cap.partition("=")
        key = name.strip() if equals else "usd"
        if key in caps:
            raise BadInput(f"{key!r} is given twice", place="--budget", cure="write rollouts=600,usd=2")
        caps[key] = (value if equals else name).strip().removeprefix("$")
    return budget_of(caps, place="--budget")


def own_cost(task: Task) -> str | None:
    """Say of an application that its cost is its own; None of any other target."""
    if not is_application(task.target):
        return None
    return "your application's own cost is not counted, unless it reports it: return Answer(text, usd=...)"


def texts_of(document: Document, *, read: Callable[[Path], str] = read_text) -> dict[Part, str]:
    """Return the text of each part of the prompt as written; `read` opens the prompt files.

    The final line break belongs to the file, not to the prompt.
    """
    texts: dict[Part, str] = {}
    for part, written in document.form.parts.items():
        file = file_of(document, part)
        text = written if file is None else read(file).removeprefix("\ufeff").replace("\r\n", "\n")
        texts[part] = text.removesuffix("\n")
        if not texts[part].strip():
            raise BadInput("the prompt is empty", place=str(file or document.at(key_of(document, part))))
    return texts


def file_of(document: Document, part: Part) -> Path | None:
    """Return the prompt file that holds a part; None when the task file does."""
    written = document.form.parts[part].strip()
    if not written.startswith(FILE) or "\n" in written:
        return None
    return beside(document.path.parent, written.removeprefix(FILE), place=document.at(key_of(document, part)))


def beside(folder: Path, relative: str, *, place: str) -> Path:
    """Return a file that a task file leads to: in this folder, and through no link. Raises `BadInput` otherwise."""
    if ".." in PurePosixPath(relative).parts or PurePosixPath(relative).is_absolute():
        raise BadInput(f"{relative!r} leads out of the folder", place=place, cure="put the file beside the task file")
    return _inside(folder, folder / relative, place=place, cure="put the file itself beside the task file")


def key_of(document: Document, part: Part) -> str:
    """Return the key under which a part of the prompt stands."""
    if document.form.messages:
        return "messages"
    return "prompt" if document.form.prompt else part


def demos_of(document: Document) -> tuple[Demo, ...]:
    """Return the worked examples of a task file."""
    return tuple(Demo(inputs=demo.inputs, output=demo.output) for demo in document.form.demos)


def assemble(texts: Mapping[Part, str], demos: tuple[Demo, ...], names: Sequence[str]) -> tuple[Prompt, template.Style]:
    """Return the prompt that these texts are, and the style they share."""
    style = template.style_of("\n\n".join(texts.values()), names)
    native = {part: template.to_native(text, style, names) for part, text in texts.items()}
    return Prompt(system=native.get("system"), user=native.get("user"), demos=demos), style


def root_of(path: Path) -> Path:
    """Return the folder that a task file's data must lie in: its own, or the project's for a file of a run."""
    folder = Path(os.path.abspath(path)).parent  # links must stay visible
    return Path(*folder.parts[: folder.parts.index(HOME)]) if HOME in folder.parts else folder


def _data_path(document: Document) -> Path:
    written, place = document.form.data, document.at("data")
    if written is None:
        raise BadInput("names no data", place=place, cure="write `data: rows.csv`, or pass --data")
    path = document.path.parent / written
    return _inside(root_of(document.path), path, place=place, cure="move it there, or pass it with --data")


def _inside(root: Path, path: Path, *, place: str, cure: str) -> Path:
    """Return `path`, of which nothing below `root` is a link."""
    plain, top = Path(os.path.abspath(path)), Path(os.path.abspath(root))  # links must stay visible
    if not plain.is_relative_to(top):
        raise BadInput(f"{str(path)!r} lies outside of {str(root)!r}", place=place, cure=cure)
    below = [plain, *plain.parents][: len(plain.relative_to(top).parts)]
    if any(step.is_symlink() for step in below):
        raise BadInput(f"{str(path)!r} is a link", place=place, cure=cure)
    return Path(os.path.normpath(path))


def _input_names(document: Document, columns: tuple[str, ...], data: Path) -> tuple[str, ...]:
    """Return the columns that may stand in the prompt."""
    form = document.form
    for key, name in (("expected", form.expected), *(("inputs", name) for name in form.inputs or ())):
        if name not in columns:
            problem = f"{key}: {str(data)!r} has no column {name!r}"
            raise BadInput(problem, place=document.at(key), cure=suggestion(name, columns))
    if form.expected in (form.inputs or ()):
        raise BadInput(f"the expected column {form.expected!r} is an input", place=document.at("inputs"))
    names = form.inputs or tuple(name for name in columns if name != form.expected)
    if not names:
        raise BadInput("has no column but the expected one", place=str(data), cure="add the input as a column")
    return names


def _variables(document: Document, prompt: Prompt, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the inputs of the prompt, after checking its placeholders and demos."""
    used = template.variables(prompt.instructions, names)
    place = document.at(key_of(document, "system" if prompt.user is None else "user"))
    for name in template.unknown(prompt.instructions, names):
        if name == document.form.expected:
            raise BadInput(f"the prompt shows the expected answer, {{{{{name}}}}}", place=place, cure="take it out")
        raise BadInput(f"{{{{{name}}}}} in the prompt is no input column", place=place, cure=suggestion(name, names))
    if prompt.user is not None and not used:
        cure = f"write {{{{{names[0]}}}}} where the row goes, or use `system:`"
        raise BadInput("the prompt names no column", place=place, cure=cure)
    variables = document.form.inputs or used or names
    for demo in prompt.demos:
        if set(demo.inputs) != set(variables):
            problem = f"a demo has the inputs {sorted(demo.inputs)}"
            raise BadInput(problem, place=document.at("demos"), cure=f"give each {sorted(variables)}")
    return variables


def spoken_for(document: Document, overrides: Overrides, defaults: Overrides) -> Overrides:
    """Return what holds: the command's word goes before the file's, and that before the defaults."""
    form, budget = document.form, Budget(**document.form.budget.model_dump())
    return Overrides(
        target=overrides.target or (form.target.spec if form.target else defaults.target),
        optimizer=overrides.optimizer or (form.optimizer.spec if form.optimizer else defaults.optimizer),
        prices=overrides.prices,
        recipe=overrides.recipe or form.recipe or defaults.recipe,
        budget=next(
            (each for each in (overrides.budget, budget, defaults.budget) if each not in (None, Budget())), None
        ),
    )


def _task(document: Document, prompt: Prompt, variables: tuple[str, ...], chosen: Overrides) -> Task:
    form = document.form
    if chosen.target is None:
        problem = "no model is named that runs the prompt"
        cure = "write `target: openai:gpt-4.1-mini`, pass --target or set SOCRATUNE_TARGET"
        raise BadInput(problem, place=document.at("target"), cure=cure)
    optimizer = chosen.optimizer or optimizer_for(chosen.target)
    if not optimizer:
        cure = "write `optimizer:` and the model that improves the prompt, or pass --optimizer"
        raise BadInput("names no optimizer, and an application cannot be one", place=document.at("target"), cure=cure)
    metric, options = _metric(document)
    return Task(
        name=document.name,
        goal=form.goal,
        prompt=prompt,
        variables=variables,
        metric=metric,
        metric_options=options,
        target=chosen.target,
        optimizer=optimizer,
        options=options_in(document, {"target": chosen.target, "optimizer": chosen.optimizer}, chosen.prices),
        max_output_tokens=form.longest_answer,
        budget=chosen.budget or DEFAULT_BUDGET,
        recipe=chosen.recipe or DEFAULT_RECIPE,
    )


def _metric(document: Document) -> tuple[str, dict[str, str | float]]:
    written = document.form.metric or {"name": "exact"}
    name, options = str(written["name"]), {key: value for key, value in written.items() if key != "name"}
    if is_code(name) and options:
        raise BadInput(f"{name} has options", place=document.at("metric"), cure="a function of your own takes none")
    if is_code(name):
        return name, {}
    try:
        metric_named(name, options)
    except BadInput as error:
        raise BadInput(error.problem, place=document.at("metric"), cure=error.cure) from error
    return name, options


def _examples(rows: tuple[Row, ...], task: Task, expected: str) -> tuple[Example, ...]:
    """Return the examples, each with an expected output that the metric can use."""
    found = examples(rows, inputs=task.variables, expected=expected, whole=is_code(task.metric))
    for row, example in zip(rows, found, strict=True):
        try:
            check_rows(task.metric, (example,))
        except BadInput as error:
            raise BadInput(error.problem, place=row.place, cure=error.cure) from error
    return found


def _constraints(document: Document, prompt: Prompt, style: template.Style, names: tuple[str, ...]) -> Constraints:
    form = document.form.constraints
    locked = tuple(template.to_native(text, style, names) for text in form.locked)
    for text in locked:
        if text not in (prompt.system or "") and text not in (prompt.user or ""):
            place = document.at("constraints")
            raise BadInput(f"the locked text {text!r} is not in the prompt", place=place, cure="copy it to the letter")
    return Constraints(max_tokens=form.max_tokens, locked=locked)


def _notes(document: Document, task: Task, style: template.Style) -> Iterator[str]:
    used = template.variables(task.prompt.instructions, task.variables)
    if (cost := own_cost(task)) is not None:
        yield cost
    if document.form.metric is None:
        yield "no metric is named; answers count when they equal the expected text (exact)"
    if style != "native":
        yield f"placeholders are read as {'{{ name }}' if style == 'jinja' else '{name}'}"
    if task.prompt.user is None and len(task.variables) > 1:
        yield f"the user turn lists the columns {', '.join(task.variables)}; `inputs:` chooses among them"
    if task.prompt.user is not None and set(task.variables) - set(used):
        yield f"the prompt does not show the inputs {', '.join(sorted(set(task.variables) - set(used)))}"
    yield from replaced(document, task)
    length, most = tokens.estimate(task.prompt.instructions), task.constraints.max_tokens
    if most is not None and length > most:
        yield f"the prompt is about {length} tokens long, over its own limit of {most}; every edit has to shorten it"
