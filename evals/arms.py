"""One run of one arm on one world, measured by the world's exact expected accuracy."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from socratune.evals.control import rewrite_and_keep
from socratune.evals.laid_out import order_of
from socratune.graphs.engine import Order, optimize, prepared
from socratune.memory.records import Budget, Prompt
from socratune.memory.runs import Home, RunFolder
from socratune.tools.simulator.world import load_world

Arm = Literal["socratune", "control"]
ARMS: tuple[Arm, ...] = ("socratune", "control")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is run: everything that its outcome depends on."""

    arm: Arm
    world: str
    strength: str
    seed: int
    rollouts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a trial. Accuracies are exact expectations over all rows of the world, in [0, 1]."""

    trial: Trial
    seed: float
    best: float
    """The best candidate: what the arm would hand to a final test."""
    returned: float
    """The prompt that the user gets; the control tests nothing and returns its best."""
    ideal: float
    status: str
    search_calls: int
    """Target calls but for the final test."""
    optimizer_calls: int
    usd: float


def run(trial: Trial) -> Outcome:
    """Run a trial in a home of its own, whose salt is the seed: each seed has its own splits."""
    order = order_of(trial.world, strength=trial.strength, seed=trial.seed, budget=Budget(rollouts=trial.rollouts))
    with tempfile.TemporaryDirectory() as folder:
        home = Home(path=Path(folder))
        home.prepare()
        (home.path / "salt").write_text(f"evals {trial.seed}\n")
        measure = _optimized if trial.arm == "socratune" else _controlled
        return asyncio.run(measure(trial, order, home.new_run(trial.world), home))


async def _optimized(trial: Trial, order: Order, folder: RunFolder, home: Home) -> Outcome:
    result = await optimize(order, folder, home)
    tested = 2 * result.verdict.n if result.verdict else 0
    accuracy = _measure(trial, order)
    return Outcome(
        trial=trial,
        seed=accuracy(result.seed.prompt),
        best=accuracy(result.best.prompt),
        returned=accuracy(result.prompt),
        ideal=accuracy(load_world(trial.world).ideal),
        status=result.status,
        search_calls=result.spent["target"].rollouts - tested,
        optimizer_calls=result.spent["optimizer"].calls if "optimizer" in result.spent else 0,
        usd=result.usd,
    )


async def _controlled(trial: Trial, order: Order, folder: RunFolder, home: Home) -> Outcome:
    async with prepared(order, folder, home) as deps:
        best = await rewrite_and_keep(deps.search, seed=trial.seed)
        spent = deps.search.ledger.spent()
    accuracy = _measure(trial, order)
    return Outcome(
        trial=trial,
        seed=accuracy(order.task.prompt),
        best=accuracy(best.prompt),
        returned=accuracy(best.prompt),
        ideal=accuracy(load_world(trial.world).ideal),
        status="not tested",
        search_calls=spent["target"].rollouts,
        optimizer_calls=spent["optimizer"].calls if "optimizer" in spent else 0,
        usd=sum(each.usd for each in spent.values()),
    )


def _measure(trial: Trial, order: Order) -> Callable[[Prompt], float]:
    world = load_world(trial.world)
    return lambda prompt: world.expected_accuracy(prompt, order.examples)
