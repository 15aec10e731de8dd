"""What each agent of the Socratic dialogue is worth: the recipe of MARS (arXiv 2503.16874) without it, at equal calls.

Run `python -m socratune.evals.dialogue --out results/FILE.jsonl` on the open worlds; it goes on where it was stopped,
and prints the table. The simulated optimizer plays all agents: what is measured is the simulator.
"""

from __future__ import annotations

from dataclasses import replace

import typer

from socratune.evals.ablation import PLAYED
from socratune.evals.study import Study
from socratune.graphs.recipe import Agent
from socratune.graphs.recipes import RECIPES
from socratune.tools.simulator.builtin import OPEN

SOCRATIC = "mars"
AGENTS: tuple[Agent, ...] = ("planner", "teacher", "critic")
STUDY = Study(
    whole=SOCRATIC,
    whole_shown="nobody",
    variants={f"{SOCRATIC} without {each}": replace(RECIPES[SOCRATIC], without=frozenset({each})) for each in AGENTS},
    prefix=f"{SOCRATIC} without ",
    subject="without",
    worlds=OPEN,
    caption=PLAYED,
)


if __name__ == "__main__":
    typer.run(STUDY.main)
