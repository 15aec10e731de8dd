"""The runs of a chat: each is an ordinary run with a folder of its own, which `socratune resume` can go on with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from rich.console import Console

from socratune.before import forewarning, outlook_of
from socratune.chat_files import Desk
from socratune.graphs.engine import Order, Settings
from socratune.graphs.result import Result
from socratune.memory.errors import BadInput
from socratune.memory.ledger import Spent
from socratune.memory.records import Budget, Role
from socratune.memory.runs import RunFolder
from socratune.memory.talk import Version
from socratune.options import Manner
from socratune.orders import SavedOrder
from socratune.outcome import read_result, write_outcome
from socratune.running import seen_through
from socratune.standing import opened
from socratune.tools.purse import CAPS
from socratune.tools.task_files import LoadedTask
from socratune.tools.task_form import parse_budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Makes the runs of one chat, and reads them again."""

    desk: Desk
    manner: Manner
    settings: Settings
    budget: Budget | None
    """Of the whole chat, its minutes of the runs alone; None gives each run that of its task file, or the default."""
    consent: Callable[[], None]
    """Asks, before the first call, whether it may be paid for. Raises `BadInput` when nobody can be asked."""

    def make(self, caps: str, console: Console) -> Result:
        """Improve the prompt that stands, or go on with a run that was interrupted and that nothing was said since.

        `caps` are for this run alone. Raises `BadInput` before anything is called, `Paused` or `Interrupted`.
        """
        folder = self._unfinished()
        saved = SavedOrder.read(folder) if folder is not None else self._new(caps)
        loaded = saved.load(self.manner.consent)
        if folder is None:
            outlook = outlook_of(loaded, self.manner.place, hosts=saved.settings.hosts)
            console.print(forewarning(outlook))
            if outlook.missing:
                raise BadInput(outlook.missing[0])
        else:
            console.print(f"Going on with {folder.id}.")
        self.consent()
        folder = folder or self._begun(saved, loaded)
        order = Order(task=loaded.task, examples=loaded.examples, settings=saved.settings)
        result = seen_through(order, folder, self.manner, loaded)
        write_outcome(folder, result, loaded)
        asyncio.run(self.desk.talk.note("ran", folder.id, {"run": folder.id, "status": result.status}))
        return result

    def _unfinished(self) -> RunFolder | None:
        """Return the last run when it has not ended and is about the prompt and the words that stand now."""
        began, ran = self.desk.talk.noted("began"), self.desk.talk.noted("ran")
        if not began or began[-1]["run"] in {body["run"] for body in ran} or began[-1]["after"] != self._said():
            return None
        return self._folder(str(began[-1]["run"]))

    def _said(self) -> list[int]:
        """Return what a run rests on: how much was said, and how often prompt and rows changed."""
        talk = self.desk.talk
        return [len(talk.turns()), *(len(talk.noted(kind)) for kind in ("version", "back", "rows"))]

    def _folder(self, run: str) -> RunFolder | None:
        path = self.manner.place.path / "runs" / run
        return RunFolder(path=path) if path.is_dir() else None

    def _new(self, caps: str) -> SavedOrder:
        current = self.desk.talk.current()
        if current is None:
            raise BadInput("there is no prompt to run yet", cure='answer the question, or say "skip"')
        budget = parse_budget(caps) if caps else self._left()
        number = len(self.desk.talk.noted("began"))
        file = self.desk.write_task(current.prompt, number)
        return SavedOrder(
            file=file,
            overrides=replace(self.desk.run_overrides, budget=budget),
            defaults=self.desk.sources.reading.defaults,
            settings=self.settings,
        )

    def _left(self) -> Budget | None:
        """Return what is left of the chat's budget."""
        if self.budget is None:
            return None
        spent = self.total
        used = {cap: getattr(spent, cap) for cap in CAPS} | {"minutes": self._minutes()}
        caps = {cap: limit for cap in used if (limit := getattr(self.budget, cap)) is not None}
        left = {cap: max(0, limit - used[cap]) for cap, limit in caps.items()}
        if 0 in left.values():
            cure = "give this run a budget of its own, such as /run rollouts=300"
            raise BadInput("the budget of the chat is used up", cure=cure)
        return replace(self.budget, **left)

    def _begun(self, saved: SavedOrder, loaded: LoadedTask) -> RunFolder:
        folder = self.manner.place.new_run(loaded.task.name)
        saved.save(folder)
        fact = {"run": folder.id, "after": self._said()}
        asyncio.run(self.desk.talk.note("began", folder.id, fact))
        return folder

    # --- what came of them

    def last(self) -> Result | None:
        """Return the last finished run that began with the prompt that stands."""
        ran, current = self.desk.talk.noted("ran"), self.desk.talk.current()
        folder = self._folder(str(ran[-1]["run"])) if ran else None
        result = read_result(folder) if folder is not None else None
        return result if result is not None and current and result.seed.prompt == current.prompt else None

    def behind(self, version: Version) -> Result | None:
        """Return the run that found a prompt; None for one that no run found."""
        folder = self._folder(version.origin) if version.origin not in ("yours", "draft") else None
        return read_result(folder) if folder is not None else None

    def spent(self) -> Mapping[str, Mapping[Role, Spent]]:
        """Return what the chat's own calls and each run used, by role."""
        parts: dict[str, Mapping[Role, Spent]] = {"chat": self.desk.talk.ledger.spent()}
        for folder in self._begun_so_far():
            with opened(folder) as ledger:
                parts[folder.id] = ledger.spent()
        return parts

    def _minutes(self) -> float:
        """Return how long the runs have worked."""
        worked = 0.0
        for folder in self._begun_so_far():
            with opened(folder) as ledger:
                worked += ledger.minutes_worked()
        return worked

    def _begun_so_far(self) -> Iterator[RunFolder]:
        for began in self.desk.talk.noted("began"):
            folder = self._folder(str(began["run"]))
            if folder is not None and folder.ledger.exists():
                yield folder

    @property
    def total(self) -> Spent:
        """What chat and runs used together."""
        return Spent.total(spent for roles in self.spent().values() for spent in roles.values())

    @property
    def total_of_runs(self) -> Spent:
        """What the runs used."""
        parts = self.spent()
        return Spent.total(spent for what, roles in parts.items() if what != "chat" for spent in roles.values())
