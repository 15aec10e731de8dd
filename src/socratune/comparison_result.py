"""What a compare found, put together from the ledgers of its runs: a line for each arm, and who beats whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from statistics import fmean
from typing import Any

from socratune.comparisons import Comparison, run_folder
from socratune.graphs.batch import Outcome
from socratune.graphs.result import Result
from socratune.memory.errors import BadInput, Interrupted, Paused
from socratune.memory.ledger import Ledger, Spent
from socratune.memory.records import CandidateId, ExampleId, Role
from socratune.memory.runs import RunFolder
from socratune.scoring import mean_interval
from socratune.standing import opened
from socratune.tools.contest import Contest, Duel, Scores, averaged, contest, gains
from socratune.tools.statistics import alpha_for_look
from socratune.tools.template import length

SEED = "your own prompt"
KINDS = {BadInput: "refused", Paused: "paused", Interrupted: "interrupted"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One run that has ended."""

    result: Result
    seed: Scores
    """Of the user's own prompt, on the sealed rows."""
    finalist: Scores
    paid: Mapping[Role, Spent]
    """What this run really paid, without what another run of the compare had paid for."""
    minutes: float
    """Of work; answers that another run had paid for take none."""
    length: int
    """Tokens of the finalist without a row."""

    @property
    def spent(self) -> Mapping[Role, Spent]:
        """What it is charged: as much as if it had run alone."""
        return self.result.spent


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One arm: its runs with all seeds."""

    name: str
    shuffled: bool
    runs: tuple[Ran, ...]
    unended: tuple[str, ...]
    """What kept the other runs from a result, `paused: ...`."""
    scores: Scores
    """Of its finalists, averaged over seeds; empty while a run is missing."""

    @property
    def mean(self) -> float | None:
        """The finalists' mean reward on the sealed rows."""
        return fmean(self.scores.values()) if self.scores else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """90 %, over rows."""
        return None if self.mean is None else mean_interval(self.mean, len(self.scores))

    def as_dict(self, gain: Duel | None) -> dict[str, Any]:
        """Return plain values, ready for JSON; amounts are means of the runs."""
        return {
            "recipe": self.name,
            "runs": [each.result.run for each in self.runs],
            "unended": list(self.unended),
            "score": self.mean,
            "interval": self.interval,
            "gain": None if gain is None else _duel(gain),
            "statuses": dict(Counter(each.result.status for each in self.runs)),
            "calls": {role: self.each(role, "calls") for role in ("target", "optimizer", "judge")},
            "tokens": self.total("tokens"),
            "usd": self.total("usd") if self.priced else None,
            "minutes": _mean([each.minutes for each in self.runs]),
            "prompt_tokens": _mean([float(each.length) for each in self.runs]),
        }

    def each(self, role: Role, amount: str) -> float:
        """Return how much of something a run used in a role, on the mean."""
        return _mean([float(getattr(run.spent[role], amount)) if role in run.spent else 0.0 for run in self.runs])

    def total(self, amount: str) -> float:
        """Return how much of something a run used in all roles, on the mean."""
        return _mean([sum(float(getattr(spent, amount)) for spent in run.spent.values()) for run in self.runs])

    @property
    def priced(self) -> bool:
        """Whether the price of every model is known."""
        return all(run.result.priced for run in self.runs)


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What a compare found so far."""

    id: str
    lines: tuple[Line, ...]
    look: int
    rows: int
    """Sealed rows that were opened."""
    refused: Mapping[str, str]
    """Arms that cannot work on this task, with the reason."""

    @property
    def alpha(self) -> float:
        """What this look at the sealed rows may err."""
        return alpha_for_look(self.look)

    @cached_property
    def seed(self) -> Scores:
        """Of the user's own prompt: each row's mean over the runs that got as far."""
        runs = [run.seed for line in self.lines for run in line.runs]
        rows = dict.fromkeys(row for run in runs for row in run)
        return {row: fmean(run[row] for run in runs if row in run) for row in rows}

    @cached_property
    def scored(self) -> dict[str, Scores]:
        """The arms that compete, by name; controls with shuffled errors do not."""
        return {line.name: line.scores for line in self.lines if line.scores and not line.shuffled}

    @cached_property
    def contest(self) -> Contest | None:
        """The best arm against the others; None while there are no two."""
        return contest(self.scored, alpha=self.alpha) if len(self.scored) > 1 else None

    @cached_property
    def gains(self) -> Mapping[str, Duel]:
        """Each arm's gain over the user's own prompt; the controls are adjusted among themselves."""
        controls = {line.name: line.scores for line in self.lines if line.scores and line.shuffled}
        found = [gains(each, self.seed, name=SEED, alpha=self.alpha) for each in (self.scored, controls)]
        return {duel.one: duel for duels in found for duel in duels}

    @property
    def winner(self) -> str | None:
        """The arm that beats all others, when one is proven to."""
        return self.contest.winner if self.contest else None

    @property
    def better(self) -> tuple[str, ...]:
        """The arms that are proven to beat the user's own prompt."""
        return tuple(name for name in self.scored if self.gains[name].adjusted <= self.alpha)

    @property
    def status(self) -> str:
        """The first thing that kept a run from its end, or what the numbers say."""
        kinds = [said.split(":")[0] for line in self.lines for said in line.unended]
        kept = next((kind for kind in ("interrupted", "failed", "paused", "not begun") if kind in kinds), None)
        if kept is not None:
            return "paused" if kept == "not begun" else kept
        return "refused" if not self.lines else "improved" if self.better else "no_improvement"

    @property
    def paid(self) -> Spent:
        """What was really paid, for all runs together."""
        return Spent.total(spent for run in self._runs() for spent in run.paid.values())

    @property
    def charged(self) -> Spent:
        """What the runs are charged together."""
        return Spent.total(spent for run in self._runs() for spent in run.spent.values())

    @property
    def simulated(self) -> bool:
        """Whether no real model ran the prompts."""
        return any(run.result.simulated for run in self._runs())

    def _runs(self) -> Iterator[Ran]:
        return (run for line in self.lines for run in line.runs)

    def as_dict(self) -> dict[str, Any]:
        """Return the object that `compare --json` prints."""
        return {
            "schema_version": 1,
            "compare": self.id,
            "status": self.status,
            "winner": self.winner,
            "better": list(self.better),
            "look": self.look,
            "alpha": self.alpha,
            "rows": self.rows,
            "seed": {"score": _mean(list(self.seed.values())) if self.seed else None},
            "arms": [line.as_dict(self.gains.get(line.name)) for line in self.lines],
            "differences": [_duel(duel) for duel in self.contest.duels] if self.contest else [],
            "refused": dict(self.refused),
            "charged": asdict(self.charged),
            "paid": asdict(self.paid),
            "simulated": self.simulated,
        }


