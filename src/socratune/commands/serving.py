"""`mcp`: the runs of this folder for other programs."""

# ruff: noqa: PLC0415  # what is heavy is imported by the command that needs it, so that --help answers at once

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from socratune.memory.errors import BadInput
from socratune.options import HOME, HOME_VARIABLE

MaxUsd = Annotated[float | None, typer.Option(min=0, help="Allow models that cost money, up to this in each run.")]
HomeFolder = Annotated[Path, typer.Option("--home", envvar=HOME_VARIABLE, help="Folder of runs and memory.")]


def mcp(home: HomeFolder = HOME, max_usd: MaxUsd = None) -> None:
    """Serve other programs over MCP on stdin and stdout; task files come from the folder it is started in."""
    import stamina.instrumentation

    from socratune.background import Background
    from socratune.memory.runs import Home

    try:
        from socratune.mcp_server import server_for
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] != "mcp":
            raise
        raise BadInput("the package mcp is not installed", cure="pip install 'socratune[mcp]'") from error
    stamina.instrumentation.set_on_retry_hooks(())
    place = Home(path=Path(os.path.abspath(home)))
    server_for(Background(place, folder=Path.cwd(), max_usd=max_usd)).run("stdio")
