"""What came of the runs of a compare, read from their ledgers: one by one, and together for each arm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from socratune.comparisons import Arm
from socratune.graphs.batch import Outcome, said_of, status_of
from socratune.graphs.result import Result
from socratune.memory.ledger import Ledger, Spent
from socratune.memory.records import CandidateId, ExampleId, Role
from socratune.memory.runs import RunFolder
from socratune.outcome import read_result
from socratune.scoring import mean_interval
from socratune.standing import opened
from socratune.tools.contest import Scores, averaged
from socratune.tools.template import length

ROLES: tuple[Role, ...] = ("target", "optimizer", "judge")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """What a run with a result has to show."""

    seed: Scores
    """Of the user's own prompt, on the sealed rows."""
    finalist: Scores
    length: int
    """Tokens of the finalist without a row."""
    dev: float | None = None
    """Mean reward of the finalist on the dev rows; None where it is the user's own prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One run, as far as it got."""

    run: str
    """By the name that commands know it by."""
    seed: int
    """Of its random draws."""
    status: str
    """That of its result; without one `failed`, `paused`, `interrupted`, `unfinished` or `not begun`."""
    why: str = ""
    """What kept it from a result, where there is more to say than the status does."""
    finish: Finish | None = None
    """None without a result."""
    charged: Mapping[Role, Spent] = field(default_factory=dict)
    """As much as if it had run alone."""
    paid: Mapping[Role, Spent] = field(default_factory=dict)
    """Really, without what another run of the compare had paid for."""
    failed: Mapping[Role, int] = field(default_factory=dict)
    """Attempts at a call that gave no answer."""
    minutes: float = 0.0
    """Of work; answers that another run had paid for take none."""
    simulated: bool = False
    """Whether no real model ran the prompts."""

    @property
    def score(self) -> float | None:
        """Its finalist's mean reward on the sealed rows."""
        scores = self.finish.finalist if self.finish else {}
        return fmean(scores.values()) if scores else None

    @property
    def dev(self) -> float | None:
        """The mean reward on dev of the prompt that it found; None when it found none."""
        return self.finish.dev if self.finish else None

    @property
    def is_proven(self) -> bool:
        """Whether its own test proves its prompt, without the other seeds."""
        return self.status == "improved"

    @property
    def priced(self) -> bool:
        """Whether the price of every model that it called is known."""
        return all(spent.priced for spent in self.charged.values())

    def __str__(self) -> str:
        return ": ".join(part for part in (self.run, self.status, self.why) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One arm: its runs with all seeds."""

    arm: Arm
    runs: tuple[Ran, ...]
    scores: Scores
    """Of its finalists, averaged over seeds; empty while any run of the compare is without a result."""

    @property
    def name(self) -> str:
        """The arm in words."""
        return str(self.arm)

    @property
    def ended(self) -> tuple[Ran, ...]:
        """The runs that have a result."""
        return tuple(run for run in self.runs if run.finish is not None)

    @property
    def unended(self) -> tuple[Ran, ...]:
        """The others."""
        return tuple(run for run in self.runs if run.finish is None)

    @property
    def mean(self) -> float | None:
        """The finalists' mean reward on the sealed rows."""
        return fmean(self.scores.values()) if self.scores else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """90 %, over rows."""
        return None if self.mean is None else mean_interval(self.mean, len(self.scores))

    @property
    def statuses(self) -> Mapping[str, int]:
        """How many of its runs came to what."""
        return Counter(run.status for run in self.runs)

    @property
    def failed(self) -> Mapping[Role, int]:
        """Attempts at a call that gave no answer, in all its runs."""
        return {role: sum(run.failed.get(role, 0) for run in self.runs) for role in ROLES}

    @property
    def priced(self) -> bool:
        """Whether the price of every model is known."""
        return all(run.priced for run in self.runs)

    @property
    def minutes(self) -> float:
        """Of work in a run that ended, on the mean; answers that another arm had paid for take none."""
        return _mean([run.minutes for run in self.ended])

    @property
    def length(self) -> float:
        """Tokens of a finalist without a row, on the mean."""
        return _mean([float(run.finish.length) for run in self.runs if run.finish])

    def each(self, role: Role, amount: str) -> float:
        """Return how much of something a run that ended used in a role, on the mean."""
        return _mean([float(getattr(run.charged[role], amount)) if role in run.charged else 0.0 for run in self.ended])

    def total(self, amount: str) -> float:
        """Return how much of something a run that ended used in all roles, on the mean."""
        return _mean([sum(float(getattr(spent, amount)) for spent in run.charged.values()) for run in self.ended])

    def as_dict(self, gain: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return plain values, ready for JSON; amounts are means of the runs that ended, errors are of all runs."""
        return {
            "recipe": self.name,
            "runs": [run.run for run in self.ended],
            "seeds": [{"seed": run.seed, "status": run.status, "score": run.score} for run in self.ended],
            "unended": [str(run) for run in self.unended],
            "score": self.mean,
            "interval": self.interval,
            "gain": gain,
            "statuses": dict(self.statuses),
            "calls": {role: self.each(role, "calls") for role in ROLES},
            "errors": dict(self.failed),
            "tokens": self.total("tokens"),
            "usd": self.total("usd") if self.priced else None,
            "minutes": self.minutes,
            "prompt_tokens": self.length,
        }


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else 0.0


def line_of(arm: Arm, runs: Sequence[Ran], *, whole: bool) -> Line:
    """Put an arm's runs together; they have no common scores unless the compare is `whole`."""
    finals = [run.finish.finalist for run in runs if run.finish]
    return Line(arm=arm, runs=tuple(runs), scores=averaged(finals) if whole else {})


def ran(folder: RunFolder, seed: int, outcome: Outcome | None) -> Ran:
    """Read how far a run got; without an outcome it was not reached this time, and may have got somewhere before."""
    if outcome is None and folder.result.exists():
        outcome = read_result(folder)
    status, why = _came_of(outcome, folder)
    if not folder.ledger.exists():
        return Ran(run=folder.name, seed=seed, status=status, why=why)
    with opened(folder) as ledger:
        return Ran(
            run=folder.name,
            seed=seed,
            status=status,
            why=why,
            finish=_finish(ledger, outcome) if isinstance(outcome, Result) else None,
            charged=ledger.spent(),
            paid=ledger.spent(copied=False),
            failed=ledger.failed(),
            minutes=ledger.minutes_worked(),
            simulated=ledger.settings().get("task", {}).get("target", "").startswith("sim:"),
        )


def _came_of(outcome: Outcome | None, folder: RunFolder) -> tuple[str, str]:
    """Return a run's status and what is to be said of it."""
    if outcome is None:
        return ("unfinished" if folder.ledger.exists() else "not begun"), ""
    status = status_of(outcome)
    return status, said_of(outcome) if status in ("failed", "paused") else ""


def _finish(ledger: Ledger, result: Result) -> Finish:
    return Finish(
        seed=_on_test(ledger, result.seed.id),
        finalist=_on_test(ledger, result.best.id),
        length=length(result.best.prompt, ledger.settings()["task"]["variables"]),
        dev=None if result.best.id == result.seed.id else result.best.dev,
    )


def _on_test(ledger: Ledger, candidate: CandidateId) -> dict[ExampleId, float]:
    known = ledger.rollouts(candidate)
    rewards = {row: known[row].reward for row in ledger.settings()["rows"]["test"] if row in known}
    return {row: reward for row, reward in rewards.items() if reward is not None}
