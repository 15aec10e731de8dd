"""`sim serve`: a world as a provider on this machine, for trying out clients, limits and faults without a key."""

# ruff: noqa: PLC0415  # what is heavy is imported by the command that needs it, so that --help answers at once

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from socratune.options import spread

if TYPE_CHECKING:
    from socratune.memory.records import Example
    from socratune.tools.simulator.wire import Manners
    from socratune.tools.simulator.world import World

app = typer.Typer(help="Simulated models as a server that speaks the wire protocols.", no_args_is_help=True)

WorldName = Annotated[str, typer.Argument(metavar="WORLD", help="A world that comes with Socratune, or a YAML file.")]
Port = Annotated[int, typer.Option(min=1, max=65_535, help="Where to listen, on 127.0.0.1.")]
Rows = Annotated[Path | None, typer.Option("--data", help="The rows; a built-in world brings its own.")]


@dataclass(frozen=True, kw_only=True)
class Conduct:
    """How the server behaves."""

    latency: Annotated[float, typer.Option(min=0, help="Seconds before an answer.")] = 0.0
    faults: Annotated[
        list[str] | None,
        typer.Option("--fault", metavar="NAME=SHARE", help="A fault, and the share of requests that it meets."),
    ] = None
    log: Annotated[Path | None, typer.Option(help="Where to note each request and each completed answer.")] = None
    seed: Annotated[int, typer.Option(help="What all chance follows.")] = 0

    @property
    def manners(self) -> Manners:
        """The server's words for it."""
        from socratune.tools.simulator.faults import Faults
        from socratune.tools.simulator.wire import Manners

        return Manners(latency=self.latency, faults=Faults.read(self.faults or ()), log=self.log, seed=self.seed)


@app.callback()
def sim() -> None:
    """Simulated models as a server that speaks the wire protocols."""


def serve(world: WorldName, conduct: Conduct, port: Port = 8123, data: Rows = None) -> None:
    """Answer as openai:WORLD@http://127.0.0.1:PORT/v1 and anthropic:WORLD@http://127.0.0.1:PORT until Ctrl-C."""
    from socratune.tools.simulator.server import serve as run
    from socratune.tools.simulator.world import load_world

    found = load_world(world)
    manners = conduct.manners
    rows = _examples(found, data)
    name = Path(world).stem
    typer.echo(f"openai:{name}@http://127.0.0.1:{port}/v1    anthropic:{name}@http://127.0.0.1:{port}", err=True)
    typer.echo("simulated; as an optimizer add :strong or :weak to the name. Ctrl-C ends it.", err=True)
    run(found, port, rows, manners)


app.command("serve")(spread(serve))


def _examples(world: World, data: Path | None) -> tuple[Example, ...]:
    from socratune.tools.simulator.own_rows import own_rows, rows_at

    return own_rows(world) if data is None else rows_at(data, world)
