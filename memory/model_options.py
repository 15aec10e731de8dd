"""What a request to a model holds besides its messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """What a model is sent with every request besides the messages, and what it costs. None leaves it out."""

    temperature: float | None = None
    max_tokens: int | None = None
    """Longest reply of an agent; that of the target is `Task.max_output_tokens`."""
    response_format: Mapping[str, object] | None = None
    """In OpenAI's shape: `{"type": "json_schema", "json_schema": {"name":, "schema":}}` for example."""
    tools: tuple[Mapping[str, object], ...] = ()
    """Definitions in the provider's own shape; none is ever carried out."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    price: tuple[float, float] | None = None
    """USD for a million tokens, in and out; None leaves it to the price table."""

    @property
    def sent(self) -> dict[str, object]:
        """Return what reaches the provider and may change its answer; plain values, ready for JSON."""
        wire = ("temperature", "response_format", "tools", "headers")
        return {name: value for name in wire if (value := getattr(self, name)) or value == 0}


PLAIN = ModelOptions()
