"""Scoring prompts on given rows without a search: what `eval` and `test` share."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from socratune.agents.evaluator import Evaluator
from socratune.agents.scorers import Original, scorer_of
from socratune.graphs.engine import Order, Settings
from socratune.memory.errors import BudgetExhausted
from socratune.memory.ledger import Ledger, Spent
from socratune.memory.records import Budget, Candidate, Example, ExampleId, Prompt, Role, Rollout, Task
from socratune.orders import check_unchanged
from socratune.tools.caller import Caller, Line
from socratune.tools.models import connect_role
from socratune.tools.purse import Purse

BLOCK = 20
"""Rows that one side is scored on before the other side's same rows."""
Z = 1.645
"""Of a 90 % interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """A prompt, where it is run and where its answers are kept."""

    name: str
    task: Task
    prompt: Prompt
    examples: tuple[Example, ...]
    ledger: Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What came of one side."""

    rollouts: Mapping[ExampleId, Rollout]
    """Of the rows that were run."""

    @property
    def rewards(self) -> dict[ExampleId, float]:
        """The rewards that there are, by row."""
        return {row: each.reward for row, each in self.rollouts.items() if each.reward is not None}

    @property
    def mean(self) -> float | None:
        """None when no row has a reward."""
        return math.fsum(self.rewards.values()) / len(self.rewards) if self.rewards else None

    @property
    def unread(self) -> int:
        """Answers out of which nothing could be read; each has a reward of 0."""
        return sum(each.reward is not None and not each.parsed for each in self.rollouts.values())

    @property
    def agreement(self) -> tuple[int, int]:
        """How many pairs a judge saw alike in both orders, and how many not."""
        said = [each.agreed for each in self.rollouts.values()]
        return said.count(True), said.count(False)

    @property
    def failed(self) -> int:
        """Rows without an answer; they have no reward."""
        return sum(each.reward is None for each in self.rollouts.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Sides that are scored on the same rows under one budget; a pairwise judge holds all against the first."""

    sides: tuple[Contestant, ...]
    evaluators: tuple[Evaluator, ...]
    callers: tuple[Caller, ...]
    purse: Purse

    async def score(self, *, told: Callable[[int], None] = lambda _: None) -> tuple[list[Scored], str]:
        """Score all sides block by block; also returns the cap that cut it short, or nothing."""
        done: list[dict[ExampleId, Rollout]] = [{} for _ in self.sides]
        cut = ""
        try:
            for start in range(0, len(self.sides[0].examples), BLOCK):
                for side, evaluator, known in zip(self.sides, self.evaluators, done, strict=True):
                    block = side.examples[start : start + BLOCK]
                    new = await evaluator.score(Candidate(prompt=side.prompt), block, phase="test")
                    known |= {each.example_id: each for each in new}
                told(len(done[0]))
        except BudgetExhausted as error:
            cut = error.cap
        finally:
            for caller in self.callers:
                await caller.drain()
        return [Scored(rollouts=known | _kept(side)) for side, known in zip(self.sides, done, strict=True)], cut

    @property
    def spent(self) -> Spent:
        """By all sides."""
        return self.purse.spent


def _kept(side: Contestant) -> dict[ExampleId, Rollout]:
    """Return the rollouts that the ledger has: those of a block that was cut short, too."""
    known = side.ledger.rollouts(side.prompt.id)
    return {row.id: known[row.id] for row in side.examples if row.id in known}


@contextmanager
def scores_kept(file: Path, run: str, order: Order) -> Iterator[Ledger]:
    """Open a ledger for scoring an order's rows.

    Raises `BadInput` when it was begun with another task or other rows: the ledger knows a row by its id alone.
    """
    ledger = Ledger.open(file, run)
    try:
        check_unchanged(order, ledger, command="eval")
        code = [asdict(each) for each in order.task.code]
        ledger.begin_run({"fingerprint": order.fingerprint, "task": {"code": code}})
        ledger.take_over()
        yield ledger
    finally:
        ledger.close()


def purse_of(ledgers: Iterable[Ledger], budget: Budget) -> Purse:
    """Return a purse that has paid for all in these ledgers, calls in flight when a process was killed included."""
    known = list(dict.fromkeys(ledgers))
    lost_usd = sum(each.usd for ledger in known for each in ledger.spent(state="sent").values())
    spent = Spent.total(each for ledger in known for each in ledger.spent().values())
    worked = max((ledger.minutes_worked() for ledger in known), default=0.0)  # they were worked on together
    return Purse(budget, held={}, spent=spent, lost_usd=lost_usd, minutes_worked=worked)


def bench(sides: Sequence[Contestant], budget: Budget, *, settings: Settings) -> Bench:
    """Return a bench for these sides; what their ledgers have spent counts against the budget."""
    purse = purse_of((side.ledger for side in sides), budget)
    callers = tuple(_caller(side, purse, settings) for side in sides)
    lines = [
        Line(caller=caller, role="target", max_tokens=side.task.max_output_tokens)
        for side, caller in zip(sides, callers, strict=True)
    ]
    # The first side is what the others are held against, on its own model.
    original = Original(prompt=sides[0].prompt, line=lines[0])
    evaluators = tuple(
        Evaluator(line=line, scorer=scorer_of(side.task, line.caller, original=original), ledger=side.ledger)
        for side, line in zip(sides, lines, strict=True)
    )
    return Bench(sides=tuple(sides), evaluators=evaluators, callers=callers, purse=purse)


def _caller(side: Contestant, purse: Purse, settings: Settings) -> Caller:
    task, seed, hosts = side.task, settings.seed, settings.hosts
    models = {
        role: connect_role(task, role, examples=side.examples, seed=seed, hosts=hosts) for role in scoring_models(task)
    }
    return Caller(
        models,
        ledger=side.ledger,
        purse=purse,
        secret=secrets.token_bytes(16),
        concurrency=settings.concurrency,
    )


def scoring_models(task: Task) -> dict[Role, str]:
    """Return the models that scoring calls: no prompt is improved, so the optimizer's key and price do not matter."""
    return {role: spec for role, spec in task.models.items() if role != "optimizer"}


def shared(old: Scored, new: Scored) -> tuple[list[float], list[float]]:
    """Return the rewards of both on the rows that have one on either side, in one order."""
    before, after = old.rewards, new.rewards
    rows = [row for row in before if row in after]
    return [before[row] for row in rows], [after[row] for row in rows]


def mean_interval(mean: float, rows: int) -> tuple[float, float]:
    """90 % interval of a mean of rewards in [0, 1] (Wilson, 1927); a little wide for graded ones."""
    middle = (mean + Z**2 / (2 * rows)) / (1 + Z**2 / rows)
    half = Z / (1 + Z**2 / rows) * math.sqrt(mean * (1 - mean) / rows + Z**2 / (4 * rows**2))
    return max(0.0, middle - half), min(1.0, middle + half)
