"""Whoever pays is asked before the first call, and told which texts go where."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

import typer

from socratune.memory.errors import BadInput
from socratune.options import Manner
from socratune.text import plain
from socratune.tools.model_spec import is_application
from socratune.tools.models import host_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What a model is sent."""

    model: str
    """Its specification."""
    role: str
    """What it does: `runs the prompt`."""
    texts: str

    @property
    def simulated(self) -> bool:
        """Whether it goes to no real model."""
        return self.model.startswith("sim:")

    def __str__(self) -> str:
        if self.simulated:
            return f"{self.model} {self.role}; simulated, so no text leaves this machine"
        if is_application(self.model):
            return f"{self.model} {self.role}; {self.texts} go to your application, which does with them what it does"
        host = host_of(self.model) or "this machine"
        # A server here may be a gateway, which hands on what it is sent.
        further = "; where that server sends it is not known here" if _is_here(host) else ""
        return f"{self.model} {self.role}; {host} is sent {self.texts}{further}"


def _is_here(place: str) -> bool:
    """Say whether a host, with or without a port, is this machine."""
    host = urlsplit(f"//{place}").hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def needs_consent(sendings: Iterable[Sending], manner: Manner) -> bool:
    """Say whether a person is asked: whenever a model is not simulated, for who knows what it costs."""
    return not manner.yes and not all(sending.simulated for sending in sendings)


def need_somebody(sendings: Iterable[Sending], manner: Manner) -> None:
    """Raise `BadInput` when real models would be called and nobody can be asked."""
    if needs_consent(sendings, manner) and not sys.stdin.isatty():
        problem = "real models are called, which may cost money, and nobody is here to be asked"
        raise BadInput(problem, cure="pass --yes")


def agree(sendings: Sequence[Sending], manner: Manner, *, told: Sequence[str] = ()) -> None:
    """Ask before real models are called; `told` is said first, line by line.

    Raises `BadInput` when nobody can be asked, and ends the command when the answer is no.
    """
    if not needs_consent(sendings, manner):
        return
    for line in told:
        typer.echo(plain(line), err=True)
    need_somebody(sendings, manner)
    if not typer.confirm("Start?", err=True):
        typer.echo("Nothing was called.", err=True)
        raise typer.Exit(1)


def confirm(question: str, *, cure: str, no: str) -> None:
    """Ask. Raises `BadInput` with the cure when nobody answers; when the answer is no, says so and ends the command."""
    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort:
        raise BadInput("nobody answered", cure=cure) from None
    if not agreed:
        typer.echo(no, err=True)
        raise typer.Exit(1)
