"""`runs` and `report`: what there is, and what happened in one of them."""

# ruff: noqa: PLC0415  # what is heavy is imported by the command that needs it, so that --help answers at once

from __future__ import annotations

import json

import typer

from socratune.options import Manner, RunName


def runs(manner: Manner) -> None:
    """List the runs, newest first, with the command that goes on with an unfinished one."""
    from rich.console import Console

    from socratune.listing import entries, table

    found = entries(manner.place)
    if manner.json:
        typer.echo(json.dumps({"schema_version": 1, "runs": [entry.as_dict() for entry in found]}))
        return
    if not found:
        typer.echo(f"There are no runs in {manner.home} yet. `socratune demo` makes one without a key.")
        return
    console = Console(highlight=False)
    console.print(table(found, manner, width=console.width))


def report(run: RunName, manner: Manner) -> None:
    """Print a run's report: the verdict, the change, and the whole dialogue."""
    from rich.console import Console
    from rich.markdown import Markdown

    from socratune.markdown import markdown
    from socratune.outcome import read_result, replace_text
    from socratune.standing import opened

    folder = manner.place.run(run)
    result = read_result(folder)
    with opened(folder) as ledger:
        text = markdown(result, ledger)
    replace_text(folder.report, text)
    if manner.json:
        typer.echo(json.dumps({**result.as_dict(), "report": text}))
        return
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(Markdown(text, hyperlinks=False))
    else:
        typer.echo(text, nl=False)
