"""Ways of thinking in which a prompt can be written, for the mutate operator."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import yaml


@cache
def thinking_styles() -> tuple[str, ...]:
    """Return them in the order of `agents/prompts/styles.yaml`; one short text each."""
    text = (files("socratune.agents") / "prompts" / "styles.yaml").read_text("utf-8")
    return tuple(yaml.safe_load(text))
