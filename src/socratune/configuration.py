"""What holds when neither the command nor the task file says otherwise: the environment, then the home's config.yaml.

Read once, at the door, and handed on as plain values.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from socratune.graphs.engine import Settings
from socratune.graphs.recipes import recipe_named
from socratune.memory.errors import BadInput
from socratune.memory.records import Budget
from socratune.memory.runs import Home
from socratune.orders import resolve_model
from socratune.tools.config_form import FILE, ConfigForm, read_config
from socratune.tools.model_spec import ModelSpec
from socratune.tools.task_files import AS_WRITTEN, Overrides
from socratune.tools.task_form import checked_form, parse_budget

PREFIX = "SOCRATUNE_"
MODELS = ("target", "optimizer", "judge")
FROM_ENVIRONMENT = (*MODELS, "recipe", "budget", "concurrency")


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """The defaults of a home, and who said each."""

    defaults: Overrides = AS_WRITTEN
    concurrency: int | None = None
    hosts: Mapping[str, str] = field(default_factory=dict)
    """The variable with the key, by the address that it may go to."""
    places: Mapping[str, str] = field(default_factory=dict)
    """Where each value was said: a variable's name, or a file and line."""

    def under(self, settings: Settings | None) -> Settings:
        """Return what a program says of how to carry out a run, with what it leaves open."""
        if settings is None:
            return Settings(concurrency=self.concurrency or Settings().concurrency, hosts=self.hosts)
        return replace(settings, hosts={**self.hosts, **settings.hosts})

    @classmethod
    def read(cls, home: Home) -> Configuration:
        """Read the environment and the home's file. Raises `BadInput` with the place of whatever cannot be used."""
        config = read_config(home.path / FILE)
        said: dict[str, Any] = {key: getattr(config.form, key) for key in config.form.model_fields_set}
        if said.get("budget"):
            said["budget"] = Budget(**said["budget"].model_dump())
        places = {key: config.at(key) for key in said}
        folders = dict.fromkeys(said, home.path.parent)
        for key in FROM_ENVIRONMENT:
            variable = f"{PREFIX}{key.upper()}"
            if text := os.environ.get(variable, "").strip():
                said[key], places[key], folders[key] = _from_text(key, text, variable), variable, Path.cwd()
        for key in MODELS:
            if said.get(key):
                said[key] = _placed(_model, said[key], folders[key], place=places[key])
        if said.get("recipe"):
            _placed(recipe_named, said["recipe"], place=places["recipe"])
        return cls(
            defaults=Overrides(
                target=said.get("target"),
                optimizer=said.get("optimizer"),
                judge=said.get("judge"),
                recipe=said.get("recipe"),
                budget=said.get("budget"),
            ),
            concurrency=said.get("concurrency"),
            hosts=said.get("hosts") or {},
            places={key: place for key, place in places.items() if said.get(key) is not None},
        )


def _model(spec: str, folder: Path) -> str:
    """Check a default model. What is no model is not repeated: it may be a key."""
    if spec.startswith("python:"):
        raise BadInput("a default runs no code", cure="name the application in the task file")
    found = resolve_model(spec, folder)
    try:
        return ModelSpec.parse(found).text
    except BadInput as error:
        raise BadInput(f"names no model ({error.cure or error.problem})") from None


def _from_text(key: str, text: str, variable: str) -> Any:
    """Return the value that a variable holds."""
    if key == "budget":
        return _placed(parse_budget, text, place=variable)
    return getattr(checked_form(ConfigForm, {key: text}, place=variable), key)


def _placed(read: Callable[..., Any], *words: object, place: str) -> Any:
    """Read something; what is wrong with it is said with its place."""
    try:
        return read(*words)
    except BadInput as error:
        raise BadInput(error.problem, place=place, cure=error.cure) from error
