"""`demo` and `doctor`: a first run without a key, and what stands in the way of the next."""

# ruff: noqa: PLC0415  # what is heavy is imported by the command that needs it, so that --help answers at once

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from socratune.memory.errors import BadInput
from socratune.options import Manner, Pace, Shown
from socratune.text import CAVEAT, plain

Folder = Annotated[Path, typer.Option("--dir", help="The folder to make.")]
Looked = Annotated[Path | None, typer.Argument(metavar="[FILE]", help="A task file whose settings and models count.")]
Called = Annotated[bool, typer.Option("--call", help="Ask each model one tiny question; it costs what it costs.")]

HELLO = f"A first run without a key: the prompt of a help desk is improved.\n{CAVEAT}\n"


def demo(shown: Shown, folder: Folder = Path("socratune-demo")) -> None:
    """Watch a whole run on a simulated model, without a key and without a cent."""
    from socratune.demo import lay_out
    from socratune.orders import SavedOrder
    from socratune.running import start

    if folder.exists():
        cure = f"look at it with `socratune runs --home {folder}/.socratune`, or pass --dir with another name"
        raise BadInput("exists already", place=str(folder), cure=cure)
    if not shown.quiet:
        typer.echo(HELLO, err=True)
    file = lay_out(folder)
    manner = Manner(home=folder / ".socratune", yes=True, quiet=shown.quiet, json=shown.json)
    start(SavedOrder(file=file, settings=Pace().settings), manner)


def doctor(manner: Manner, file: Looked = None, *, call: Called = False) -> None:
    """Check versions, keys, the home and its memory, and say which setting comes from where."""
    from socratune.checkup import checkup

    found = checkup(manner.place, file, call=call)
    if manner.json:
        record = {check.name: {"ok": check.ok, "said": check.said} for check in found}
        typer.echo(json.dumps({"schema_version": 1, "checks": record}))
    else:
        for check in found:
            typer.echo(f"{'ok ' if check.ok else 'BAD'}  {check.name:<20} {plain(check.said)}")
    raise typer.Exit(0 if all(check.ok for check in found) else 1)
