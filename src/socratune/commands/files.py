"""`init`, `apply` and `export`: the user's own files, at the beginning and at the end."""

# ruff: noqa: PLC0415  # what is heavy is imported by the command that needs it, so that --help answers at once

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from socratune.memory.errors import BadInput
from socratune.options import Manner, RunName

if TYPE_CHECKING:
    from socratune.graphs.result import Result
    from socratune.tools.task_files import LoadedTask

PromptFile = Annotated[Path, typer.Argument(metavar="PROMPT", help="A text file with the prompt.")]
RowsFile = Annotated[Path, typer.Argument(metavar="ROWS", help="Labelled rows: csv, tsv, jsonl, json or parquet.")]
Form = Annotated[Literal["text", "promptfoo", "langchain", "json"], typer.Option("--to", help="The form to write.")]
ExportFile = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="A new file; stdout without it.")]
Out = Annotated[Path, typer.Option(help="The task file to write.")]


def init(prompt: PromptFile, rows: RowsFile, out: Out = Path("task.yaml")) -> None:
    """Write a task file for a prompt and its rows, guessing columns and metric."""
    from socratune.text import plain
    from socratune.tools.guess import draft

    _check_new(out)
    text, notes = draft(prompt, rows, folder=out.parent)
    out.write_text(text, encoding="utf-8")
    typer.echo(f"Wrote {out}. What was guessed, for you to correct:")
    for note in notes:
        typer.echo(f"  {plain(note)}")
    unusable = _trouble_with_target(out)
    if unusable:
        typer.echo(f"Edit `target:` first, it cannot be used as it stands: {plain(unusable)}")
    typer.echo("Say in `goal:` what a good answer is and in `target:` which model runs the prompt. Then:")
    typer.echo(f"\n  socratune optimize {out}")


def _check_new(out: Path) -> None:
    if out.exists():
        raise BadInput("exists already", place=str(out), cure="pass --out with another name")
    if not out.parent.is_dir():
        raise BadInput("there is no such folder", place=str(out.parent), cure="make it first")


def _trouble_with_target(file: Path) -> str:
    """Return why the model that a task file names cannot be called from here; empty when it can."""
    from socratune.orders import resolve_model
    from socratune.tools.models import connect
    from socratune.tools.task_form import read_document

    target = read_document(file).form.target or ""
    try:
        connect(resolve_model(target, file.parent), examples=(), seed=0)
    except BadInput as error:
        return "; ".join(part for part in (error.problem, error.cure) if part)
    return ""


def apply(run: RunName, manner: Manner) -> None:
    """Write a run's new prompt back where the old one came from, when it is proven to be better."""
    from rich.console import Console
    from rich.text import Text

    from socratune.looks import proven
    from socratune.orders import SavedOrder
    from socratune.outcome import read_result
    from socratune.report import diff_lines
    from socratune.text import plain
    from socratune.tools.task_writer import apply as write_back

    folder = manner.place.run(run)
    result, saved = read_result(folder), SavedOrder.read(folder)
    if not proven(result, folder):
        typer.echo(f"Nothing is written: the run did not prove a better prompt. {plain(result.sentence)}", err=True)
        raise typer.Exit(3)
    loaded = saved.load()
    _check_untouched(loaded, result)
    console = Console(stderr=True, highlight=False)
    console.print(diff_lines(result.seed.prompt, result.best.prompt) or Text("nothing to change"))
    if not manner.yes:
        _agree()
    typer.echo(f"Wrote {write_back(loaded, result.best.prompt)}")


def export(run: RunName, to: Form, manner: Manner, out: ExportFile = None) -> None:
    """Write the prompt that a run stands for in the form of another tool."""
    from socratune.outcome import read_result
    from socratune.text import plain
    from socratune.tools.export import FORMS
    from socratune.tools.task_files import load_task

    if out is not None:
        _check_new(out)
    folder = manner.place.run(run)
    read_result(folder)
    loaded = load_task(folder.best)
    exported = FORMS[to](loaded.task, loaded.task.prompt, loaded.examples)
    if out is not None:
        out.write_text(exported.text, encoding="utf-8")
        typer.echo(f"Wrote {out}", err=True)
    if manner.json:
        record = {"schema_version": 1, "run": folder.id, "to": to, "text": exported.text, "not_kept": exported.lost}
        typer.echo(json.dumps(record))
    elif out is None:
        typer.echo(exported.text, nl=False)
    for line in exported.lost:
        typer.echo(f"not kept: {plain(line)}", err=True)


def _agree() -> None:
    try:
        agreed = typer.confirm("Write this into the file that your prompt came from?", err=True)
    except typer.Abort:
        raise BadInput("nobody answered", cure="pass --yes to write without being asked") from None
    if not agreed:
        raise typer.Exit(1)


def _check_untouched(loaded: LoadedTask, result: Result) -> None:
    """Raise `BadInput` when the prompt is neither the one that the run began with nor the one it would write."""
    if loaded.task.prompt not in (result.seed.prompt, result.best.prompt):
        raise BadInput(
            "the prompt has changed since the run; it would be overwritten",
            place=str(loaded.source.document.path),
            cure="take what you want from best.yaml in the run's folder, or put the old prompt back first",
        )
