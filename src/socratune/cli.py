"""The command line. Each command lives in `commands/`; here they are named, and what goes wrong becomes one line."""

# ruff: noqa: PLC0415  # what is heavy is imported by the command that needs it, so that --help answers at once

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from socratune.commands import batch, chat, comparing, files, optimize, runs, scoring, serving, simulate, trying
from socratune.memory.errors import BadInput, Interrupted, Paused, RunOwned
from socratune.options import spread
from socratune.text import plain

DEBUG = "SOCRATUNE_DEBUG"

app = typer.Typer(
    name="socratune",
    help="Improves a prompt by a Socratic dialogue between agents, and proves that the result is better.",
    epilog="A first run without a key: socratune demo",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001  # typer calls it with the flag
    if wanted:
        from socratune import __version__

        typer.echo(f"socratune {__version__}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_show_version)]


@app.callback()
def root(version: Version = False) -> None:  # noqa: FBT002  # an option
    """Improves a prompt by a Socratic dialogue between agents, and proves that the result is better."""


RUN, LOOK, START = "Runs", "Prompts", "Getting started"
for name, command, panel in (
    ("demo", trying.demo, START),
    ("init", files.init, START),
    ("doctor", trying.doctor, START),
    ("chat", chat.chat, START),
    ("estimate", optimize.estimate, RUN),
    ("optimize", optimize.optimize, RUN),
    ("batch", batch.batch, RUN),
    ("compare", comparing.compare, RUN),
    ("resume", optimize.resume, RUN),
    ("report", runs.report, RUN),
    ("mcp", serving.mcp, RUN),
    ("apply", files.apply, LOOK),
    ("export", files.export, LOOK),
    ("test", scoring.prove, LOOK),
    ("eval", scoring.score, LOOK),
    ("calibrate", scoring.calibrate, LOOK),
):
    app.command(name, rich_help_panel=panel)(spread(command))
app.add_typer(runs.app, name="runs", rich_help_panel=RUN)
app.add_typer(simulate.app, name="sim", rich_help_panel=START)


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run a command; ends by `SystemExit` with the command's code."""
    words = sys.argv[1:] if args is None else list(args)
    as_json = "--json" in words
    try:
        app(args=words, prog_name="socratune")
    except SystemExit as ended:
        if as_json and ended.code == 2:
            _print_error("failed", "usage", "the command is not understood; see stderr")
        raise
    except Exception as error:  # the last door: a line for the person, the traceback on demand
        raise SystemExit(_told(error, as_json=as_json)) from error
    raise SystemExit(0)


def _told(error: Exception, *, as_json: bool) -> int:
    """Say what ended a command, and return its exit code."""
    line = " ".join(plain(str(error)).split()).replace(f"{Path.cwd()}{os.sep}", "")
    status, code, said, between = meaning(error, line)
    # LangGraph notes the nodes that an error came through; a person has no use for them.
    notes = [plain(note) for note in getattr(error, "__notes__", ()) if not note.startswith("During task")]
    typer.echo(between.join((said, *notes)), err=True)
    if code == 1 and os.environ.get(DEBUG):
        traceback.print_exception(error)
    if as_json:
        _print_error(status, type(error).__name__, line, notes)
    return code


def meaning(error: Exception, line: str) -> tuple[str, int, str, str]:
    """Return status, exit code, the line to say, and what stands between it and its notes."""
    if isinstance(error, BadInput | RunOwned):
        return "failed", 2, line, "; "
    if isinstance(error, Paused):
        return "paused", 4, f"paused: {line}", "\n"
    if isinstance(error, Interrupted):
        return "interrupted", 130, "interrupted; everything that was paid for is kept", "\n"
    return "failed", 1, f"failed: {type(error).__name__}: {line}", "; "


def _print_error(status: str, kind: str, message: str, notes: Sequence[str] = ()) -> None:
    error = {"type": kind, "message": message, "notes": list(notes)}
    record = {"schema_version": 1, "status": status, "error": error}
    typer.echo(json.dumps(record))
