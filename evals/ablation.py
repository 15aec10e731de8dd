"""What each part of `auto` is worth: one part left out at a time, on the open worlds, at equal search calls.

Run `python -m socratune.evals.ablation --out results/FILE.jsonl`; it goes on where it was stopped, and prints the
table. Leaving out the planner, the teacher or the critic measures the simulated optimizer: it plays them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from socratune.evals import arms
from socratune.evals.arms import Outcome, Trial
from socratune.evals.results import CAVEAT, complete, read
from socratune.evals.suite import trials_of
from socratune.evals.tables import OURS, Suite
from socratune.evals.worlds import STRENGTHS
from socratune.graphs.recipe import Recipe
from socratune.graphs.recipes import GATE_ROWS, RECIPES
from socratune.tools.search.allocation import Everyone
from socratune.tools.search.greedy import Greedy
from socratune.tools.search.operators import OperatorBandit
from socratune.tools.simulator.builtin import OPEN

AUTO = RECIPES[OURS]
PLAYED = "Leaving out an agent measures the simulated optimizer, which plays all agents, and nothing else."


def _but(operator: str) -> Recipe:
    return replace(AUTO, proposers=tuple(each for each in AUTO.proposers if each != operator))


PARTS: Mapping[str, Recipe] = {
    "pooled critiques": replace(AUTO, critiques=1),
    "carried rules": replace(AUTO, carries=False),
    "doubt of the last failures": replace(AUTO, doubts=False),
    "restart": _but("restart"),
    "second look": _but("reconsider"),
    "worked examples": _but("demos"),
    "all other operators": replace(AUTO, proposers=AUTO.proposers[:1], search=Greedy),
    "turns (a bandit over all operators)": replace(AUTO, search=partial(OperatorBandit, parents="leader")),
    "gate": replace(AUTO, staged=False, allocation=Everyone(rows=GATE_ROWS, keep=1)),
    "mending before the gate": replace(AUTO, check="changed"),
    "baselines": replace(AUTO, baselines=False),
    "planner": replace(AUTO, without=frozenset({"planner"})),
    "teacher": replace(AUTO, without=frozenset({"teacher"})),
    "critic": replace(AUTO, without=frozenset({"critic"})),
}
"""`auto` without each part, by the part's name."""
WITHOUT = {f"{OURS} without {part}": recipe for part, recipe in PARTS.items()}


def register() -> None:
    """Make the ablations known by name in this process; a run finds its recipe so."""
    RECIPES.update({name: replace(recipe, name=name) for name, recipe in WITHOUT.items()})


def run(trial: Trial) -> Outcome:
    """Run a trial of a recipe or of one of its ablations."""
    register()
    return arms.run(trial)


def main(
    *,
    out: Annotated[Path, typer.Option(help="One JSON line a run; read again by the next start.")],
    seeds: int = 5,
    calls: int = 600,
    jobs: int = 2,
) -> None:
    """Run what `out` does not have yet, and print the table."""
    register()
    trials = trials_of(list(OPEN), [OURS, *WITHOUT], list(STRENGTHS), seeds=seeds, calls=calls)
    for number, _ in enumerate(complete(trials, out, run=run, processes=jobs), start=1):
        typer.echo(f"{number} of {len(trials)}", err=True)
    typer.echo("\n".join(table(read([out]))))


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield the table's lines: what is lost without each part, the most first."""
    suite = Suite(outcomes)
    yield "| without | share of ideal | strong | weak | lost (95 % interval) | calls to 90 % | optimizer calls | runs |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for name in suite.ranked[::-1]:
        cells = [name.removeprefix(f"{OURS} without ") if name != OURS else "nothing", *_cells(suite, name)]
        yield f"| {' | '.join(cells)} |"
    yield f"\n{PLAYED} {CAVEAT}"


def _cells(suite: Suite, name: str) -> Iterator[str]:
    yield from (f"{suite.share(name, strength):.3f}" for strength in ("", "strong", "weak"))
    pair = suite.paired(OURS, name) if name != OURS else None
    found = pair.verdict if pair else None
    points = (f"{each * 100:+.1f}" for each in (found.difference, found.low, found.high)) if found else ()
    yield "{} ({} to {})".format(*points) if found else "-"
    calls = suite.calls_to_near(name)
    yield "never" if calls == float("inf") else f"{calls:.0f}"
    runs = suite.by_recipe[name].values()
    yield f"{median(each.optimizer_calls for each in runs):.0f}"
    yield str(len(runs))


if __name__ == "__main__":
    typer.run(main)