def _duel(duel: Duel) -> dict[str, Any]:
    verdict = duel.verdict
    return {
        "one": duel.one,
        "other": duel.other,
        "rows": verdict.n,
        "difference": verdict.difference,
        "low": verdict.low,
        "high": verdict.high,
        "p": duel.p,
        "adjusted_p": duel.adjusted,
    }


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else 0.0


def compared(folder: RunFolder, comparison: Comparison, outcomes: Mapping[str, Outcome]) -> Compared:
    """Read what came of the runs; those that have no outcome were not begun."""
    kept = {run: outcomes.get(run) for run in comparison.runs}
    refusals = {run: each for run, each in kept.items() if isinstance(each, BadInput)}
    refused = {str(comparison.runs[run][0]): str(error) for run, error in refusals.items()}
    lines = []
    for arm in comparison.arms:
        own = {run: kept[run] for run, (each, _) in comparison.runs.items() if each == arm}
        if str(arm) not in refused:
            lines.append(_line(str(arm), own, folder, shuffled=arm.shuffled))
    return Compared(
        id=folder.id, lines=tuple(lines), look=comparison.look.number, rows=len(comparison.look.rows), refused=refused
    )


def _line(name: str, outcomes: Mapping[str, Outcome | None], folder: RunFolder, *, shuffled: bool) -> Line:
    runs = [_ran(run_folder(folder, run), each) for run, each in outcomes.items() if isinstance(each, Result)]
    unended = tuple(_unended(each) for each in outcomes.values() if not isinstance(each, Result))
    scores = {} if unended else averaged([run.finalist for run in runs])
    return Line(name=name, shuffled=shuffled, runs=tuple(runs), unended=unended, scores=scores)


def _unended(outcome: BaseException | Result | None) -> str:
    if outcome is None:
        return "not begun"
    kind = next((name for kind, name in KINDS.items() if isinstance(outcome, kind)), "failed")
    return f"{kind}: {outcome}"


def _ran(folder: RunFolder, result: Result) -> Ran:
    with opened(folder) as ledger:
        return Ran(
            result=result,
            seed=_on_test(ledger, result.seed.id),
            finalist=_on_test(ledger, result.best.id),
            paid=ledger.spent(copied=False),
            minutes=ledger.minutes_worked(),
            length=length(result.best.prompt, ledger.settings()["task"]["variables"]),
        )


def _on_test(ledger: Ledger, candidate: CandidateId) -> dict[ExampleId, float]:
    known = ledger.rollouts(candidate)
    rewards = {row: known[row].reward for row in ledger.settings()["rows"]["test"] if row in known}
    return {row: reward for row, reward in rewards.items() if reward is not None}
