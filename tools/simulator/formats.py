"""What the real APIs refuse in a request besides its messages: a schema that is not strict, tools without a shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field, JsonValue, ValidationError

BOUNDS = (
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minLength", "maxLength", "minItems", "maxItems", "uniqueItems"),
)
"""Keywords that one of the two refuses in a strict schema."""


class _Schema(BaseModel):
    name: str = Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")
    body: dict[str, JsonValue] = Field(alias="schema")
    strict: bool | None = False


class _ResponseFormat(BaseModel):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: _Schema | None = None


class _Function(BaseModel):
    name: str = Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")
    parameters: dict[str, JsonValue] = {}


class _OpenAITool(BaseModel):
    type: Literal["function"]
    function: _Function


class _AnthropicTool(BaseModel):
    name: str = Field(pattern=r"^[a-zA-Z0-9_-]{1,128}$")
    input_schema: dict[str, JsonValue]


class _Completion(BaseModel):
    tools: list[_OpenAITool] | None = None
    response_format: _ResponseFormat | None = None


class _MessageFormat(BaseModel):
    type: Literal["json_schema"]
    body: dict[str, JsonValue] = Field(alias="schema")


class _OutputConfig(BaseModel):
    format: _MessageFormat | None = None


class _Message(BaseModel):
    tools: list[_AnthropicTool] | None = None
    output_config: _OutputConfig | None = None
    response_format: None = None
    """Is not known here."""


def trouble_with_completion(raw: Mapping[str, Any]) -> str:
    """Return why a chat completion is refused; empty when it is not."""
    try:
        wanted = _Completion.model_validate(raw).response_format
    except ValidationError as error:
        return _first(error)
    if wanted is None or wanted.type != "json_schema":
        return ""
    if wanted.json_schema is None:
        return "response_format: json_schema is required"
    trouble = _strictness(wanted.json_schema.body) if wanted.json_schema.strict else ""
    return trouble and f"response_format: invalid schema: {trouble}"


def trouble_with_message(raw: Mapping[str, Any]) -> str:
    """Return why a message is refused; empty when it is not."""
    try:
        wanted = _Message.model_validate(raw).output_config
    except ValidationError as error:
        return _first(error)
    trouble = _strictness(wanted.format.body) if wanted and wanted.format else ""
    return trouble and f"output_config.format.schema: {trouble}"


def _strictness(schema: Mapping[str, Any]) -> str:
    """Return what keeps a schema from being strict; empty when nothing does."""
    if schema.get("type") != "object":
        return "the root is not an object"
    return next(_faults(schema, "root"), "")


def _faults(schema: Mapping[str, Any], place: str) -> Iterator[str]:
    for bound in BOUNDS:
        if bound in schema:
            yield f"{place}: {bound!r} is not supported"
    if schema.get("type") == "object":
        properties = schema.get("properties", {})
        if schema.get("additionalProperties") is not False:
            yield f"{place}: additionalProperties must be false"
        if set(schema.get("required", ())) != set(properties):
            yield f"{place}: required must name every property"
    for name, inner in _inside(schema):
        yield from _faults(inner, f"{place}.{name}")


def _inside(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from schema.get("properties", {}).items()
    yield from schema.get("$defs", {}).items()
    yield from ((str(number), each) for number, each in enumerate(schema.get("anyOf", ())))
    if "items" in schema:
        yield "items", schema["items"]


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
