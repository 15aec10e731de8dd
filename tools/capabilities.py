"""Which options a model can honour, so that a wrong one is refused before anything is called.

Anthropic's API refuses sampling parameters since its version 2026-10-21, and its SDK has none. OpenAI's reasoning
models take no other temperature than 1: the o-series, and the first gpt-5 models but those for chat, as
`validate_temperature` of langchain-openai 1.7 has it too. From gpt-5.1 on it depends on the effort, and the API answers
for itself. What another server can do, nobody knows here: it is sent what was asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from socratune.memory.errors import BadInput
from socratune.memory.model_options import ModelOptions
from socratune.tools.model_spec import ModelSpec

_REASONING = re.compile(r"(ft:)?(o\d|gpt-5(?!\.\d)(?!.*chat))")

SECRETS = frozenset(
    {"apikey", "auth", "authorization", "bearer", "cookie", "credential", "credentials", "key", "password", "secret"}
    | {"token"}
)
"""Words of a header's name that say it carries a key."""
RUN_TOGETHER = ("accesskey", "apikey", "authkey", "secretkey", "token")
"""The same without hyphens, at the end of a name."""
FRAMING = frozenset(
    {"accept", "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "expect", "host"}
    | {"te", "trailer", "transfer-encoding", "upgrade"}
)
"""Headers that belong to the connection; another `host` would lead a key to another server."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_KEY_LIKE = re.compile(r"(bearer|basic)\s|(sk|pk|ghp|xox[a-z])[-_]", re.IGNORECASE)


def check_options(spec: ModelSpec, options: ModelOptions) -> None:
    """Raise `BadInput` when the model cannot do what is asked of it."""
    sent = options.sent
    for name, value in options.headers.items():
        if trouble := header_trouble(name, value):
            raise BadInput(trouble, place=spec.text)
    if spec.provider == "sim" and (sent or options.price):
        problem = f"knows no {next(iter(sent), 'price')} but its own"
        raise BadInput(problem, place=spec.text, cure="leave it out, or name a real model")
    if spec.provider == "langchain" and (refused := {"headers", "response_format"} & set(sent)):
        raise BadInput(
            f"passes no {min(refused)} on",
            place=spec.text,
            cure="leave it out, or give a chat model of your own from Python",
        )
    _check_temperature(spec, options.temperature)
    if spec.provider == "anthropic" and options.response_format is not None:
        anthropic_format(options.response_format, place=spec.text)


def _check_temperature(spec: ModelSpec, temperature: float | None) -> None:
    if temperature is None:
        return
    integrated = spec.provider == "langchain"
    provider, _, name = spec.name.partition(":") if integrated else (spec.provider, "", spec.name)
    if provider == "anthropic":
        cure = "leave temperature out; the current API refuses it, top_p and top_k"
        raise BadInput("takes no sampling parameters", place=spec.text, cure=cure)
    if provider == "openai" and spec.url is None and temperature != 1 and _REASONING.match(name):
        cure = "leave it out; reasoning models take none but 1"
        raise BadInput(f"refuses temperature {temperature:g}", place=spec.text, cure=cure)


def anthropic_format(wanted: Mapping[str, object], *, place: str) -> dict[str, object] | None:
    """Return a format in OpenAI's shape as `output_config.format` has it; None for plain text."""
    if wanted.get("type") == "text":
        return None
    described = wanted.get("json_schema")
    schema = described.get("schema") if isinstance(described, Mapping) else None
    if wanted.get("type") != "json_schema" or not isinstance(schema, Mapping):
        cure = "write {type: json_schema, json_schema: {name: ..., schema: {...}}}"
        raise BadInput("has no such response_format", place=place, cure=cure)
    return {"type": "json_schema", "schema": dict(schema)}


def header_trouble(name: str, value: str) -> str:
    """Return why a header may not stand in a task file, with the cure; empty when it may. Never repeats the value."""
    words = set(re.split(r"[-_]", name.lower()))
    if not _NAME.fullmatch(name) or not value.isascii() or not value.isprintable():
        return f"{name!r} cannot be sent as a header; use letters, digits and hyphens, and plain text as its value"
    if name.lower() in FRAMING:
        return f"the header {name!r} belongs to the connection; leave it out"
    if words & SECRETS or name.lower().endswith(RUN_TOGETHER) or _KEY_LIKE.match(value):
        return f"the header {name!r} carries a key; name host and variable under hosts: in .socratune/config.yaml"
    return ""
