"""The provider of a configuration, as one of our model specifications."""

from __future__ import annotations

from dataclasses import dataclass

from socratune.memory.errors import BadInput
from socratune.tools.promptfoo.config import Value

OTHER = "name one with --target"
_PREFIXES = {"openai:chat:": "openai:", "anthropic:messages:": "anthropic:"}
_UNLIKE = ("completion", "embedding", "embeddings", "responses", "assistant", "realtime", "image", "moderation", "file")
_FIELDS = ("id", "label", "config")
_SETTINGS = ("apiBaseUrl", "max_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A model, and the longest answer it may give."""

    target: str
    max_output_tokens: int | None = None


def provider(providers: Value) -> Provider:
    """Return the one provider. Raises `BadInput` when there are several, or none that we can call as it says."""
    value = providers
    if isinstance(providers.data, list):
        found = providers.items("providers")
        if len(found) != 1:
            named = ", ".join(_name(each) for each in found) or "none"
            raise providers.refused(f"{len(found)} providers: {named}", OTHER)
        value = found[0]
    if not isinstance(value.data, dict):
        return Provider(target=_spec(value))
    fields = value.fields("a provider", _FIELDS)
    if "id" not in fields:
        raise value.refused("a provider without an id", OTHER)
    spec = _spec(fields["id"])
    settings = _settings(fields["config"]) if "config" in fields else {}
    url = settings.get("apiBaseUrl")
    most = settings.get("max_tokens")
    return Provider(
        target=f"{spec}@{url.text('apiBaseUrl')}" if url else spec,
        max_output_tokens=max(1, int(most.number("max_tokens"))) if most else None,
    )


def _settings(config: Value) -> dict[str, Value]:
    try:
        return config.fields("config", _SETTINGS)
    except BadInput as error:
        raise BadInput(error.problem, place=error.place, cure=f"take it out, or {OTHER}") from error


def _spec(value: Value) -> str:
    text = value.text("a provider")
    for theirs, ours in _PREFIXES.items():
        text = ours + text.removeprefix(theirs) if text.startswith(theirs) else text
    maker, _, name = text.partition(":")
    if maker not in ("openai", "anthropic") or not name or name.split(":")[0] in _UNLIKE:
        raise value.refused(f"the provider {text!r} is not supported", f"{OTHER}, openai:gpt-4.1-mini for example")
    return text


def _name(value: Value) -> str:
    data = value.data.get("id") if isinstance(value.data, dict) else value.data
    return repr(data)
