"""A reply form: what an agent is told about how to answer, and how its answer is read.

It knows no agent; the forms themselves are in `tools/replies.py` and `tools/chat_forms.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

T_co = TypeVar("T_co", covariant=True)
M = TypeVar("M", bound=BaseModel)

LONGEST_REPLY = 200_000
"""Characters; a longer reply is not read."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4_000)]
FullText = Annotated[Text, StringConstraints(min_length=1)]

_NAMED = re.compile(r"^Reply form: (\S+)$", re.MULTILINE)


class NotInForm(ValueError):  # a finding about a text, named like MalformedReply
    """The reply is not in the asked form; the message says what is wrong, in words an agent can act on."""


class JsonReply(BaseModel):
    """A reply in JSON; what was not asked for is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form(Generic[T_co]):
    """A way to answer: what to say about it, and how to read it."""

    name: str
    text: str
    read: Callable[[str], T_co]

    @property
    def schema(self) -> Mapping[str, object] | None:
        """The JSON schema of the reply, in the strict form that providers enforce; None for tagged text."""
        return _strict(self.read.model) if isinstance(self.read, _Json) else None

    @property
    def instructions(self) -> str:
        """How to answer, for the end of an agent's instructions."""
        return f"Reply form: {self.name}\n{self.text}"

    def parse(self, reply: str) -> T_co:
        """Raises `NotInForm`."""
        if not reply.strip():
            raise NotInForm("the reply is empty")
        if len(reply) > LONGEST_REPLY:
            raise NotInForm(f"the reply has {len(reply)} characters, {LONGEST_REPLY} at most are read")
        return self.read(reply)


def _object_in(reply: str) -> object:
    """Return the first JSON object that stands in `reply`, also inside prose or a code fence."""
    start = reply.find("{")
    if start < 0:
        raise NotInForm("there is no JSON object in the reply")
    try:
        return json.JSONDecoder().raw_decode(reply, start)[0]
    except (ValueError, RecursionError) as error:  # a ValueError alone: a number of thousands of digits
        raise NotInForm(f"the JSON object is broken or cut: {error}") from error


@dataclass(frozen=True, slots=True)
class _Json(Generic[M]):
    """Reads a reply as one JSON object."""

    model: type[M]

    def __call__(self, reply: str) -> M:
        try:
            return self.model.model_validate(_object_in(reply))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise NotInForm(f"{where or 'the object'}: {first['msg']}") from error


def _strict(model: type[BaseModel]) -> Mapping[str, object]:
    """Return the schema of a model without what a provider may refuse: bounds, patterns, defaults, open objects.

    What is left out here is still checked when the reply is read.
    """
    schema = model.model_json_schema()
    shapes = {name: _shape(shape) for name, shape in schema.get("$defs", {}).items()}
    return {"title": model.__name__, **_shape(schema), **({"$defs": shapes} if shapes else {})}


def _shape(schema: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: schema[name] for name in ("$ref", "type", "enum", "const") if name in schema}
    if "items" in schema:
        kept["items"] = _shape(schema["items"])
    if "anyOf" in schema:
        kept["anyOf"] = [_shape(each) for each in schema["anyOf"]]
    if "properties" in schema:
        kept["properties"] = {name: _shape(each) for name, each in schema["properties"].items()}
        kept |= {"required": list(schema["properties"]), "additionalProperties": False}
    return kept


def json_form(name: str, text: str, model: type[M]) -> Form[M]:
    """Return a form that asks for one JSON object, described by `text`."""
    return Form(name=name, text=f"Answer with one JSON object and nothing else:\n{text}", read=_Json(model))


def tagged(reply: str, tag: str) -> str | None:
    """Return what stands between `<tag>` and `</tag>`; None when neither is there."""
    opening, closing = f"<{tag}>", f"</{tag}>"
    start, end = reply.find(opening), reply.rfind(closing)
    if start < 0 and end < 0:
        return None
    if start < 0 or end < start:
        raise NotInForm(f"{opening} and {closing} do not both stand in the reply; it may be cut")
    if reply.count(opening) > 1 or reply.count(closing) > 1:
        raise NotInForm(f"{opening} or {closing} stands more than once in the reply")
    return re.sub(r"\A[ \t]*\n|\n[ \t]*\Z", "", reply[start + len(opening) : end])


def form_asked(text: str) -> str | None:
    """Return the name of the form that a request asks for."""
    found = _NAMED.search(text)
    return found[1] if found else None
