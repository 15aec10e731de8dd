"""The form of a task file: which keys it may hold, and one line for whatever is wrong with them.

It knows nothing about rows, nor about which metrics and models there are.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from socratune.memory.errors import BadInput
from socratune.memory.records import JUDGED, LONGEST_ANSWER, Budget, Side
from socratune.tools.model_form import ModelForm, ModelKey, PriceForm
from socratune.tools.yaml_text import parse_mapping, read_text

Part = Literal["system", "user"]
F = TypeVar("F", bound=BaseModel)
RUBRIC_FORM = 'write {rubric: "Polite; names the order number"} or {rubric: file://rubric.md}'


def _model(value: object) -> object:
    """Refuse code where only a model can stand."""
    if isinstance(value, str) and value.startswith("python:"):
        raise ValueError("python: names your application or your metric, and neither can be this")
    return value


def _data(value: object) -> object:
    return {"train": value} if isinstance(value, str) else value


def _metric(value: object) -> object:
    options = {"name": value} if isinstance(value, str) else value
    if not isinstance(options, dict):
        return value
    if isinstance(options.get("rubric"), str) and "name" not in options:
        return {"name": "rubric", **options}
    if "rubric" in (*options, options.get("name")):
        raise ValueError(RUBRIC_FORM)
    if not isinstance(options.get("name"), str):
        raise ValueError("has no name; write {name: numeric, tolerance: 0.01}")  # noqa: TRY004
    return options


def _usd(value: object) -> object:
    return {"usd": value} if isinstance(value, int | float | str) else value


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class BudgetForm(_Form):
    """Caps, as written."""

    usd: float | None = Field(default=None, ge=0)
    rollouts: int | None = Field(default=None, ge=0)
    calls: int | None = Field(default=None, ge=0)
    tokens: int | None = Field(default=None, ge=0)
    minutes: float | None = Field(default=None, gt=0)


BudgetField = Annotated[BudgetForm, BeforeValidator(_usd)]
"""A bare number is USD."""


class ConstraintsForm(_Form):
    """What no edit may break, as written."""

    max_tokens: int | None = Field(default=None, ge=1)
    locked: tuple[Annotated[str, Field(min_length=1)], ...] = ()


class MessageForm(_Form):
    """One message of a prompt."""

    role: Part
    content: str


class DemoForm(_Form):
    """One worked example of a prompt."""

    inputs: dict[str, str]
    output: str


class DataForm(_Form):
    """The rows: one file, or one for each split that the user chose."""

    train: str
    dev: str | None = None
    test: str | None = None

    @property
    def files(self) -> dict[Side, str]:
        """The files by split, those that are named."""
        named: dict[Side, str | None] = {"train": self.train, "dev": self.dev, "test": self.test}
        return {side: file for side, file in named.items() if file is not None}

    @property
    def divided(self) -> bool:
        """Whether the user chose a split; train alone is all rows there are."""
        return len(self.files) > 1


class TaskForm(_Form):
    """A task file."""

    name: str | None = None
    goal: str = ""
    prompt: str | None = None
    system: str | None = None
    user: str | None = None
    messages: tuple[MessageForm, ...] | None = None
    demos: tuple[DemoForm, ...] = ()
    data: Annotated[DataForm | None, BeforeValidator(_data)] = None
    inputs: tuple[str, ...] | None = Field(default=None, min_length=1)
    expected: str = "expected"
    metric: Annotated[dict[str, str | float] | None, BeforeValidator(_metric)] = None
    target: ModelKey = None
    optimizer: Annotated[ModelKey, BeforeValidator(_model)] = None
    judge: Annotated[ModelKey, BeforeValidator(_model)] = None
    recipe: str | None = None
    budget: BudgetField = BudgetForm()
    constraints: ConstraintsForm = ConstraintsForm()
    max_output_tokens: int = Field(default=LONGEST_ANSWER, ge=1)
    limit: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _one_prompt(self) -> TaskForm:
        ways = (bool(self.prompt), bool(self.system or self.user), bool(self.messages))
        if sum(ways) != 1:
            raise ValueError("the prompt is written once: as prompt:, as system: and user:, or as messages:")
        roles = [message.role for message in self.messages or ()]
        if len(set(roles)) < len(roles):
            raise ValueError("messages: more than one message of a role is not supported yet")
        return self

    @model_validator(mode="after")
    def _one_length(self) -> TaskForm:
        said = self.target.max_tokens if self.target else None
        if said is not None and "max_output_tokens" in self.model_fields_set and said != self.max_output_tokens:
            raise ValueError(f"target: max_tokens is {said} and max_output_tokens {self.max_output_tokens}; write one")
        return self

    @property
    def longest_answer(self) -> int:
        """Tokens of the target's longest answer."""
        return (self.target.max_tokens if self.target else None) or self.max_output_tokens

    @property
    def parts(self) -> dict[Part, str]:
        """The text of each part of the prompt, or the `file://` that holds it."""
        if self.messages:
            return {message.role: message.content for message in self.messages}
        parts: dict[Part, str | None] = {"system": self.system, "user": self.user or self.prompt}
        return {part: text for part, text in parts.items() if text}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A task file that was read: its form, and where each key stands."""

    path: Path
    line: int | None = None
    """Of a file with one task a line, which line this is, counted from 1."""
    form: TaskForm
    written: Mapping[str, object]
    """The keys as they were written, in their order."""
    lines: Mapping[str, int]
    promptfoo: bool = False
    """Whether it is a Promptfoo configuration, put into our words."""
    notes: tuple[str, ...] = ()
    """What was read and does not matter here, one sentence each."""

    @property
    def expected(self) -> str | None:
        """The column with the labels; None when a judge scores and the file names none, for it needs none."""
        judged = self.form.metric is not None and self.form.metric["name"] in JUDGED
        return None if judged and "expected" not in self.written else self.form.expected

    @property
    def name(self) -> str:
        """What the task is called where it gives no name itself."""
        return self.form.name or (self.path.stem if self.line is None else f"{self.path.stem}-{self.line}")

    def at(self, key: str) -> str:
        """Return the place of a key, for messages."""
        return f"{self.path}:{self.lines.get(key, 1)}"


def read_document(path: Path, *, line: int | None = None) -> Document:
    """Read a task file, or one line of a JSONL file of tasks: a line of JSON is YAML, too."""
    text = read_text(path)
    if line is None:
        return parse_document(text, path)
    # The empty lines before it keep the places that messages name.
    return replace(parse_document("\n" * (line - 1) + text.split("\n")[line - 1], path), line=line)


def parse_document(text: str, path: Path) -> Document:
    """Read the text of a task file that stands, or will stand, at `path`."""
    written, lines = parse_mapping(text, path, what="a task file", cure="see `socratune init`")
    form = checked_form(TaskForm, written, place=str(path), lines=lines)
    return Document(path=path, form=form, written=written, lines=lines)


def checked_form(form: type[F], written: object, *, place: str, lines: Mapping[str, int] | None = None) -> F:
    """Return a form with these keys. Raises `BadInput` with the first thing that is wrong, and its line if known."""
    try:
        return form.model_validate(written)
    except ValidationError as error:
        raise _complaint(error, form, place=place, lines=lines) from error


def parse_budget(text: str) -> Budget:
    """Read `rollouts=600,usd=2`; a bare number is USD."""
    caps: dict[str, object] = {}
    for cap in text.split(","):
        name, equals, value = cap.partition("=")
        key = name.strip() if equals else "usd"
        if key in caps:
            raise BadInput(f"{key!r} is given twice", place="--budget", cure="write rollouts=600,usd=2")
        caps[key] = value.strip().removeprefix("$") if equals else _dollars(name)
    return Budget(**checked_form(BudgetForm, caps, place="--budget").model_dump())


def _dollars(text: str) -> str:
    number = text.strip().removeprefix("$")
    try:
        float(number)
    except ValueError:
        cure = "write 2, usd=2 or rollouts=600,usd=2; a bare number is USD"
        raise BadInput(f"{text.strip()!r} is no cap", place="--budget", cure=cure) from None
    return number


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return the cure for an unknown word: the nearest known one, or all of them."""
    names = tuple(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"


def _complaint(
    error: ValidationError, form: type[BaseModel], *, place: str, lines: Mapping[str, int] | None = None
) -> BadInput:
    """Put the first thing that is wrong in one line."""
    # A word that is not known comes first: often it stands for the key that is missing.
    found = error.errors(include_url=False)
    first = next((each for each in found if each["type"] == "extra_forbidden"), found[0])
    steps = [str(step) for step in first["loc"]]
    key = ".".join(steps)
    where = f"{place}:{lines.get(steps[0], 1) if steps else 1}" if lines is not None else place
    if first["type"] == "extra_forbidden":
        nested = _NESTED.get(steps[-2], _NESTED.get(steps[0], form)) if len(steps) > 1 else form
        cure = f"under metric: {RUBRIC_FORM}" if key == "rubric" else suggestion(steps[-1], nested.model_fields)
        return BadInput(f"unknown key {key!r}", place=where, cure=cure)
    said = str(first.get("ctx", {}).get("error", first["msg"]))
    cure = "write a text, in quotes if need be" if first["type"] == "string_type" else ""
    if isinstance(first["input"], str | int | float) and said.startswith("Input should"):
        said = f"{first['input']!r} cannot be used; it {said.removeprefix('Input ')}"
    return BadInput(": ".join(part for part in (key, said) if part), place=where, cure=cure)


_NESTED: Mapping[str, type[BaseModel]] = {
    "budget": BudgetForm,
    "data": DataForm,
    "constraints": ConstraintsForm,
    "messages": MessageForm,
    "demos": DemoForm,
    "target": ModelForm,
    "optimizer": ModelForm,
    "judge": ModelForm,
    "price": PriceForm,
}
