"""The provider of a configuration, as one of our model specifications."""

from __future__ import annotations

from socratune.memory.errors import BadInput
from socratune.tools.promptfoo.config import Value

OTHER = "name one with --target"
_PREFIXES = {"openai:chat:": "openai:", "anthropic:messages:": "anthropic:"}
_UNLIKE = ("completion", "embedding", "embeddings", "responses", "assistant", "realtime", "image", "moderation", "file")
_FIELDS = ("id", "label", "config")
_OURS = {"apiBaseUrl": "base_url", "max_tokens": "max_tokens", "temperature": "temperature"}


def provider(providers: Value) -> dict[str, object]:
    """Return the one provider as a model in our long form.

    Raises `BadInput` when there are several, or none that we can call as it says.
    """
    value = providers
    if isinstance(providers.data, list):
        found = providers.items("providers")
        if len(found) != 1:
            named = ", ".join(_name(each) for each in found) or "none"
            raise providers.refused(f"{len(found)} providers: {named}", OTHER)
        value = found[0]
    if not isinstance(value.data, dict):
        return {"model": _spec(value)}
    fields = value.fields("a provider", _FIELDS)
    if "id" not in fields:
        raise value.refused("a provider without an id", OTHER)
    settings = _settings(fields["config"]) if "config" in fields else {}
    return {"model": _spec(fields["id"]), **{_OURS[name]: _setting(name, each) for name, each in settings.items()}}


def _setting(name: str, value: Value) -> object:
    if name == "apiBaseUrl":
        return value.text(name)
    number = value.number(name)
    return max(1, int(number)) if name == "max_tokens" else number


def _settings(config: Value) -> dict[str, Value]:
    try:
        return config.fields("config", tuple(_OURS))
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
