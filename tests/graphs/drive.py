"""A process of its own that carries out one run, to be killed.

Says `ready` when the run begins, and prints the final record when it gets that far. The models answer with a delay
after they have written their records: what is killed meanwhile was billed and not received. Asked to, it kills itself
as soon as an event of one kind is on disk.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from tests.graphs.scene import carry_out, models, order, record

from socratune.graphs.engine import Watch
from socratune.memory.ledger import Event
from socratune.memory.runs import Home
from socratune.tools.models import LanguageModel, Reply, Request
from socratune.tools.price import Price

LATENCY = 0.005
"""Seconds that an answer is on its way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distant:
    """A model whose answers take their time to arrive."""

    model: LanguageModel

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def price(self) -> Price | None:
        return self.model.price

    async def complete(self, request: Request) -> Reply:
        reply = await self.model.complete(request)
        await asyncio.sleep(LATENCY)
        return reply


def main(home: Path, log: Path, last_event: str) -> None:
    """Carry out the run at `home`, or go on with it."""

    def listen(event: Event) -> None:
        if event.kind == last_event:
            os.kill(os.getpid(), signal.SIGKILL)

    made = order(memory=True)
    distant = {role: Distant(model=model) for role, model in models(made, log=log).items()}
    print("ready", flush=True)  # noqa: T201  # the parent waits for it
    result = carry_out(replace(made, models=distant), Home(path=home), Watch(listeners=(listen,)))
    print(json.dumps(record(result)))  # noqa: T201  # read by the parent


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
