"""A compare: which recipes run with which seeds, how it is kept to be resumed, and how its runs are made."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace

from pydantic import TypeAdapter

from socratune.batches import Kept, Onlookers, note_fault
from socratune.consent import Consent
from socratune.graphs.batch import Outcome, Work
from socratune.graphs.compare import carry_out_in_turn, optimize_and_score
from socratune.graphs.engine import Look, Order, Watch, tested_rows
from socratune.graphs.operators import sees_errors
from socratune.graphs.recipes import recipe_named
from socratune.graphs.result import Result
from socratune.memory.answers import SharedAnswers
from socratune.memory.errors import BadInput
from socratune.memory.runs import Home, RunFolder, stem_of
from socratune.orders import SavedOrder
from socratune.outcome import keep_leading, read_result, write_outcome
from socratune.sealed import look_at, sealed_groups
from socratune.tools.allotment import allot
from socratune.tools.caller import Caller
from socratune.tools.metrics import judgements_each
from socratune.tools.splits import split
from socratune.tools.task_files import LoadedTask

SHUFFLED = "shuffled errors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """A recipe, with its own errors or with shuffled ones."""

    recipe: str
    shuffled: bool = False

    def __str__(self) -> str:
        return f"{self.recipe} ({SHUFFLED})" if self.shuffled else self.recipe

    def run_id(self, seed: int) -> str:
        """Return the id of its run with a seed."""
        return f"{stem_of(str(self))}-seed-{seed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a compare consists of: each arm runs with each seed."""

    arms: tuple[Arm, ...]
    seeds: tuple[int, ...]
    look: Look
    task: str
    """Fingerprint of what is asked for, task and rows included: the same command goes on with the same compare."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Arms that were asked for and cannot work on this task, with the reason."""

    @property
    def runs(self) -> dict[str, tuple[Arm, int]]:
        """Arm and seed of each run by its id: all arms with the first seed, then with the next."""
        return {arm.run_id(seed): (arm, seed) for seed in self.seeds for arm in self.arms}


KEPT = Kept(name="compare", form=TypeAdapter(Comparison))


def arms_of(recipes: str, *, shuffled: bool) -> tuple[Arm, ...]:
    """Return the arms that `a,b,c` names, each once, and their controls.

    Raises `BadInput` for a name of no recipe, and for a control where no recipe is shown errors.
    """
    names = list(dict.fromkeys(name.strip() for name in recipes.split(",") if name.strip()))
    if not names:
        raise BadInput("names no recipe", place="--recipes", cure="name some: --recipes auto,gepa")
    controls = [name for name in names if shuffled and sees_errors(recipe_named(name))]
    if shuffled and not controls:
        problem = f"there is nothing to shuffle: no agent of {', '.join(names)} is shown errors"
        raise BadInput(problem, place="--control", cure="leave it out, or add a recipe such as auto")
    return (*(Arm(recipe=name) for name in names), *(Arm(recipe=name, shuffled=True) for name in controls))


def planned(saved: SavedOrder, loaded: LoadedTask, arms: Sequence[Arm], seeds: Sequence[int], home: Home) -> Comparison:
    """Return a compare of the arms that can work on this task, and the sealed rows that it opens.

    Raises `BadInput` when no arm can, or when there are no rows to open.
    """
    task, seed = loaded.task, saved.settings.seed
    refused = _refused(arms, loaded)
    if 0 in asdict(task.budget).values():
        raise BadInput("a budget of 0 calls nothing", cure="raise it: there is nothing to compare")
    if task.budget.minutes is not None:
        cure = "take `minutes` out of the budget, in the task file too, and cap rollouts or USD"
        raise BadInput("a compare has no cap on minutes: the order of the recipes would decide", cure=cure)
    before = sealed_groups(home)
    splits = split(loaded.examples, salt=home.salt(), sealed=before)
    count = allot(task.budget, splits, judged=judgements_each(task.metric, loaded.examples)).test_rows
    rows = tested_rows(splits, count, seed=seed, before=before)
    if not rows:
        raise BadInput("this budget leaves no rows for the final test", cure="raise it: there is nothing to compare on")
    number = look_at(home, [row.group for row in rows], len(rows))
    look = Look(name="", number=number, rows=tuple(row.id for row in rows))
    willing = tuple(arm for arm in arms if str(arm) not in refused)
    return Comparison(arms=willing, seeds=tuple(seeds), look=look, task=_fingerprint(saved, loaded), refused=refused)


def _refused(arms: Sequence[Arm], loaded: LoadedTask) -> dict[str, str]:
    """Return the arms that cannot work on a task, with the reason. Raises `BadInput` when that is all of them."""
    reasons = {str(arm): recipe_named(arm.recipe).refusal(loaded.task, loaded.examples) for arm in arms}
    refused = {arm: reason for arm, reason in reasons.items() if reason}
    if len(refused) < len(reasons):
        return refused
    first, *others = dict.fromkeys(refused.values())
    error = BadInput(first, cure="name other recipes")
    for other in others:
        error.add_note(other)
    raise error


