"""Orders that no file can tell again: tasks, rows and models that a program gave as values, kept beside their run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pydantic import TypeAdapter

from socratune.consent import Consent
from socratune.graphs.engine import Order, Settings
from socratune.memory.errors import BadInput
from socratune.memory.records import Example, Role, Task
from socratune.memory.runs import RunFolder
from socratune.memory.usercode import Answerer
from socratune.tools.model_spec import NO_HOSTS
from socratune.tools.models import LanguageModel
from socratune.tools.providers.langchain import adapted
from socratune.tools.usercode.application import Application

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

Models = Mapping[Role, LanguageModel]
GivenModels = Mapping[Role, "LanguageModel | BaseChatModel | Answerer"]
"""A program's own models; a function is the application that it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenOrder:
    """A run's order whose task or rows came as values, with the rows: no file could be read again."""

    task: Task
    examples: tuple[Example, ...]
    settings: Settings
    """Without hosts: where keys may go is asked again, for others may have written here."""
    own_models: Mapping[Role, str]
    """Names of the caller's own models, which cannot be kept; a function of the program is one."""

    @classmethod
    def keep(cls, order: Order, folder: RunFolder) -> Order:
        """Keep it beside the run, and return it as it will be read again, so that a resumed run is the same one."""
        own = {role: model.name for role, model in (order.models or {}).items()}
        settings = replace(order.settings, hosts=NO_HOSTS)
        text = _GIVEN.dump_json(cls(task=order.task, examples=order.examples, settings=settings, own_models=own))
        _file(folder).write_bytes(text)
        again = _GIVEN.validate_json(text)
        return replace(order, task=again.task, examples=again.examples)

    @classmethod
    def read(cls, folder: RunFolder) -> GivenOrder | None:
        """Return it; None when the run came from files alone."""
        file = _file(folder)
        return _GIVEN.validate_json(file.read_bytes()) if file.exists() else None

    def again(self, run: str) -> str:
        """Return what goes on with the run of this id, in Python."""
        if not self.own_models:
            return f"socratune.resume({run!r})"
        own = ", ".join(f"{role!r}: ..." for role in self.own_models)
        return f"socratune.resume({run!r}, models={{{own}}}) with the same models"

    def order(self, run: str, models: Models, *, consent: Consent, hosts: Mapping[str, str]) -> Order:
        """Return what the run of this id goes on with. Raises `BadInput` without the models that it was made with.

        Whether code may run and where keys may go is asked again: what lies beside a run is no consent.
        """
        if not models.keys() >= self.own_models.keys():
            raise BadInput(f"run {run} was made with models of your own", cure=self.again(run))
        for role, name in self.own_models.items():
            if models[role].name != name:
                raise BadInput(f"the run's {role} is {name}, not {models[role].name}", cure="pass the same")
        root = Path(self.task.code[0].folder) if self.task.code else Path.cwd()
        task = replace(self.task, code=consent.given(self.task, root, at=lambda key: key))
        settings = replace(self.settings, hosts=hosts)
        return Order(task=task, examples=self.examples, settings=settings, models=models)


_GIVEN = TypeAdapter(GivenOrder)


def refuse_given(folder: RunFolder) -> None:
    """Raise `BadInput` for a run that Python alone can go on with."""
    if (given := GivenOrder.read(folder)) is not None:
        raise BadInput(f"run {folder.id} was started from Python", cure=f"go on with {given.again(folder.id)}")


def _file(folder: RunFolder) -> Path:
    return folder.path / "given.json"


def adapted_models(models: GivenModels | None) -> Models | None:
    """Return models that a program gave as ours: a LangChain chat model, too, is one. Raises `BadInput`."""
    return None if models is None else {role: _adapted(model) for role, model in models.items()}


def _adapted(model: LanguageModel | BaseChatModel | Answerer) -> LanguageModel:
    if callable(model) and not isinstance(model, LanguageModel) and not hasattr(model, "ainvoke"):
        return Application.here(model)
    return adapted(cast("LanguageModel | BaseChatModel", model))
