"""The engine: everything between an order and its result. Chat, batch and embedding are doors to it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing, nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from socratune.agents.evaluator import Evaluator
from socratune.agents.scorers import compared_scorer_of, scorer_of
from socratune.graphs.cast import agents_of
from socratune.graphs.checkpoints import checkpoints, continue_graph
from socratune.graphs.context import OptimizeDeps, Sealed, SearchDeps
from socratune.graphs.learning import learn
from socratune.graphs.operators import fitted
from socratune.graphs.optimize import optimize_graph
from socratune.graphs.recipes import recipe_named
from socratune.graphs.result import Result, result_of
from socratune.memory.errors import BadInput
from socratune.memory.ledger import Ledger, Spent
from socratune.memory.lessons import Lessons
from socratune.memory.model_options import PLAIN
from socratune.memory.records import Candidate, Example, ExampleId, Role, Task, digest
from socratune.memory.runs import Home, RunFolder, write_once
from socratune.tools.allotment import Allotment, allot
from socratune.tools.caller import Caller, Line
from socratune.tools.guard import Guard
from socratune.tools.journal import Journal, Listener
from socratune.tools.logs import run_log
from socratune.tools.metrics import judgements_each
from socratune.tools.models import LanguageModel, connect_role, own_models
from socratune.tools.purse import Purse
from socratune.tools.splits import Splits, data_notes, ordered, split
from socratune.tools.task_notes import own_cost

OPTIMIZER_TOKENS = 2_000
"""Longest reply of an agent that does not write a whole prompt, unless the task says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a run is carried out; none of it changes what is optimised."""

    seed: int = 0
    concurrency: int = 8
    memory: bool = True
    log_content: bool = False
    shuffle_errors: bool = False
    """The control arm: agents see each failure with another row's inputs."""
    hosts: Mapping[str, str] = field(default_factory=dict)
    """The environment variable with the key of each host that may have one, by origin (`https://gateway:8443`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The test rows of runs that are compared: all test on the same ones, and together that is one look at them."""

    name: str
    """Under which memory counts it."""
    number: int
    """Counted from 1."""
    rows: tuple[ExampleId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One run to be made: the task, its rows, and how."""

    task: Task
    examples: tuple[Example, ...]
    settings: Settings = Settings()
    models: Mapping[Role, LanguageModel] | None = None
    """Models of the caller's own, by role; those that the task names are connected for the other roles."""
    look: Look | None = None
    """None for a run that chooses its own test rows."""

    @property
    def fingerprint(self) -> str:
        """What must be the same when a run is resumed."""
        rows = [[row.id, dict(row.inputs), row.expected, *_rest(row)] for row in self.examples]
        same = asdict(self.settings)
        for manner in ("concurrency", "hosts"):
            same.pop(manner)
        if not same["shuffle_errors"]:
            same.pop("shuffle_errors")  # runs that began before there was such a control go on
        return digest([asdict(self.task), rows, same, *([asdict(self.look)] if self.look else [])])


def _rest(row: Example) -> list[str]:
    return [part for part in (row.side, row.checks) if part]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Who is told how the run goes, and who may stop it."""

    listeners: tuple[Listener, ...] = ()
    started: Callable[[Caller], None] = lambda _: None
    """Given the caller before the first call; `caller.purse.stop()` ends the run at once."""


async def optimize(order: Order, folder: RunFolder, home: Home, watch: Watch = Watch()) -> Result:
    """Carry out a run, or go on with one that was interrupted; one that has ended is read again.

    Raises `BadInput` before anything is called; `Paused` and `Interrupted` leave a run that can be resumed; `RunOwned`
    when another process is at work on it.
    """
    async with prepared(order, folder, home, watch) as deps:
        search = deps.search
        if search.ledger.event("ended:") is None:
            await continue_graph(optimize_graph(deps.saver), {}, context=deps, thread=search.ledger.run)
        if search.memory is not None:
            learn(search.ledger, search.memory, order.task)
        return result_of(search.ledger, cached=search.evaluator.line.caller.cached)


@asynccontextmanager
async def prepared(order: Order, folder: RunFolder, home: Home, watch: Watch = Watch()) -> AsyncIterator[OptimizeDeps]:
    """Hold a run and give everything that works on it; whatever happens inside, what was sent is waited for."""
    order = replace(order, task=recipe_named(order.task.recipe).equipped(order.task))
    with (
        folder.held(),
        closing(Ledger.open(folder.ledger, folder.id, durable=home.durable)) as ledger,
        closing(Lessons.open(home.memory, index=home.path / "index" if home.durable else None)) as lessons,
    ):
        settings = _begin(order, ledger, home, lessons)
        caller = _caller(order, ledger, folder, settings)
        watch.started(caller)
        async with _drained(caller), checkpoints(folder.checkpoints) if home.durable else nullcontext() as saver:
            journal = Journal(
                ledger=ledger,
                log=run_log(folder.log),
                log_content=order.settings.log_content,
                listeners=watch.listeners,
            )
            await ledger.add_candidate(Candidate(prompt=order.task.prompt))
            yield OptimizeDeps(
                search=_search_deps(order, journal, caller, lessons, settings),
                sealed=Sealed(test=_rows(order, settings, "test"), look=settings["look"]),
                saver=saver,
                seal=lambda groups: lessons.seal(groups, order.look.name if order.look else folder.id),
            )


@asynccontextmanager
async def _drained(caller: Caller) -> AsyncIterator[None]:
    try:
        yield
    finally:
        caller.purse.stop()
        await caller.drain()


def _begin(order: Order, ledger: Ledger, home: Home, lessons: Lessons) -> dict[str, Any]:
    """Write the run's settings, or read those it began with and check that they still fit."""
    if refused := recipe_named(order.task.recipe).refusal(order.task, order.examples):
        raise BadInput(refused, cure="choose another recipe, or leave it at auto")
    known = ledger.settings()
    if known and known["fingerprint"] != order.fingerprint:
        raise BadInput(
            f"{changed(order, known)} changed since run {ledger.run} began",
            cure="restore what it was, or start a new run with `socratune optimize`",
        )
    if not known:
        splits = split(order.examples, salt=home.salt(), sealed=lessons.sealed_groups())
        ledger.begin_run(_first_settings(order, splits, lessons))
    ledger.take_over()
    return ledger.settings()


def changed(order: Order, known: Mapping[str, Any]) -> str:
    """Say what is no longer as a run's first settings knew it: the files of the task's code when it is those."""
    before = {each["spec"]: each["digest"] for each in known.get("task", {}).get("code", [])}
    files = dict.fromkeys(Path(each.file).name for each in order.task.code if before.get(each.spec) != each.digest)
    if not before or not files:
        return "the task or its rows have"
    return f"{' and '.join(files)} {'has' if len(files) == 1 else 'have'}"


def _first_settings(order: Order, splits: Splits, lessons: Lessons) -> dict[str, Any]:
    allotment = allot(order.task.budget, splits, judged=judgements_each(order.task.metric, order.examples))
    seed = order.settings.seed
    before = lessons.sealed_groups()
    tested = tested_rows(splits, allotment.test_rows, seed=seed, before=before)
    look = 1 + lessons.looks({row.group for row in tested})
    if order.look is not None:
        tested, look, before = _looked_at(order, order.look), order.look.number, frozenset()
    rows = {
        "train": [row.id for row in ordered(splits.train, seed=seed, purpose="train")],
        "dev": [row.id for row in ordered(splits.dev, seed=seed, purpose="dev")],
        "test": [row.id for row in tested],
    }
    return {
        "fingerprint": order.fingerprint,
        "root": order.task.prompt.id,
        "recipe": order.task.recipe,
        "feedback": recipe_named(order.task.recipe).feedback,
        "rows": rows,
        "sizes": {"train": len(splits.train), "dev": len(splits.dev), "test": len(splits.test)},
        "warnings": [*_own_cost(order), *splits.notes, *data_notes(order.examples), *_again(tested, before)],
        "memory_as_of": lessons.latest(),
        "held": {phase: asdict(budget) for phase, budget in allotment.held.items()},
        "look": look,
        "task": asdict(order.task),
        "settings": asdict(order.settings),
    }


def _own_cost(order: Order) -> list[str]:
    said = own_cost(order.task)
    return [said] if said else []


def tested_rows(splits: Splits, count: int, *, seed: int, before: frozenset[str]) -> list[Example]:
    """Return so many test rows in the run's shared random order, those outside of the groups `before` first.

    A second look at the same rows is weaker evidence.
    """
    fresh_first = sorted(ordered(splits.test, seed=seed, purpose="test"), key=lambda row: row.group in before)
    return fresh_first[:count]


def _looked_at(order: Order, look: Look) -> list[Example]:
    by_id = {example.id: example for example in order.examples}
    return [by_id[row] for row in look.rows]


def _again(tested: Sequence[Example], before: frozenset[str]) -> list[str]:
    count = sum(row.group in before for row in tested)
    said = f"{count} of {len(tested)} test rows were tested on by an earlier run, so less error is left for this look."
    return [said] if count else []


def _rows(order: Order, settings: Mapping[str, Any], name: str) -> tuple[Example, ...]:
    by_id = {example.id: example for example in order.examples}
    return tuple(by_id[row] for row in settings["rows"][name])


def _caller(order: Order, ledger: Ledger, folder: RunFolder, settings: Mapping[str, Any]) -> Caller:
    task = order.task
    given = own_models(task, order.models or {})
    models = {role: given[role] if role in given else _connected(order, role) for role in task.models}
    purse = Purse(
        task.budget,
        held=Allotment.read_held(settings["held"]),
        spent=Spent.total(ledger.spent().values()),
        lost_usd=sum(spent.usd for spent in ledger.spent(state="sent").values()),
        minutes_worked=ledger.minutes_worked(),
    )
    return Caller(models, ledger=ledger, purse=purse, secret=_secret(folder), concurrency=order.settings.concurrency)


def _connected(order: Order, role: Role) -> LanguageModel:
    how = order.settings
    return connect_role(order.task, role, examples=order.examples, seed=how.seed, hosts=how.hosts)


def _secret(folder: RunFolder) -> bytes:
    return bytes.fromhex(write_once(folder.path / "secret", secrets.token_hex(16)))


def _search_deps(
    order: Order, journal: Journal, caller: Caller, lessons: Lessons, settings: Mapping[str, Any]
) -> SearchDeps:
    task, ledger = order.task, journal.ledger
    train = _rows(order, settings, "train")
    target = Line(caller=caller, role="target", max_tokens=task.max_output_tokens)
    longest = task.options.get("optimizer", PLAIN).max_tokens or OPTIMIZER_TOKENS
    recipe = fitted(recipe_named(task.recipe), task, train)
    scored = compared_scorer_of if recipe.feedback == "pairwise" else scorer_of
    return SearchDeps(
        task=task,
        recipe=recipe,
        seed=order.settings.seed,
        shuffle_errors=order.settings.shuffle_errors,
        root=task.prompt.id,
        train=train,
        dev=_rows(order, settings, "dev"),
        evaluator=Evaluator(line=target, scorer=scored(task, caller), ledger=ledger),
        agents=agents_of(Line(caller=caller, role="optimizer", max_tokens=longest), task.prompt),
        guard=Guard.build(seed=task.prompt, variables=task.variables, constraints=task.constraints, train=train),
        ledger=ledger,
        journal=journal,
        memory=lessons if order.settings.memory else None,
        memory_as_of=settings["memory_as_of"],
    )
