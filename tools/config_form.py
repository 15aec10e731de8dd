"""The form of a home's `config.yaml`: what holds when neither the command nor the task file says otherwise.

It is plain values. Nothing in it is run, and of a key it names the variable that holds it, never the key.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from socratune.memory.errors import BadInput
from socratune.tools.model_spec import checked_url
from socratune.tools.task_form import BudgetField, checked_form
from socratune.tools.yaml_text import parse_mapping, read_text

FILE = "config.yaml"
PROVIDERS_KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY")
"""Keys of providers; they go to their own hosts alone."""

_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


def _hosts(written: object) -> object:
    """Check what is named, without a word of it in the message: people paste keys where their names belong."""
    if not isinstance(written, dict):
        raise ValueError("write {https://gateway.example: GATEWAY_KEY}")  # noqa: TRY004  # pydantic reads ValueError
    for url, variable in written.items():
        try:
            checked_url(str(url), place="hosts")
        except BadInput as error:
            raise ValueError(f"the address cannot be used; {error.cure}") from None
        if not isinstance(variable, str) or not _names_a_variable(variable):
            raise ValueError("write the name of the variable that holds the key, such as GATEWAY_KEY, never the key")
        if variable in PROVIDERS_KEYS:
            raise ValueError(f"{variable} goes to its provider alone; put the host's key into another variable")
    return written


def _names_a_variable(text: str) -> bool:
    """Tell a variable's name from a key, some of which are capitals and digits as well."""
    return bool(_VARIABLE.fullmatch(text)) and ("_" in text or sum(map(str.isdigit, text)) < 3)


class ConfigForm(BaseModel):
    """What may be said for all tasks."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)

    target: str | None = None
    optimizer: str | None = None
    judge: str | None = None
    recipe: str | None = None
    budget: BudgetField | None = None
    concurrency: int | None = Field(default=None, ge=1)
    hosts: Annotated[dict[str, str], BeforeValidator(_hosts)] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A configuration that was read, and where each key stands."""

    path: Path
    form: ConfigForm
    lines: Mapping[str, int]

    def at(self, key: str) -> str:
        """Return the place of a key, for messages."""
        return f"{self.path}:{self.lines.get(key, 1)}"


def read_config(path: Path) -> Config:
    """Read a configuration; one that is not there, or is empty, says nothing."""
    text = read_text(path) if path.exists() else ""
    if not any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines()):
        return Config(path=path, form=ConfigForm(), lines={})
    cure = "write `target: openai:gpt-4.1-mini`, for example"
    written, lines = parse_mapping(text, path, what="a configuration", cure=cure)
    config = Config(path=path, form=checked_form(ConfigForm, written, place=str(path), lines=lines), lines=lines)
    if config.form.hosts and os.name == "posix" and path.stat().st_mode & 0o077:
        # A file that came with somebody else's project has not this mode: what it says of keys is not obeyed.
        problem = "hosts: says where keys go, so the file has to be yours alone"
        raise BadInput(problem, place=config.at("hosts"), cure=f"look at it, then `chmod 600 {path}`")
    return config


def hosts_of(home: Path) -> Mapping[str, str]:
    """Return the variable with the key of each host that a home's configuration lets have one."""
    return read_config(home / FILE).form.hosts
