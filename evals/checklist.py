"""What PE2's checklist and its step are worth: the recipe of PE2 (arXiv 2311.05661) without each, at equal calls.

Run `python -m socratune.evals.checklist --out results/FILE.jsonl` on the open worlds; it goes on where it was stopped,
and prints the table. Instead of row by row, the plain rewrite looks at the same failures all at once.
"""

from __future__ import annotations

from dataclasses import replace

import typer

from socratune.evals.ablation import PLAYED
from socratune.evals.study import Study
from socratune.graphs.recipes import RECIPES
from socratune.tools.simulator.builtin import OPEN

INSPECTED = "pe2"
STUDY = Study(
    whole=INSPECTED,
    whole_shown="nothing",
    variants={
        f"{INSPECTED} without the checklist": replace(RECIPES[INSPECTED], proposers=("reflect",)),
        f"{INSPECTED} without the step": replace(RECIPES[INSPECTED], step=None),
    },
    prefix=f"{INSPECTED} without ",
    subject="without",
    worlds=OPEN,
    caption=PLAYED,
)


if __name__ == "__main__":
    typer.run(STUDY.main)
