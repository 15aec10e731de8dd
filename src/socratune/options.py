"""The options that commands share, in groups, and how a group becomes options on the command line.

Typer reads a command's parameters; `spread` shows it the fields of each group instead of the group.
"""

# ruff: noqa: PLC0415  # what is heavy is imported by the command that needs it, so that --help answers at once

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

if TYPE_CHECKING:
    from socratune.configuration import Configuration
    from socratune.consent import Consent
    from socratune.graphs.engine import Settings
    from socratune.memory.runs import Home
    from socratune.tools.task_files import Overrides

HOME_VARIABLE = "SOCRATUNE_HOME"
HOME = Path(".socratune")


def home_folder() -> Path:
    """Return the home that holds without `--home`."""
    return Path(os.environ.get(HOME_VARIABLE) or HOME)


def _run_ids(incomplete: str) -> list[str]:
    """Return the runs that a shell may offer, newest first."""
    from socratune.memory.runs import Home

    known = [run.id for run in Home(path=home_folder()).runs()]
    return [name for name in ("last", *known) if name.startswith(incomplete)]


TaskFile = Annotated[Path, typer.Argument(metavar="FILE", help="A task file, or a Promptfoo configuration.")]
RunName = Annotated[
    str,
    typer.Argument(metavar="RUN", help="A run's id, its beginning, `COMPARE/RUN` or `last`.", autocompletion=_run_ids),
]
RunNames = Annotated[
    list[str], typer.Argument(metavar="RUN", help="Ids, or beginnings of ids.", autocompletion=_run_ids)
]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """How much is shown."""

    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show the end only.")] = False
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False


@dataclass(frozen=True, kw_only=True)
class Manner(Shown):
    """Where runs live, and how much is shown and asked."""

    home: Annotated[Path, typer.Option(envvar=HOME_VARIABLE, help="Folder of runs and memory.")] = HOME
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False

    @property
    def place(self) -> Home:
        """The home."""
        from socratune.memory.runs import Home

        return Home(path=Path(os.path.abspath(self.home)))

    @property
    def consent(self) -> Consent:
        """Code of the user's own runs when they have agreed to it before."""
        from socratune.consent import Consent

        return Consent(code="asked", home=self.place)

    @property
    def configuration(self) -> Configuration:
        """What the environment and the home say for all tasks."""
        from socratune.configuration import Configuration

        return Configuration.read(self.place)

    def command(self, *words: str) -> str:
        """Return the words of a command that a person can type as they stand."""
        elsewhere = os.path.abspath(self.home) != os.path.abspath(home_folder())
        home = ("--home", os.path.relpath(self.home)) if elsewhere else ()
        return " ".join(("socratune", *words, *home))


@dataclass(frozen=True, kw_only=True)
class Trusting(Manner):
    """The manner of commands that may run the user's own code."""

    allow_code: Annotated[
        bool, typer.Option("--allow-code", help="Let the task's python: code run, now and until it changes.")
    ] = False

    @property
    def consent(self) -> Consent:
        """With the flag they agree to it now."""
        from socratune.consent import Consent

        return Consent(code="allowed" if self.allow_code else "asked", home=self.place)


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What the command line says in place of the task file."""

    data: Annotated[Path | None, typer.Option(metavar="ROWS", help="Rows in place of the task's own.")] = None
    target: Annotated[str | None, typer.Option(metavar="MODEL", help="Model that runs the prompt.")] = None
    optimizer: Annotated[str | None, typer.Option(metavar="MODEL", help="Model that improves it.")] = None
    judge: Annotated[str | None, typer.Option(metavar="MODEL", help="Model that judges answers.")] = None
    recipe: Annotated[str | None, typer.Option(metavar="NAME", help="Method of the search.")] = None
    budget: Annotated[str | None, typer.Option(metavar="CAPS", help="rollouts=600,usd=2; a bare number is USD.")] = None
    price: Annotated[
        list[str] | None,
        typer.Option(
            metavar="IN,OUT",
            help="USD a million tokens, of the target; optimizer=IN,OUT and judge=IN,OUT of the others.",
        ),
    ] = None

    @property
    def overrides(self) -> Overrides:
        """What is said, checked; paths are made absolute, so that they hold in any folder."""
        from socratune.orders import resolve_model
        from socratune.tools.model_form import prices_of
        from socratune.tools.task_files import Overrides
        from socratune.tools.task_form import parse_budget

        here = Path.cwd()
        return Overrides(
            data=Path(os.path.abspath(self.data)) if self.data is not None else None,
            target=resolve_model(self.target, here) if self.target is not None else None,
            optimizer=resolve_model(self.optimizer, here) if self.optimizer is not None else None,
            judge=resolve_model(self.judge, here) if self.judge is not None else None,
            recipe=self.recipe,
            budget=parse_budget(self.budget) if self.budget is not None else None,
            prices=prices_of(self.price or ()),
        )


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How a run is carried out."""

    seed: Annotated[int, typer.Option(help="The same seed and answers give the same run, within one home.")] = 0
    concurrency: Annotated[int | None, typer.Option(min=1, help="Calls in flight at once.  [default: 8]")] = None
    no_memory: Annotated[bool, typer.Option("--no-memory", help="Neither recall nor keep lessons.")] = False
    log_content: Annotated[bool, typer.Option("--log-content", help="Write texts into the run's log, too.")] = False

    def under(self, configuration: Configuration) -> Settings:
        """Return the engine's words for it, with what the configuration says where the command is silent."""
        concurrency = self.concurrency or configuration.concurrency
        return replace(replace(self, concurrency=concurrency).settings, hosts=configuration.hosts)

    @property
    def settings(self) -> Settings:
        """The engine's words for it."""
        from socratune.graphs.engine import Settings

        return Settings(
            seed=self.seed,
            concurrency=self.concurrency or Settings().concurrency,
            memory=not self.no_memory,
            log_content=self.log_content,
        )


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take groups of options: typer sees each field of a group as a parameter of its own."""
    hints = get_type_hints(command, include_extras=True)
    own = [p.replace(annotation=hints[p.name]) for p in inspect.signature(command).parameters.values()]
    groups: dict[str, Any] = {p.name: p.annotation for p in own if is_dataclass(p.annotation)}

    @functools.wraps(command)
    def called(**given: Any) -> None:
        made = {name: group(**_taken(group, given)) for name, group in groups.items()}
        command(**given, **made)

    shown = [p for p in own if p.name not in groups]
    shown += [option for group in groups.values() for option in _options(group)]
    called.__signature__ = inspect.Signature([p.replace(kind=p.KEYWORD_ONLY) for p in shown])  # type: ignore[attr-defined]  # functools.wraps hides that it is a function
    called.__annotations__ = {p.name: p.annotation for p in shown}
    return called


def _options(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=hints[f.name])
        for f in fields(group)
    ]


def _taken(group: Any, given: dict[str, Any]) -> Mapping[str, Any]:
    """Take a group's fields out of what was given."""
    return {f.name: given.pop(f.name) for f in fields(group)}
