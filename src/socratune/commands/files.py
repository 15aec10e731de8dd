"""`init`, `apply` and `export`: the user's own files, at the beginning and at the end."""

# ruff: noqa: PLC0415  # what is heavy is imported by the command that needs it, so that --help answers at once

from __future__ import annotations

import contextlib
import json
import os
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
OTHER_TARGET = "anthropic:claude-haiku-4-5"
KEYLESS = (
    "A server of your own needs none, `openai:NAME@http://127.0.0.1:11434/v1` for one; "
    "your own application, too, `python:app.py:FUNCTION`; `socratune demo` shows a run without any model."
)
Form = Annotated[Literal["text", "promptfoo", "langchain", "json"], typer.Option("--to", help="The form to write.")]
ExportFile = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="A new file; stdout without it.")]
Out = Annotated[Path, typer.Option(help="The task file to write.")]


def init(prompt: PromptFile, rows: RowsFile, out: Out = Path("task.yaml")) -> None:
    """Write a task file for a prompt and its rows, guessing columns and metric."""
    from socratune.text import plain
    from socratune.tools.guess import TARGET, draft

    _check_new(out)
    target = _usable_target()
    text, notes = draft(prompt, rows, folder=out.parent, target=target or TARGET)
    out.write_text(text, encoding="utf-8")
    typer.echo(f"Wrote {out}. What was guessed, for you to correct:")
    for note in notes:
        typer.echo(f"  {plain(note)}")
    if target is None:
        typer.echo(f"Edit `target:` first: no key is set for {TARGET}. {KEYLESS}")
    typer.echo("Say in `goal:` what a good answer is and in `target:` which model runs the prompt. Then:")
    typer.echo(f"\n  socratune estimate {out}\n  socratune optimize {out}")


def _check_new(out: Path) -> None:
    if out.exists():
        raise BadInput("exists already", place=str(out), cure="pass --out with another name")
    if not out.parent.is_dir():
        raise BadInput("there is no such folder", place=str(out.parent), cure="make it first")


def _usable_target() -> str | None:
    """Return a model that can be called from here, the configured one first; None when there is none."""
    from socratune.configuration import Configuration
    from socratune.memory.runs import Home
    from socratune.options import home_folder
    from socratune.tools.guess import TARGET
    from socratune.tools.models import check_model

    default = Configuration.read(Home(path=Path(os.path.abspath(home_folder())))).defaults.target
    for spec in (default, TARGET, OTHER_TARGET):
        if spec is not None:
            with contextlib.suppress(BadInput):
                check_model(spec)
                return spec
    return None


def apply(run: RunName, manner: Manner) -> None:
    """Write a run's new prompt back where the old one came from, when it is proven to be better."""
    from socratune.consent import IDLE
    from socratune.looks import proven
    from socratune.orders import SavedOrder
    from socratune.outcome import read_result, short
    from socratune.text import plain
    from socratune.tools.task_writer import apply as write_back
    from socratune.tools.task_writer import file_to_change

    folder = manner.place.run(run)
    result, saved = read_result(folder), SavedOrder.read(folder)
    if not proven(result, folder):
        typer.echo(f"Nothing is written: the run did not prove a better prompt. {plain(result.sentence)}", err=True)
        _tell_applied(folder.name, None, written=False, manner=manner)
        raise typer.Exit(3)
    loaded = saved.load(IDLE, keyless=True)
    _check_untouched(loaded, result)
    file = file_to_change(loaded, result.best.prompt)
    new = loaded.task.prompt != result.best.prompt
    if new:
        _agree_to_write(result, short(file), manner)
        write_back(loaded, result.best.prompt)
    _tell_applied(folder.name, short(file), written=new, manner=manner)


def _agree_to_write(result: Result, file: str, manner: Manner) -> None:
    """Show what changes, and ask."""
    from socratune.agreement import confirm
    from socratune.printing import printed
    from socratune.report import diff_lines
    from socratune.text import plain

    if (diff := diff_lines(result.seed.prompt, result.best.prompt)) is not None and not manner.quiet:
        printed(diff, stderr=True)
    if not manner.yes:
        confirm(
            f"Write this into {plain(file)}?", cure="pass --yes to write without being asked", no="Nothing is written."
        )


def _tell_applied(run: str, file: str | None, *, written: bool, manner: Manner) -> None:
    from socratune.text import plain

    if manner.json:
        typer.echo(json.dumps({"schema_version": 1, "run": run, "file": file, "written": written}))
    elif file is not None:
        typer.echo(f"Wrote {plain(file)}" if written else f"{plain(file)} has this prompt already; nothing is written.")


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
        record = {"schema_version": 1, "run": folder.name, "to": to, "text": exported.text, "not_kept": exported.lost}
        typer.echo(json.dumps(record))
    elif out is None:
        typer.echo(exported.text, nl=False)
    for line in exported.lost:
        typer.echo(f"not kept: {plain(line)}", err=True)


def _check_untouched(loaded: LoadedTask, result: Result) -> None:
    """Raise `BadInput` when the prompt is neither the one that the run began with nor the one it would write."""
    if loaded.task.prompt not in (result.seed.prompt, result.best.prompt):
        raise BadInput(
            "the prompt has changed since the run; it would be overwritten",
            place=str(loaded.source.document.path),
            cure="take what you want from best.yaml in the run's folder, or put the old prompt back first",
        )
