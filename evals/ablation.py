"""What each part of `auto` is worth: one part left out at a time, on the open worlds, at equal search calls.

Run `python -m socratune.evals.ablation --out results/FILE.jsonl`; it goes on where it was stopped, and prints the
table. Leaving out the planner, the teacher or the critic measures the simulated optimizer: it plays them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import typer

from socratune.evals.study import Study
from socratune.evals.tables import OURS
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
    "the bound that ends a search": replace(AUTO, worth=0.0),
    "restart": _but("restart"),
    "worked examples": _but("demos"),
    "all other operators": replace(AUTO, proposers=AUTO.proposers[:1], search=Greedy),
    "turns (a bandit over all operators)": replace(AUTO, search=partial(OperatorBandit, parents="leader")),
    "turns (the same, Pareto parents)": replace(AUTO, search=OperatorBandit),
    "gate": replace(AUTO, staged=False, allocation=Everyone(rows=GATE_ROWS, keep=1)),
    "baselines": replace(AUTO, baselines=False),
    "planner": replace(AUTO, without=frozenset({"planner"})),
    "teacher": replace(AUTO, without=frozenset({"teacher"})),
    "critic": replace(AUTO, without=frozenset({"critic"})),
}
"""`auto` without each part, by the part's name."""
WITHOUT = {f"{OURS} without {part}": recipe for part, recipe in PARTS.items()}
STUDY = Study(
    whole=OURS,
    whole_shown="nothing",
    variants=WITHOUT,
    prefix=f"{OURS} without ",
    subject="without",
    worlds=OPEN,
    caption=PLAYED,
)


if __name__ == "__main__":
    typer.run(STUDY.main)
