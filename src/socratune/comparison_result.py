"""What a compare found: who beats whom, what it cost, and what kept it from its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from statistics import fmean
from typing import Any

from socratune.comparison_arms import Line, Ran, line_of, ran
from socratune.comparisons import Comparison
from socratune.graphs.batch import Outcome, gravest
from socratune.memory.ledger import Spent
from socratune.memory.runs import RunFolder
from socratune.tools.contest import Contest, Duel, Scores, contest, gains
from socratune.tools.statistics import alpha_for_look

SEED = "your own prompt"
LACKING = 10
"""One sealed row in so many an arm may lack and still be compared: a call fails now and then."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What a compare found so far.

    While a run is without a result, or an arm without the rows that the others were scored on, nobody beats anybody:
    half of it proves nothing.
    """

    id: str
    lines: tuple[Line, ...]
    look: int
    rows: int
    """Sealed rows that are opened."""
    refused: Mapping[str, str]
    """Arms that cannot work on this task, with the reason."""

    @property
    def is_whole(self) -> bool:
        """Whether every run has a result."""
        return not any(line.unended for line in self.lines)

    @property
    def alpha(self) -> float:
        """What this look at the sealed rows may err."""
        return alpha_for_look(self.look)

    @cached_property
    def seed(self) -> Scores:
        """Of the user's own prompt: each row's mean over the runs that got as far."""
        runs = [run.finish.seed for run in self._runs() if run.finish and self.is_whole]
        rows = dict.fromkeys(row for run in runs for row in run)
        return {row: fmean(run[row] for run in runs if row in run) for row in rows}

    @cached_property
    def lacking(self) -> Mapping[str, int]:
        """Of each arm with too few of the rows that others were scored on, how many it has; empty before the end.

        Its test was cut by its budget, or it got no answers.
        """
        if not self.is_whole:
            return {}
        rows = set(self.seed).union(*(line.scores for line in self.lines))
        least = max(1, len(rows) - len(rows) // LACKING)
        return {line.name: len(line.scores) for line in self.lines if len(line.scores) < least}

    @cached_property
    def scored(self) -> dict[str, Scores]:
        """The arms that compete, by name; controls with shuffled errors do not, and none while one has too few rows."""
        rivals = {line.name: line.scores for line in self.lines if not line.arm.shuffled}
        return rivals if self.is_whole and self.lacking.keys().isdisjoint(rivals) else {}

    @cached_property
    def contest(self) -> Contest | None:
        """The best arm against the others; None while there are no two."""
        return contest(self.scored, alpha=self.alpha) if len(self.scored) > 1 else None

    @cached_property
    def gains(self) -> Mapping[str, Duel]:
        """Each arm's gain over the user's own prompt; the controls are adjusted among themselves."""
        shuffled = (line for line in self.lines if line.arm.shuffled and self.is_whole)
        controls = {line.name: line.scores for line in shuffled if line.name not in self.lacking}
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
    def pick(self) -> Ran | None:
        """The run to take a prompt from: one of the best recipe that beats the user's own prompt; None without one.

        Of its seeds the one with the best dev score, for a choice by test scores would flatter it. Seeds whose prompt
        is proven on its own go first: no other can be applied.
        """
        better = [line for line in self.lines if line.name in self.better]
        best = max(better, key=lambda line: line.mean or 0.0, default=None)
        edited = [run for run in best.ended if run.dev is not None] if best else []
        proven = [run for run in edited if run.is_proven]
        return max(proven or edited, key=lambda run: run.dev or 0.0, default=None)

    @property
    def status(self) -> str:
        """The gravest thing that kept a run from its result, or what the numbers say."""
        if not self.is_whole:
            # A run that was not reached waits for another one.
            return gravest({run.status for line in self.lines for run in line.unended}) or "paused"
        if not self.scored:
            return "no_verdict"
        return "improved" if self.better else "no_improvement"

    @property
    def paid(self) -> Spent:
        """What was really paid, for all runs together."""
        return Spent.total(spent for run in self._runs() for spent in run.paid.values())

    @property
    def charged(self) -> Spent:
        """What the runs are charged together."""
        return Spent.total(spent for run in self._runs() for spent in run.charged.values())

    @property
    def priced(self) -> bool:
        """Whether the price of every model that was called is known."""
        return all(run.priced for run in self._runs())

    @property
    def simulated(self) -> bool:
        """Whether no real model ran the prompts."""
        return any(run.simulated for run in self._runs())

    def _runs(self) -> Iterator[Ran]:
        return (run for line in self.lines for run in line.runs)

    def as_dict(self) -> dict[str, Any]:
        """Return the object that `compare --json` prints."""
        gained = {name: _duel(duel) for name, duel in self.gains.items()}
        return {
            "schema_version": 1,
            "compare": self.id,
            "status": self.status,
            "winner": self.winner,
            "better": list(self.better),
            "look": self.look,
            "alpha": self.alpha,
            "rows": self.rows,
            "lacking": dict(self.lacking),
            "seed": {"score": fmean(self.seed.values()) if self.seed else None},
            "arms": [line.as_dict(gained.get(line.name)) for line in self.lines],
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


def compared(folder: RunFolder, comparison: Comparison, outcomes: Mapping[str, Outcome]) -> Compared:
    """Read what came of the runs; those that have no outcome were not reached this time."""
    runs = {run: ran(folder.part(run), seed, outcomes.get(run)) for run, (_, seed) in comparison.runs.items()}
    whole = all(run.finish for run in runs.values())
    arms = {arm: [runs[arm.run_id(seed)] for seed in comparison.seeds] for arm in comparison.arms}
    return Compared(
        id=folder.id,
        lines=tuple(line_of(arm, own, whole=whole) for arm, own in arms.items()),
        look=comparison.look.number,
        rows=len(comparison.look.rows),
        refused=comparison.refused,
    )
