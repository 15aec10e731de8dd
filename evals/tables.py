"""The tables of a suite, as Markdown: `python -m socratune.evals.tables results/FILE.jsonl ...`.

The unit of every comparison is a (world, strength, seed) that both recipes have run. What is scored is the finalist's
exact expected accuracy as a share of the ideal prompt's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Annotated

import typer

from socratune.evals.arms import REFUSED, Outcome
from socratune.evals.results import CAVEAT, read
from socratune.evals.worlds import group_of
from socratune.memory.records import Verdict
from socratune.tools.contest import holm
from socratune.tools.statistics import ALPHA, compare

OURS, CONTROL = "auto", "rewrite-best-of-n"
TWO_SIDED = 0.025
"""Error rate a side of the 95 % intervals."""
LOST = 0.03
"""A world is lost when we are further behind than this, and it is no chance."""
GROUPS = {"open": ("open",), "frozen": ("frozen",), "open and frozen together": ("open", "frozen")}
COLUMNS = (
    *("rank", "recipe", "share of ideal", "strong", "weak", "returned", "improved", "calls to 90 %"),
    *("optimizer calls", "prompt tokens", "runs"),
)
Unit = tuple[str, str, int]
"""World, strength and seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """One recipe against another."""

    one: str
    other: str
    verdict: Verdict
    """Of `one` over `other`, in shares of the ideal; its p is one-sided."""

    def __str__(self) -> str:
        found = self.verdict
        ends = f"{found.low * 100:+.1f} to {found.high * 100:+.1f}"
        return (
            f"{self.one} - {self.other}: {found.difference * 100:+.1f} points (95 % interval {ends}, {found.n} pairs)"
        )


class Suite:
    """The outcomes of some worlds, by recipe and unit."""

    def __init__(self, outcomes: Iterable[Outcome]) -> None:
        self.by_recipe: dict[str, dict[Unit, Outcome]] = {}
        for outcome in outcomes:
            trial = outcome.trial
            if outcome.status != REFUSED:
                unit = (trial.world, trial.strength, trial.seed)
                self.by_recipe.setdefault(trial.recipe, {})[unit] = outcome

    def __bool__(self) -> bool:
        return bool(self.by_recipe)

    @property
    def ranked(self) -> list[str]:
        """Recipes, the best mean share of the ideal first."""
        return sorted(self.by_recipe, key=lambda recipe: (-self.share(recipe), recipe))

    @property
    def runner_up(self) -> str | None:
        """The best recipe beside ours."""
        return next((recipe for recipe in self.ranked if recipe != OURS), None)

    @property
    def worlds(self) -> list[str]:
        """Their names, in the order of the alphabet."""
        return sorted({world for units in self.by_recipe.values() for world, _, _ in units})

    def share(self, recipe: str, strength: str = "", *, returned: bool = False) -> float:
        """Return the mean share of the ideal; NaN without a run."""
        found = [each for (_, how, _), each in self.by_recipe[recipe].items() if strength in ("", how)]
        shares = [(each.returned if returned else each.best) / each.ideal for each in found]
        return fmean(shares) if shares else float("nan")

    def in_world(self, world: str) -> Suite:
        """Return the outcomes of one world."""
        every = (each for units in self.by_recipe.values() for each in units.values())
        return Suite(each for each in every if each.trial.world == world)

    def paired(self, one: str, other: str) -> Paired | None:
        """Compare two recipes on the units that both have run; None when there are none."""
        first, second = self.by_recipe.get(one, {}), self.by_recipe.get(other, {})
        units = [unit for unit in first if unit in second]
        if not units:
            return None
        ours = [min(1.0, first[unit].best / first[unit].ideal) for unit in units]
        theirs = [min(1.0, second[unit].best / second[unit].ideal) for unit in units]
        return Paired(one=one, other=other, verdict=compare(theirs, ours, alpha=TWO_SIDED))

    def calls_to_near(self, recipe: str) -> float:
        """Return the median of the search calls to 90 % of the ideal; infinite when most runs never got there."""
        reached = (each.reached for each in self.by_recipe[recipe].values())
        return median([float("inf") if calls is None else float(calls) for calls in reached])


def main(files: Annotated[list[Path], typer.Argument(help="What a suite has written.")]) -> None:
    """Print all tables."""
    typer.echo("\n".join(report(read(files))))


