"""`chat`: a Socratic session that ends in a prompt."""

# ruff: noqa: PLC0415  # what is heavy is imported by the command that needs it, so that --help answers at once

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from socratune.memory.errors import BadInput
from socratune.options import HOME, HOME_VARIABLE, Choices, Pace, Trusting

About = Annotated[Path | None, typer.Argument(metavar="[FILE]", help="A task file, or a text file with a prompt.")]
Thread = Annotated[
    str | None, typer.Option(metavar="ID", help="Go on with a chat that was left; `last` is the newest.")
]


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Where a chat lives, and what it may do unasked."""

    home: Annotated[Path, typer.Option(envvar=HOME_VARIABLE, help="Folder of chats, runs and memory.")] = HOME
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False
    allow_code: Annotated[
        bool, typer.Option("--allow-code", help="Let the task's python: code run, now and until it changes.")
    ] = False


def chat(choices: Choices, pace: Pace, terms: Terms, file: About = None, thread: Thread = None) -> None:
    """Talk about what you want; get a prompt, improve it on your rows, and see whether it is proven.

    Ends with 0 when the prompt that stands was accepted, with 3 when not, with 4 when a model cannot be reached.
    """
    from socratune.chat_session import Opening, begin, come_back, opening

    manner = Trusting(home=terms.home, yes=terms.yes, allow_code=terms.allow_code)
    overrides = choices.overrides
    if thread is not None:
        if file is not None:
            raise BadInput("a chat that is gone on with has its file", place="--thread", cure="leave out FILE")
        raise typer.Exit(come_back(thread, manner, overrides.budget))
    configuration = manner.configuration
    asked = Opening(
        file=Path(os.path.abspath(file)) if file is not None else None,
        overrides=overrides,
        defaults=configuration.defaults,
        settings=pace.under(configuration),
    )
    raise typer.Exit(begin(opening(asked, manner.consent), manner))
