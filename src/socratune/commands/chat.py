"""`chat`: a Socratic session that ends in a prompt."""

# ruff: noqa: PLC0415  # what is heavy is imported by the command that needs it, so that --help answers at once

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from socratune.memory.errors import BadInput
from socratune.options import HOME, HOME_VARIABLE, Choices, Manner, Pace

About = Annotated[Path | None, typer.Argument(metavar="[FILE]", help="A task file, or a text file with a prompt.")]
Thread = Annotated[
    str | None, typer.Option(metavar="ID", help="Go on with a chat that was left; `last` is the newest.")
]
Place = Annotated[Path, typer.Option(envvar=HOME_VARIABLE, help="Folder of chats, runs and memory.")]
Agreed = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def chat(
    choices: Choices,
    pace: Pace,
    file: About = None,
    thread: Thread = None,
    home: Place = HOME,
    yes: Agreed = False,  # noqa: FBT002  # an option
) -> None:
    """Talk about what you want; get a prompt, improve it on your rows, and see whether it is proven.

    Ends with 0 when the prompt that stands was accepted, with 3 when not, with 4 when a model cannot be reached.
    """
    from socratune.chat_session import begin, come_back, opening

    manner = Manner(home=home, yes=yes)
    overrides = choices.overrides
    if thread is None:
        about = Path(os.path.abspath(file)) if file is not None else None
        raise typer.Exit(begin(opening(about, overrides, pace.settings), manner))
    if file is not None:
        raise BadInput("a chat that is gone on with has its file", place="--thread", cure="leave out FILE")
    raise typer.Exit(come_back(thread, manner, overrides.budget))