def _fingerprint(saved: SavedOrder, loaded: LoadedTask) -> str:
    task = replace(loaded.task, recipe="")
    return Order(task=task, examples=loaded.examples, settings=saved.settings).fingerprint


def begin(comparison: Comparison, saved: SavedOrder, home: Home) -> RunFolder:
    """Make the folder of a compare; its id is the name under which its look is counted."""
    folder = home.new_compare()
    saved.save(folder)
    KEPT.write(folder, replace(comparison, look=replace(comparison.look, name=folder.id)))
    return folder


def unfinished(comparison: Comparison, home: Home) -> RunFolder | None:
    """Return the newest compare that was asked for in the same words and has not ended."""
    asked = (comparison.arms, comparison.seeds)
    alike = ((folder, kept) for folder, kept in _of_same_task(comparison, home) if not folder.result.exists())
    return next((folder for folder, kept in alike if (kept.arms, kept.seeds) == asked), None)


def finished(comparison: Comparison, home: Home) -> RunFolder | None:
    """Return the newest compare of the same task that has ended, whichever recipes it had."""
    return next((folder for folder, _ in _of_same_task(comparison, home) if folder.result.exists()), None)


def _of_same_task(comparison: Comparison, home: Home) -> Iterator[tuple[RunFolder, Comparison]]:
    for folder in home.compares():
        with contextlib.suppress(BadInput):  # one that cannot be read is nobody's
            kept = KEPT.read(folder)
            if kept.task == comparison.task:
                yield folder, kept


def check_unchanged(folder: RunFolder, consent: Consent) -> None:
    """Raise `BadInput` when a compare that has not ended began with another task or with other rows."""
    if folder.result.exists():
        return
    saved = SavedOrder.read(folder)
    if _fingerprint(saved, saved.load(consent)) != KEPT.read(folder).task:
        problem = f"the task or its rows have changed since {folder.id} began"
        raise BadInput(problem, cure="restore what it was, or start a new one with `socratune compare`")


def look_of(run: RunFolder) -> Look | None:
    """Return the look that a run shares with the others of its compare; None for a run of no compare."""
    return KEPT.read(run.compare).look if run.compare else None


async def carry_on(folder: RunFolder, home: Home, onlookers: Onlookers) -> Mapping[str, Outcome]:
    """Carry out the runs of a compare from where they stand; returns what came of each that was begun."""
    comparison = KEPT.read(folder)
    done: dict[str, Outcome] = {}

    def ended(run: str, outcome: Outcome) -> None:
        done[run] = outcome
        note_fault(folder, run, outcome, ordered=folder)
        onlookers.ended(run, outcome)

    with closing(SharedAnswers.open(folder.path / "answers.db")) as answers:
        bench = _Bench(folder=folder, home=home, look=comparison.look, answers=answers, onlookers=onlookers)
        await carry_out_in_turn({run: bench.work(run, *what) for run, what in comparison.runs.items()}, ended=ended)
    return done


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """What all runs of a compare are made with."""

    folder: RunFolder
    home: Home
    look: Look
    answers: SharedAnswers
    onlookers: Onlookers

    def work(self, run: str, arm: Arm, seed: int) -> Work:
        """Return what carries out one run."""
        place = self.folder.part(run)

        async def work() -> Result:
            saved = self._order(arm, seed)
            if place.result.exists():
                saved.save(place)  # a compare that ended before its runs had an order each is of use, too
                return read_result(place)
            loaded = saved.load(self.onlookers.consent)
            place.path.mkdir(mode=0o700, exist_ok=True)
            is_new = not place.ledger.exists()
            saved.save(place)
            try:
                return await self._ended(place, loaded, saved)
            except BadInput:
                if is_new:
                    self.home.forget_run(place)
                raise

        return work

    async def _ended(self, place: RunFolder, loaded: LoadedTask, saved: SavedOrder) -> Result:
        """See a run to its end and write what it leaves."""
        order = Order(task=loaded.task, examples=loaded.examples, settings=saved.settings, look=self.look)
        result = await optimize_and_score(order, place, self.home, self._watch(place, loaded))
        result = replace(result, run=place.name)
        write_outcome(place, result, loaded)
        return result

    def _order(self, arm: Arm, seed: int) -> SavedOrder:
        saved = SavedOrder.read(self.folder)
        settings = replace(saved.settings, seed=seed, memory=False, shuffle_errors=arm.shuffled)
        return replace(saved, settings=settings, overrides=replace(saved.overrides, recipe=arm.recipe))

    def _watch(self, place: RunFolder, loaded: LoadedTask) -> Watch:
        def started(caller: Caller) -> None:
            caller.share(self.answers)
            self.onlookers.begun(place.id, caller)

        listeners = (keep_leading(place, loaded), lambda event: self.onlookers.heard(place.id, event))
        return Watch(listeners=listeners, started=started)
