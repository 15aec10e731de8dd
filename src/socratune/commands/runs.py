"""`runs` and `report`: what there is, what happened in one of them, and what may go."""

# ruff: noqa: PLC0415  # what is heavy is imported by the command that needs it, so that --help answers at once

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from socratune.memory.errors import BadInput
from socratune.options import Manner, RunName, RunNames, home_folder, spread

if TYPE_CHECKING:
    from socratune.listing import Entry

Age = Annotated[str, typer.Option("--older-than", metavar="AGE", help="30d, 12h or 4w.")]


def runs(context: typer.Context, manner: Manner) -> None:
    """List the runs and the compares, newest first, with the command that goes on with an unfinished one."""
    from rich.console import Console

    from socratune.listing import compares, entries, table, table_of_compares
    from socratune.printing import printed

    if context.invoked_subcommand is not None:
        if manner != Manner(home=home_folder()):
            # The command below has options of its own: what is said here would not reach it.
            raise BadInput("options stand too early", cure=f"write them after `{context.invoked_subcommand}`")
        return

    found, compared = entries(manner.place), compares(manner.place)
    if manner.json:
        lists = {"runs": [each.as_dict() for each in found], "compares": [each.as_dict() for each in compared]}
        typer.echo(json.dumps({"schema_version": 1, **lists}))
        return
    if not found and not compared:
        typer.echo(f"There are no runs in {manner.home} yet. `socratune demo` makes one without a key.")
        return
    if found:
        printed(table(found, manner, width=Console().width))
    if found and compared:
        typer.echo()
    if compared:
        printed(table_of_compares(compared, manner))


def rm(names: RunNames, manner: Manner) -> None:
    """Remove runs. What they taught stays, and the rows that they tested stay sealed."""
    from socratune.tidying import named

    _remove(named(manner.place, names), (), manner)


def prune(older_than: Age, manner: Manner) -> None:
    """Remove finished runs by their age; unfinished ones are listed and kept."""
    from socratune.tidying import outdated

    gone, kept = outdated(manner.place, older_than)
    _remove(gone, kept, manner)


def _remove(gone: Sequence[Entry], kept: Sequence[Entry], manner: Manner) -> None:
    """Show, ask and remove."""
    from socratune.agreement import confirm
    from socratune.tidying import KEPT, remove

    for entry in gone:
        typer.echo(f"  {_described(entry)}", err=True)
    for entry in kept:
        typer.echo(f"  kept: {_described(entry)}; `{manner.command('runs', 'rm', entry.run)}` removes it", err=True)
    if gone and not manner.yes:
        confirm(
            f"Remove {len(gone)} run{'' if len(gone) == 1 else 's'}? {KEPT}",
            cure="pass --yes",
            no="Nothing is removed.",
        )
    remove(manner.place, gone)
    if manner.json:
        record = {"removed": [each.run for each in gone], "kept": [each.run for each in kept]}
        typer.echo(json.dumps({"schema_version": 1, **record}))
    else:
        typer.echo(f"Removed {len(gone)}. {KEPT}" if gone else "There is nothing to remove.")


def _described(entry: Entry) -> str:
    from socratune.listing import age

    return f"{entry.run} ({entry.status}, {age(entry.age)} old)"


app = typer.Typer(help="The runs, and removing them.", invoke_without_command=True)
app.callback()(spread(runs))
app.command("rm")(spread(rm))
app.command("prune")(spread(prune))


def report(run: RunName, manner: Manner) -> None:
    """Print a run's report: the verdict, the change, and the whole dialogue."""
    from rich.console import Console
    from rich.markdown import Markdown

    from socratune.failing import scored_report
    from socratune.markdown import markdown
    from socratune.outcome import read_result, read_scores, replace_text
    from socratune.standing import opened

    folder = manner.place.run(run)
    if folder.scoring.exists():
        record = read_scores(folder)
        text = scored_report(record)
    else:
        result = read_result(folder)
        record = result.as_dict()
        with opened(folder) as ledger:
            text = markdown(result, ledger)
    replace_text(folder.report, text)
    if manner.json:
        typer.echo(json.dumps({**record, "report": text}))
        return
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(Markdown(text, hyperlinks=False))
    else:
        typer.echo(text, nl=False)
