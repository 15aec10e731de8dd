"""Variants of one recipe against it, at equal search calls: recipes that only one evaluation knows by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from socratune.evals import arms
from socratune.evals.arms import Outcome, Trial
from socratune.evals.results import CAVEAT, complete, read
from socratune.evals.suite import trials_of
from socratune.evals.tables import Suite
from socratune.graphs.recipe import Recipe
from socratune.graphs.recipes import RECIPES

COLUMNS = (
    *("share of ideal", "strong", "weak", "lost (95 % interval)", "calls to 90 %"),
    *("search calls", "optimizer calls", "runs"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What is compared with what, and where."""

    whole: str
    """The recipe that all others are held against."""
    whole_shown: str
    """What the table calls it."""
    variants: Mapping[str, Recipe]
    """By their names, which begin with `prefix`."""
    prefix: str
    """What the table leaves out of a name."""
    subject: str
    """Heading of the names."""
    worlds: tuple[str, ...]
    caption: str = ""

    def register(self) -> None:
        """Make the variants known by name in this process; a run finds its recipe so."""
        RECIPES.update({name: replace(recipe, name=name) for name, recipe in self.variants.items()})

    def run(self, trial: Trial) -> Outcome:
        """Run a trial of the recipe or of a variant."""
        self.register()
        return arms.run(trial)

    def main(
        self,
        *,
        out: Annotated[Path, typer.Option(help="One JSON line a run; read again by the next start.")],
        seeds: int = 5,
        calls: int = 600,
    ) -> None:
        """Run what `out` does not have yet, and print the table."""
        self.register()
        names = [self.whole, *self.variants]
        trials = trials_of(self.worlds, names, seeds=seeds, calls=calls)
        for number, _ in enumerate(complete(trials, out, run=self.run), start=1):
            typer.echo(f"{number} of {len(trials)}", err=True)
        typer.echo("\n".join(self.table(read([out]))))

    def table(self, outcomes: Sequence[Outcome]) -> Iterator[str]:
        """Yield the table's lines: the worst first, each with what it loses to the whole recipe."""
        suite = Suite(outcomes)
        yield f"| {' | '.join((self.subject, *COLUMNS))} |"
        yield "| --- |" + " ---: |" * len(COLUMNS)
        for name in suite.ranked[::-1]:
            shown = self.whole_shown if name == self.whole else name.removeprefix(self.prefix)
            yield f"| {' | '.join((shown, *self._cells(suite, name)))} |"
        yield "\n" + " ".join(filter(None, (self.caption, CAVEAT)))

    def _cells(self, suite: Suite, name: str) -> Iterator[str]:
        yield from (f"{suite.share(name, strength):.3f}" for strength in ("", "strong", "weak"))
        pair = suite.paired(self.whole, name) if name != self.whole else None
        found = pair.verdict if pair else None
        points = (f"{each * 100:+.1f}" for each in (found.difference, found.low, found.high)) if found else ()
        yield "{} ({} to {})".format(*points) if found else "-"
        calls = suite.calls_to_near(name)
        yield "never" if calls == float("inf") else f"{calls:.0f}"
        runs = suite.by_recipe[name].values()
        yield f"{median(each.search_calls for each in runs):.0f}"
        yield f"{median(each.optimizer_calls for each in runs):.0f}"
        yield str(len(runs))
