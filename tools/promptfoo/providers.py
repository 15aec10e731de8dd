"""The provider of a configuration, as one of our model specifications."""

from __future__ import annotations

from contextlib import suppress

from socratune.memory.errors import BadInput
from socratune.tools.model_spec import checked_url
from socratune.tools.promptfoo.config import Value

OTHER = "name one with --target"
PREFIXES = {"openai:chat:": "openai:", "anthropic:messages:": "anthropic:"}
"""How Promptfoo begins the name of a chat model, and how we do."""
_UNLIKE = (
    *("completion", "embedding", "embeddings", "responses", "assistant", "realtime", "image", "moderation", "file"),
    *("chat", "messages"),
)
_FIELDS = ("id", "label", "config")
_OURS = {"apiBaseUrl": "base_url", "max_tokens": "max_tokens", "temperature": "temperature"}


def provider(providers: Value) -> dict[str, object]:
    """Return the one provider as a model in our long form.

    Raises `BadInput` when there are several, or none that we can call as it says.
    """
    value = _one(providers)
    if not isinstance(value.data, dict):
        return {"model": _spec(value, OTHER)}
    cure = f"name one with --target{_example(value)}"
    fields = value.fields("a provider", _FIELDS)
    if "id" not in fields:
        raise value.refused("a provider without an id", cure)
    settings = _settings(fields["config"], cure) if "config" in fields else {}
    model = _spec(fields["id"], cure)
    return {"model": model, **{_OURS[name]: _setting(name, each) for name, each in settings.items()}}


def passed_over(providers: Value) -> str:
    """Say what of the providers is not used when a target of the user's own takes their place."""
    value = _one(providers) if not isinstance(providers.data, list) or len(providers.data) == 1 else providers
    config = value.data.get("config") if isinstance(value.data, dict) else None
    gone = f", nor its {', '.join(map(str, config))}" if isinstance(config, dict) and config else ""
    return f"--target takes the place of the providers, which are not used{gone}"


def _one(providers: Value) -> Value:
    if not isinstance(providers.data, list):
        return providers
    found = providers.items("providers")
    if len(found) != 1:
        named = ", ".join(_name(each) for each in found) or "none"
        raise providers.refused(f"{len(found)} providers: {named}", OTHER)
    return found[0]


def _setting(name: str, value: Value) -> object:
    if name == "apiBaseUrl":
        return value.text(name)
    number = value.number(name)
    return max(1, int(number)) if name == "max_tokens" else number


def _settings(config: Value, cure: str) -> dict[str, Value]:
    try:
        return config.fields("config", tuple(_OURS))
    except BadInput as error:
        raise BadInput(error.problem, place=error.place, cure=f"take it out, or {cure}") from error


def _spec(value: Value, cure: str) -> str:
    text = value.text("a provider")
    if (found := _ours(text)) is None:
        example = "" if "@" in cure else ", openai:gpt-4.1-mini for example"
        raise value.refused(f"the provider {text!r} is not supported", f"{cure}{example}")
    return found


def _ours(text: str) -> str | None:
    """Return our specification for a provider's id, None when it is no chat model that we can call.

    What follows `openai:chat:` is a model's name, whatever it is called; `openai:moderation` is another thing.
    """
    for theirs, ours in PREFIXES.items():
        if text.startswith(theirs) and text != theirs:
            return ours + text.removeprefix(theirs)
    maker, _, name = text.partition(":")
    usable = maker in ("openai", "anthropic") and name and name.split(":")[0] not in _UNLIKE
    return text if usable else None


def _example(value: Value) -> str:
    """Return the model at the provider's own address, as one would name it; empty when it has none."""
    fields = value.data if isinstance(value.data, dict) else {}
    config = fields.get("config")
    url = config.get("apiBaseUrl") if isinstance(config, dict) else None
    with suppress(BadInput):
        return f" {_ours(str(fields.get('id'))) or 'openai:NAME'}@{checked_url(url, place='')}" if url else ""
    return ""


def _name(value: Value) -> str:
    data = value.data.get("id") if isinstance(value.data, dict) else value.data
    return repr(data)