def report(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield the lines of all tables; the numbers of calls of the search are never mixed."""
    for calls in sorted({outcome.trial.calls for outcome in outcomes}):
        same = [outcome for outcome in outcomes if outcome.trial.calls == calls]
        yield f"## {calls:,} search calls\n"
        yield from _overview(same)
        for title, groups in GROUPS.items():
            suite = Suite(each for each in same if group_of(each.trial.world) in groups)
            if suite:
                yield from _group(title, suite)
        yield from _nulls([each for each in same if group_of(each.trial.world) == "null"])
        yield from _refused(same)
    yield CAVEAT


def _overview(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield a line a recipe, with both groups of worlds side by side; empty while one of them has no run."""
    every = [each for each in outcomes if group_of(each.trial.world) in ("open", "frozen")]
    suite = Suite(every)
    parts = [Suite(each for each in every if group_of(each.trial.world) == name) for name in ("open", "frozen")]
    if not all(parts):
        return
    yield "| recipe | open worlds | frozen worlds | strong | weak | sd | improved | calls to 90 % | optimizer calls |"
    yield "| --- |" + " ---: |" * 8
    for recipe in suite.ranked:
        shares = [part.share(recipe) for part in parts if recipe in part.by_recipe]
        if len(shares) < len(parts):
            continue
        shares += [suite.share(recipe, strength) for strength in ("strong", "weak")]
        runs = suite.by_recipe[recipe].values()
        improved = f"{fmean(each.status == 'improved' for each in runs):.0%}"
        asked = f"{median(each.optimizer_calls for each in runs):.0f}"
        spread = stdev([each.best / each.ideal for each in runs]) if len(runs) > 1 else 0.0
        cells = [*map(_share, (*shares, spread)), improved, _calls(suite.calls_to_near(recipe)), asked]
        yield f"| {recipe} | {' | '.join(cells)} |"
    yield ""


def _group(title: str, suite: Suite) -> Iterator[str]:
    yield f"### Worlds: {title}\n"
    yield from _recipes(suite)
    yield from (f"- {line}" for line in _comparisons(suite))
    yield ""
    if OURS in suite.by_recipe and len(suite.by_recipe) > 1:
        yield from _worlds(suite)


def _recipes(suite: Suite) -> Iterator[str]:
    yield f"| {' | '.join(COLUMNS)} |"
    yield "| ---: | --- |" + " ---: |" * (len(COLUMNS) - 2)
    for rank, recipe in enumerate(suite.ranked, start=1):
        runs = list(suite.by_recipe[recipe].values())
        shares = [suite.share(recipe), suite.share(recipe, "strong"), suite.share(recipe, "weak")]
        cells = [
            *(_share(each) for each in (*shares, suite.share(recipe, returned=True))),
            f"{fmean(each.status == 'improved' for each in runs):.0%}",
            _calls(suite.calls_to_near(recipe)),
            f"{median(each.optimizer_calls for each in runs):.0f}",
            f"{median(each.prompt_tokens for each in runs):.0f}",
            str(len(runs)),
        ]
        yield f"| {rank} | {recipe} | {' | '.join(cells)} |"
    yield ""


def _comparisons(suite: Suite) -> Iterator[str]:
    for rival in dict.fromkeys(each for each in (suite.runner_up, CONTROL) if each):
        if (pair := suite.paired(OURS, rival)) is not None:
            yield str(pair)
    behind = [pair for recipe in suite.ranked if (pair := _not_better(suite, recipe)) is not None]
    if CONTROL in suite.by_recipe:
        yield f"not proven to beat {CONTROL}: {', '.join(pair.one for pair in behind) or 'none'}"
        yield from (str(pair) for pair in behind)


def _not_better(suite: Suite, recipe: str) -> Paired | None:
    pair = suite.paired(recipe, CONTROL) if recipe != CONTROL else None
    return pair if pair is not None and pair.verdict.low <= 0 else None


def _worlds(suite: Suite) -> Iterator[str]:
    """Yield a line a world: ours, the best of the others there, and against whom it is lost."""
    losses = _losses(suite)
    yield f"| world | {OURS} | best other | its share | lost to (Holm-adjusted p over worlds, for each rival) |"
    yield "| --- | ---: | --- | ---: | --- |"
    for world in suite.worlds:
        here = suite.in_world(world)
        if OURS in here.by_recipe and here.runner_up is not None:
            best, lost = here.runner_up, losses.get(world, {})
            told = ", ".join(f"{rival} (p = {p:.3f})" for rival, p in lost.items()) or "nobody"
            yield f"| {world} | {_share(here.share(OURS))} | {best} | {_share(here.share(best))} | {told} |"
    yield ""


def _losses(suite: Suite) -> Mapping[str, Mapping[str, float]]:
    """Return by world the rivals that we lose it to, with the adjusted p."""
    lost: dict[str, dict[str, float]] = {}
    for rival in (recipe for recipe in suite.ranked if recipe != OURS):
        found = {world: suite.in_world(world).paired(rival, OURS) for world in suite.worlds}
        pairs = {world: pair.verdict for world, pair in found.items() if pair is not None}
        for (world, verdict), p in zip(pairs.items(), holm([each.p for each in pairs.values()]), strict=True):
            if p <= ALPHA and verdict.difference > LOST:
                lost.setdefault(world, {})[rival] = p
    return lost


def _nulls(outcomes: Sequence[Outcome]) -> Iterator[str]:
    suite = Suite(outcomes)
    if not suite:
        return
    yield "### Nulls: no prompt is better than the seed\n"
    yield "| recipe | improved | runs |"
    yield "| --- | ---: | ---: |"
    claims = {
        recipe: [each.status == "improved" for each in units.values()] for recipe, units in suite.by_recipe.items()
    }
    for recipe in sorted(claims):
        yield f"| {recipe} | {sum(claims[recipe])} | {len(claims[recipe])} |"
    pooled = [claim for each in claims.values() for claim in each]
    yield f"| all | {sum(pooled)} ({fmean(pooled):.1%}) | {len(pooled)} |\n"


def _refused(outcomes: Sequence[Outcome]) -> Iterator[str]:
    reasons = {each.stop: each.trial for each in outcomes if each.status == REFUSED}
    if reasons:
        yield "### Refused\n"
        yield from (f"- {trial.recipe} on {trial.world}: {reason}" for reason, trial in reasons.items())
        yield ""


def _share(share: float) -> str:
    return "-" if share != share else f"{share:.3f}"  # noqa: PLR0124  # NaN is all that differs from itself


def _calls(calls: float) -> str:
    return "never" if calls == float("inf") else f"{calls:.0f}"


if __name__ == "__main__":
    typer.run(main)
