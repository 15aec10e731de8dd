"""The models of a task: what the file says of each, what the user says in its place, and how both are written down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from socratune.memory.errors import BadInput
from socratune.memory.model_options import PLAIN, ModelOptions
from socratune.memory.records import Role, Task
from socratune.tools.capabilities import check_options
from socratune.tools.model_form import ModelForm
from socratune.tools.model_spec import ModelSpec, is_application
from socratune.tools.task_form import Document

PLAIN_TEXT = {"type": "text"}


def optimizer_for(target: str) -> str:
    """Return the model that improves the prompt when none is named: one key then suffices. Empty when none can be."""
    if is_application(target):
        return ""
    return f"sim:{target.split(':')[1]}:strong" if target.startswith("sim:") else target


def options_in(
    document: Document, named: Mapping[Role, str | None], prices: Mapping[Role, tuple[float, float]]
) -> dict[Role, ModelOptions]:
    """Return what each model is sent; `named` are models that take the place of the file's, None where none does."""
    found: dict[Role, ModelOptions] = {}
    for role, name in named.items():
        form = _form(document, role)
        kept = form is not None and name in (None, form.spec)
        found[role] = _options_of(form, role, place=document.at(role)) if form and kept else PLAIN
        if form is None and name is None and role != "target":
            found[role] = _inherited(found["target"])
        if role in prices:
            found[role] = replace(found[role], price=prices[role])
    return {role: options for role, options in found.items() if options != PLAIN}


def replaced(document: Document, task: Task) -> Iterator[str]:
    """Say of each model that another has taken its place and that its options are gone with it."""
    for role, chosen in task.models.items():
        form = _form(document, role)
        if form is not None and form.spec != chosen and form.options != PLAIN:
            yield f"{chosen} takes the place of {form.spec}, whose options are not sent to it"


def changed_models(document: Document, task: Task) -> dict[str, object]:
    """Return the models that a task file like this one has to name otherwise, or in addition."""
    target = document.form.target
    sent = task.options.get("target", PLAIN)
    defaults = {
        "target": ("", PLAIN),
        "optimizer": (optimizer_for(task.target), _inherited(sent)),
        "judge": (task.optimizer, task.options.get("optimizer", PLAIN)),
    }
    keys: dict[str, object] = {}
    for role, spec in task.models.items():
        form, options, written = _form(document, role), task.options.get(role, PLAIN), document.written.get(role)
        said = (form.spec, _options_of(form, role, place="")) if form else defaults[role]
        if said == (spec, options):
            continue
        if form and form.spec == spec and isinstance(written, Mapping):
            keys[role] = {**written, "price": _price(options)}  # of the same model, nothing else can be said elsewhere
        else:
            longest = target.max_tokens if role == "target" and target else options.max_tokens
            keys[role] = _written(spec, options, max_tokens=longest)
    return keys


def _form(document: Document, role: Role) -> ModelForm | None:
    form: ModelForm | None = getattr(document.form, role)
    return form


def _options_of(form: ModelForm, role: Role, *, place: str) -> ModelOptions:
    """Return what is sent to the model of a role. Raises `BadInput` when model or role have no use for it.

    The longest answer of the target is no option but a part of the task.
    """
    options = form.options if role != "target" else replace(form.options, max_tokens=None)
    if options != PLAIN:
        try:
            check_options(ModelSpec.parse(form.spec), options)
        except BadInput as error:
            raise BadInput(f"{error.place} {error.problem}", place=place, cure=error.cure) from error
    if role != "target":
        _check_agents(options, role, place=place)
    return options


def _check_agents(options: ModelOptions, role: Role, *, place: str) -> None:
    if options.tools:
        raise BadInput(f"{role}: agents hold no tools", place=place, cure="leave tools out")
    if (options.response_format or PLAIN_TEXT) != PLAIN_TEXT:
        cure = "leave response_format out, or write {type: text} where a model knows no JSON schema"
        raise BadInput(f"{role}: agents answer in forms of their own", place=place, cure=cure)


def _inherited(options: ModelOptions) -> ModelOptions:
    """Return what holds of the same model in another role: what belongs to its address, and its price."""
    return ModelOptions(headers=options.headers, price=options.price)


def _written(spec: str, options: ModelOptions, *, max_tokens: int | None) -> str | dict[str, object]:
    """Return what a task file says of a model that was chosen elsewhere: a text where that says it all."""
    said: Mapping[str, object] = {
        "temperature": options.temperature,
        "max_tokens": max_tokens,
        "response_format": options.response_format and dict(options.response_format),
        "tools": [dict(tool) for tool in options.tools] or None,
        "headers": dict(options.headers) or None,
        "price": _price(options),
    }
    kept = {key: value for key, value in said.items() if value is not None}
    return {"model": spec, **kept} if kept else spec


def _price(options: ModelOptions) -> dict[str, float] | None:
    return options.price and dict(zip(("input", "output"), options.price, strict=True))
