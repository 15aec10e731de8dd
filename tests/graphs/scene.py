"""Whole runs in simulated worlds: what the proofs are made of."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from socratune.evals.laid_out import order_of
from socratune.graphs.engine import Order, Watch, optimize
from socratune.graphs.result import Result
from socratune.memory.errors import Interrupted
from socratune.memory.ledger import Ledger
from socratune.memory.records import Budget, ExampleId, Message, Role
from socratune.memory.runs import Home, RunFolder
from socratune.tools.caller import Caller
from socratune.tools.models import LanguageModel, Reply, Request
from socratune.tools.price import Price
from socratune.tools.sections import MARK
from socratune.tools.simulator.call_log import CallLog, append_log
from socratune.tools.simulator.optimizer import SimulatedOptimizer
from socratune.tools.simulator.target import SimulatedTarget
from socratune.tools.simulator.world import load_world

FOUR_HUNDRED = Budget(rollouts=400)
UNWATCHED = Watch()
_OPENING_MARK = re.compile(r"^<<<\w+ ([0-9a-f]{16})$", re.MULTILINE)


def order(
    world: str = "ticket-routing",
    *,
    seed: int = 0,
    budget: Budget = FOUR_HUNDRED,
    memory: bool = False,
    concurrency: int = 8,
) -> Order:
    """A run of a builtin world with a strong optimizer."""
    made = order_of(world, strength="strong", seed=seed, budget=budget)
    return replace(made, settings=replace(made.settings, memory=memory, concurrency=concurrency))


def models(order: Order, *, log: Path | None = None) -> dict[Role, LanguageModel]:
    """The simulated models that an order names; `log` is where they keep their own records of what they answered."""
    world = load_world(order.task.target.removeprefix("sim:"))
    names: dict[Role, str] = {"target": order.task.target, "optimizer": order.task.optimizer}
    logs = {role: _canonical_log(log, name) if log else None for role, name in names.items()}
    seed = order.settings.seed
    return {
        "target": SimulatedTarget(world=world, examples=order.examples, seed=seed, log=logs["target"]),
        "optimizer": SimulatedOptimizer(world=world, strength="strong", seed=seed, log=logs["optimizer"]),
    }


def _canonical_log(path: Path, name: str) -> CallLog:
    """Log a request under the key that the ledger has for it: without the marks that are the run's secret."""
    append = append_log(path, model=name)
    return lambda request, reply: append(canonical(request), reply)


def canonical(request: Request) -> Request:
    """A request as it was before the caller put its marks in."""
    marks = {mark for message in request.messages for mark in _OPENING_MARK.findall(message.content)}
    return replace(request, messages=tuple(_unmarked(message, marks) for message in request.messages))


def _unmarked(message: Message, marks: set[str]) -> Message:
    content = message.content
    for mark in marks:
        content = content.replace(mark, MARK)
    return replace(message, content=content)


def logged(path: Path) -> list[dict[str, Any]]:
    """What the provider's own records hold, in order; a process that was killed may have left half a line."""
    written = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in written.split("\n")[:-1]]


def keys(path: Path) -> list[str]:
    """The calls that the provider answered, in order."""
    return [entry["key"] for entry in logged(path)]


def home_at(path: Path, *, salt: str = "salt") -> Home:
    """A home whose splits are known."""
    home = Home(path=path)
    home.prepare()
    (path / "salt").write_text(salt)
    return home


def folder_in(home: Home, name: str = "proof") -> RunFolder:
    """The folder of a run with a name that is always the same."""
    folder = RunFolder(path=home.path / "runs" / name)
    folder.path.mkdir(exist_ok=True)
    return folder


def carry_out(order: Order, home: Home, watch: Watch = UNWATCHED, *, name: str = "proof") -> Result:
    """Run an order, or go on with it."""
    return asyncio.run(optimize(order, folder_in(home, name), home, watch))


def record(result: Result) -> dict[str, Any]:
    """The final record, less what may differ between an undisturbed run and a resumed one."""
    found = result.as_dict()
    del found["lost_usd"], found["calls"]["cached"]
    return found


@contextmanager
def ledger_of(home: Home, name: str = "proof") -> Iterator[Ledger]:
    """The ledger that a run left."""
    ledger = Ledger.open(folder_in(home, name).ledger, name)
    try:
        yield ledger
    finally:
        ledger.close()


@dataclass(slots=True, kw_only=True)
class Overheard:
    """A model whose requests are kept, and which may be made to answer otherwise."""

    model: LanguageModel
    before: Callable[[Request], None] = lambda _: None
    """Called with each request; raises what the provider would."""
    answer: Callable[[Request, str], str] = lambda _, said: said
    """What it says, given what it would have said."""
    requests: list[Request] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def price(self) -> Price | None:
        return self.model.price

    async def complete(self, request: Request) -> Reply:
        self.requests.append(request)
        self.before(request)
        reply = await self.model.complete(request)
        return replace(reply, text=self.answer(request, reply.text))


def overheard(order: Order, **hooks: Any) -> dict[Role, Overheard]:
    """The simulated models of an order, all of them overheard in the same way."""
    return {role: Overheard(model=model, **hooks) for role, model in models(order).items()}


def stopped_at(number: int, order: Order, home: Home, log: Path) -> None:
    """Carry an order out up to its `number`th call, and stop it there as Ctrl-C does."""
    callers: list[Caller] = []
    asked: list[Request] = []

    def count(request: Request) -> None:
        asked.append(request)
        if len(asked) == number:
            callers[0].purse.stop()

    heard = {role: Overheard(model=model, before=count) for role, model in models(order, log=log).items()}
    with pytest.raises(Interrupted):
        carry_out(replace(order, models=heard), home, Watch(started=callers.append))


def text_of(request: Request) -> str:
    """All that a request says."""
    return "\n".join(message.content for message in request.messages)


def split_of(home: Home, name: str = "proof") -> Mapping[str, Sequence[ExampleId]]:
    """The rows that a run searched with and tested on, as its settings have them."""
    with ledger_of(home, name) as ledger:
        rows: Mapping[str, Sequence[ExampleId]] = ledger.settings()["rows"]
    return rows
