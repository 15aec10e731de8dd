"""The long form of a model in a task file: `{model:, base_url:, temperature:, ...}`, and a price given for one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from socratune.memory.errors import BadInput
from socratune.memory.model_options import ModelOptions
from socratune.memory.records import Role
from socratune.tools.capabilities import header_trouble
from socratune.tools.model_spec import FORMS, PROVIDERS, checked_url

ADDRESS = re.compile(r"@https?://")
MAKERS = {"claude": "anthropic", "gpt-": "openai", "chatgpt-": "openai", "ft:": "openai"}
"""Whose a name without a provider is, by how it begins."""
TYPES = ("text", "json_object", "json_schema")


class PriceForm(BaseModel):
    """A price, as written: USD for a million tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    input: float = Field(ge=0)
    output: float = Field(ge=0)


def _headers(value: object) -> object:
    """Check headers here, so that no error repeats the value of one."""
    if not isinstance(value, dict) or not all(isinstance(each, str) for pair in value.items() for each in pair):
        raise ValueError("is no mapping of names to texts; put the values in quotes")
    for name, text in value.items():
        if trouble := header_trouble(name, text):
            raise ValueError(trouble)
    return value


class ModelForm(BaseModel):
    """A model and what it is sent, as written."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    model: str = Field(min_length=1)
    base_url: str | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    max_tokens: int | None = Field(default=None, ge=1)
    response_format: dict[str, JsonValue] | None = None
    tools: tuple[dict[str, JsonValue], ...] = ()
    headers: Annotated[dict[str, str], BeforeValidator(_headers)] = Field(default={}, repr=False)
    price: PriceForm | None = None

    @model_validator(mode="after")
    def _usable(self) -> ModelForm:
        if self.base_url is not None:
            _check_address(self.base_url, self.model)
        elif self.spec == self.model and self.model.partition(":")[0] not in PROVIDERS:
            raise ValueError(f"whose model {self.model!r} is, is not known; {FORMS}")
        if self.response_format is not None and self.response_format.get("type") not in TYPES:
            raise ValueError(f"response_format has no type; write one of {', '.join(TYPES)}")
        return self

    @property
    def spec(self) -> str:
        """The specification; a bare name at an address of its own is asked as OpenAI's are: most servers want it."""
        address = "" if self.base_url is None else f"@{self.base_url}"
        maker = "openai" if address else _maker(self.model)
        if maker is None or self.model.partition(":")[0] in PROVIDERS:
            return f"{self.model}{address}"
        return f"{maker}:{self.model}{address}"

    @property
    def options(self) -> ModelOptions:
        """Everything but the model and its address."""
        return ModelOptions(
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            response_format=self.response_format,
            tools=self.tools,
            headers=self.headers,
            price=(self.price.input, self.price.output) if self.price else None,
        )


class _Short(ModelForm):
    """A model that was written as a text alone; it is checked where models are made."""

    @property
    def spec(self) -> str:
        """The text."""
        return self.model


def _check_address(url: str, model: str) -> None:
    if ADDRESS.search(model):
        raise ValueError("the address is there twice; write it once, as base_url:")
    if model.startswith(("sim:", "langchain:")):
        raise ValueError(f"{model!r} takes no base_url; leave it out")
    try:
        checked_url(url, place="base_url")
    except BadInput as error:
        raise ValueError(str(error)) from None


def _maker(model: str) -> str | None:
    """Return whose model a bare name is; None when nobody can tell."""
    made = next((maker for start, maker in MAKERS.items() if model.startswith(start)), None)
    return "openai" if re.match(r"o\d", model) else made


def _read(value: object, long: ValidatorFunctionWrapHandler) -> object:
    written = value.get("model") if isinstance(value, dict) else None
    if isinstance(written, str) and written.startswith("python:"):
        raise ValueError("an application has no options; write target: python:app.py:answer")
    if isinstance(value, str):
        return _Short.model_construct(model=value)
    if not isinstance(value, dict):
        raise ValueError("is no model; write openai:NAME, or {model: ..., temperature: ...}")  # noqa: TRY004  # pydantic reads ValueError
    return long(value)


ModelKey = Annotated[ModelForm | None, WrapValidator(_read)]
"""A model in a task file: a text, or the long form."""


_NUMBER = r"\$?(\d+(?:\.\d*)?|\.\d+)"
_PRICE = re.compile(rf"(?:(target|optimizer|judge)\s*=\s*)?{_NUMBER}\s*,\s*{_NUMBER}")


def prices_of(given: Sequence[str]) -> dict[Role, tuple[float, float]]:
    """Read `1,4` and `optimizer=1,4`: USD for a million tokens in and out; the target's when no role is named."""
    prices: dict[Role, tuple[float, float]] = {}
    for text in given:
        found = _PRICE.fullmatch(text.strip())
        if found is None:
            raise BadInput(f"{text!r} is no price", place="--price", cure="write IN,OUT or optimizer=IN,OUT, as in 1,4")
        role: Role = found[1] or "target"  # type: ignore[assignment]  # the pattern holds the roles alone
        if role in prices:
            raise BadInput(f"the {role} has two prices", place="--price", cure="give one")
        prices[role] = (float(found[2]), float(found[3]))
    return prices
