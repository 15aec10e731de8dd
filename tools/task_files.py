"""Task files: a YAML file and its rows become a task, or one line that says what is wrong.

What a task file leads to stays in its folder: prompt files and data are not read from elsewhere, nor through links, so
that a file from a stranger cannot send other files to a model. Names of models are checked where models are made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from socratune.memory.errors import BadInput
from socratune.memory.records import Budget, Constraints, Demo, Example, Prompt, Role, Task
from socratune.tools import template
from socratune.tools.folders import FILE, beside
from socratune.tools.metrics import check_metric, judge_calls
from socratune.tools.model_spec import is_code
from socratune.tools.promptfoo.config import recognised
from socratune.tools.promptfoo.document import read_config
from socratune.tools.task_form import Document, Part, read_document, suggestion
from socratune.tools.task_models import optimizer_for, options_in
from socratune.tools.task_notes import task_notes
from socratune.tools.task_rows import Files, TaskRows, examples_in, files_of, read_files
from socratune.tools.yaml_text import read_text

DEFAULT_BUDGET = Budget(rollouts=600)
DEFAULT_RECIPE = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What is said outside of the task file, on the command line or as a default; None says nothing."""

    data: Path | None = None
    """One file, in place of all that are named. May lie anywhere: the user named it in person."""
    target: str | None = None
    optimizer: str | None = None
    judge: str | None = None
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
    files: Files
    """Of the rows, by split."""
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
    document = document_of(path, target=overrides.target, line=line)
    form = document.form
    files: Files = {None: overrides.data} if overrides.data else files_of(document)
    rows = read_files(document, files, limit=overrides.limit or form.limit)
    names = _input_names(document, rows)
    prompt, style = assemble(texts_of(document), demos_of(document), names)
    variables = _variables(document, prompt, names)
    said = spoken_for(document, overrides, defaults)
    task = _task(document, prompt, variables, said)
    task = replace(task, constraints=_constraints(document, prompt, style, names))
    examples, doubts = examples_in(rows, task, document.expected)
    task = judged(document, task, said) if judge_calls(task.metric, examples) else task
    return LoadedTask(
        task=task,
        examples=examples,
        style=style,
        source=Source(document=document, files=files, names=names),
        notes=(*document.notes, *task_notes(document, task, style, columns=rows.columns), *doubts),
    )


def document_of(path: Path, *, target: str | None = None, line: int | None = None) -> Document:
    """Return what a task file or a Promptfoo configuration says; `target` is a model in place of its own."""
    if line is None and recognised(text := read_text(path)):
        return read_config(text, path, target=target)
    return read_document(path, line=line)


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
    return _named_file(document, document.form.parts[part], key_of(document, part))


def _named_file(document: Document, text: str, key: str) -> Path | None:
    """Return the file that a text under `key` names; None when it is the text itself."""
    written = text.strip()
    if not written.startswith(FILE) or "\n" in written:
        return None
    return beside(document.path, written, place=document.at(key))


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


def _input_names(document: Document, rows: TaskRows) -> tuple[str, ...]:
    """Return the columns that may stand in the prompt."""
    form, expected, columns = document.form, document.expected, rows.columns
    data = " and ".join(map(str, rows.files.values()))
    for key, name in (("expected", expected), *(("inputs", name) for name in form.inputs or ())):
        if name is not None and name not in columns:
            problem, cure = f"{key}: {data!r} has no column {name!r}", suggestion(name, columns)
            if key not in document.written:
                cure = "name the column with the answers, or write metric: {rubric: ...}, which needs none"
            raise BadInput(problem, place=document.at(key), cure=cure)
    # Without a label, too, a column of that name is none of the inputs: it would tell the answer.
    told = {"expected": form.expected, **(form.metric or {})}
    held = {told[key]: key for key in ("expected", "label", "output") if key in told}
    for name in (name for name in form.inputs or () if name in held):
        raise BadInput(f"the {held[name]} column {name!r} is an input", place=document.at("inputs"))
    names = form.inputs or tuple(name for name in columns if name not in held)
    if not names:
        raise BadInput("has no column but the expected one", place=data, cure="add the input as a column")
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
    """Return what holds: the command's word goes before the file's, and that before the defaults.

    A cap that the command does not name stays: who asks for fewer calls has not lifted the cap on money.
    """
    form, written = document.form, Budget(**document.form.budget.model_dump())
    standing = written if written != Budget() else defaults.budget or Budget()
    return Overrides(
        target=overrides.target or (form.target.spec if form.target else defaults.target),
        optimizer=overrides.optimizer or (form.optimizer.spec if form.optimizer else defaults.optimizer),
        judge=overrides.judge or (form.judge.spec if form.judge else defaults.judge),
        prices=overrides.prices,
        recipe=overrides.recipe or form.recipe or defaults.recipe,
        budget=_under(overrides.budget or Budget(), standing),
    )


def _under(asked: Budget, standing: Budget) -> Budget | None:
    caps = {name: value for name, value in asdict(asked).items() if value is not None}
    return None if (both := replace(standing, **caps)) == Budget() else both


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


def judged(document: Document, task: Task, chosen: Overrides) -> Task:
    """Return the task with the model that judges answers.

    It is the optimizer's, with all that is sent to that, when nobody names another.
    """
    if chosen.judge is None:
        options = {**task.options, "judge": task.options["optimizer"]} if "optimizer" in task.options else task.options
        return replace(task, judge=task.optimizer, options=options)
    mine = options_in(document, {"judge": chosen.judge}, chosen.prices)
    return replace(task, judge=chosen.judge, options={**task.options, **mine})


def _metric(document: Document) -> tuple[str, dict[str, str | float]]:
    written = document.form.metric or {"name": "exact"}
    name, options = str(written["name"]), {key: value for key, value in written.items() if key != "name"}
    if is_code(name) and options:
        raise BadInput(f"{name} has options", place=document.at("metric"), cure="a function of your own takes none")
    if is_code(name):
        return name, {}
    if name == "rubric" and (file := _named_file(document, str(options["rubric"]), "metric")):
        options["rubric"] = read_text(file).removeprefix("\ufeff")
    try:
        check_metric(name, options)
    except BadInput as error:
        raise BadInput(error.problem, place=document.at("metric"), cure=error.cure) from error
    if name == "pairwise" and not document.form.goal.strip():
        cure = "write `goal:` and what a good answer is"
        raise BadInput("metric pairwise judges by the goal, and there is none", place=document.at("metric"), cure=cure)
    return name, options


def _constraints(document: Document, prompt: Prompt, style: template.Style, names: tuple[str, ...]) -> Constraints:
    form = document.form.constraints
    locked = tuple(template.to_native(text, style, names) for text in form.locked)
    for text in locked:
        if text not in (prompt.system or "") and text not in (prompt.user or ""):
            place = document.at("constraints")
            raise BadInput(f"the locked text {text!r} is not in the prompt", place=place, cure="copy it to the letter")
    return Constraints(max_tokens=form.max_tokens, locked=locked)
