"""One run of one recipe on one world, measured by the world's exact expected accuracy."""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from socratune.evals.laid_out import order_of
from socratune.evals.worlds import world_hash
from socratune.graphs.engine import Order, optimize
from socratune.graphs.recipes import recipe_named
from socratune.graphs.result import Result
from socratune.memory.errors import BadInput
from socratune.memory.ledger import Ledger
from socratune.memory.records import Budget, CandidateId, Prompt, Role, digest
from socratune.memory.runs import Home, RunFolder
from socratune.tools.simulator.world import load_world
from socratune.tools.splits import split, test_rows
from socratune.tools.template import length

NEAR = 0.9
"""Share of the ideal's accuracy that counts as having got there."""
REFUSED = "refused"
"""Status of a recipe that cannot work on a world."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is run: everything that its outcome depends on but the rest of the code."""

    recipe: str
    recipe_hash: str
    world: str
    world_hash: str
    strength: str
    seed: int
    calls: int
    """Target calls of the search; the final test comes on top."""

    @classmethod
    def of(cls, recipe: str, world: str, *, strength: str, seed: int, calls: int) -> Trial:
        """Return a trial of the recipe and the world as they are now."""
        value = re.sub(r" at 0x[0-9a-f]+", "", repr(recipe_named(recipe)))
        return cls(
            recipe=recipe,
            recipe_hash=digest([value]),
            world=world,
            world_hash=world_hash(world),
            strength=strength,
            seed=seed,
            calls=calls,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a trial. Accuracies are exact expectations over all rows of the world, in [0, 1]."""

    trial: Trial
    status: str
    stop: str
    """Why the search ended, or why the recipe was refused."""
    seed: float = 0.0
    best: float = 0.0
    """The finalist: what the run hands to its final test."""
    returned: float = 0.0
    """The prompt that the user gets."""
    ideal: float = 1.0
    search_calls: int = 0
    """Target calls but for the final test."""
    reached: int | None = None
    """Search calls that were spent when the leader first had 90 % of the ideal's accuracy; None when it never had."""
    optimizer_calls: int = 0
    judge_calls: int = 0
    usd: float = 0.0
    prompt_tokens: int = 0
    seconds: float = 0.0


def run(trial: Trial) -> Outcome:
    """Run a trial in a home of its own, whose salt is the seed: each seed has its own splits.

    Nothing in that home needs to outlive the run, so nothing waits for the disk.
    """
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        home = Home(path=Path(folder), durable=False)
        home.prepare()
        (home.path / "salt").write_text(f"evals {trial.seed}\n")
        try:
            order = _order(trial, salt=home.salt())
            place = home.new_run(trial.world)
            result = asyncio.run(optimize(order, place, home))
        except BadInput as error:
            return Outcome(trial=trial, status=REFUSED, stop=str(error))
        return _measured(trial, order, result, place, seconds=time.perf_counter() - began)


def _order(trial: Trial, *, salt: str) -> Order:
    order = order_of(trial.world, strength=trial.strength, seed=trial.seed, budget=Budget(), recipe=trial.recipe)
    available = len(split(order.examples, salt=salt).test)
    budget = Budget(rollouts=with_test(trial.calls, available))
    return replace(order, task=replace(order.task, budget=budget))


def with_test(calls: int, available: int) -> int:
    """Return the least cap on rollouts that leaves `calls` for the search beside a test on at most `available` rows."""
    cap = calls
    while cap - 2 * test_rows(available, cap) < calls:
        cap = calls + 2 * test_rows(available, cap)
    return cap


def _measured(trial: Trial, order: Order, result: Result, place: RunFolder, *, seconds: float) -> Outcome:
    world = load_world(trial.world)

    def accuracy(prompt: Prompt) -> float:
        return world.expected_accuracy(prompt, order.examples)

    def asked(role: Role) -> int:
        return result.spent[role].calls if role in result.spent else 0

    best, ideal = accuracy(result.best.prompt), accuracy(world.ideal)
    search_calls = asked("target") - (2 * result.verdict.n if result.verdict else 0)
    reached = _reached(place, lambda prompt: accuracy(prompt) >= NEAR * ideal)
    if reached is None and best >= NEAR * ideal:
        reached = search_calls  # it came to the front only when the finalist was chosen
    return Outcome(
        trial=trial,
        status=result.status,
        stop=result.stop_reason,
        seed=accuracy(result.seed.prompt),
        best=best,
        returned=accuracy(result.prompt),
        ideal=ideal,
        search_calls=search_calls,
        reached=reached,
        optimizer_calls=asked("optimizer"),
        judge_calls=asked("judge"),
        usd=result.usd,
        prompt_tokens=length(result.best.prompt, order.task.variables),
        seconds=seconds,
    )


def _reached(place: RunFolder, is_near: Callable[[Prompt], bool]) -> int | None:
    with closing(Ledger.open(place.ledger, place.id, durable=False)) as ledger:
        led = [(CandidateId(ledger.settings()["root"]), 0)]
        led += [(CandidateId(event.body["leader"]), calls) for event, calls in ledger.searched_before("leader")]
        return next((calls for leader, calls in led if is_near(ledger.candidate(leader).prompt)), None)
