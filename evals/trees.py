"""What planning over a tree is worth: PromptAgent's recipe (arXiv 2310.16427) with other searches, at equal calls.

Run `python -m socratune.evals.trees --out results/FILE.jsonl` in the world in which one rule pays only after another;
it goes on where it was stopped, and prints the table. All searches share proposer, evidence and rows of a child.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import typer

from socratune.evals.study import Study
from socratune.graphs.recipe import Recipe
from socratune.graphs.recipes import RECIPES
from socratune.tools.search.beam import Beam
from socratune.tools.search.greedy import Greedy
from socratune.tools.search.mcts import Mcts

PLANNED = "promptagent"
SEARCHES: Mapping[str, Recipe] = {
    f"{PLANNED} by {search}": recipe
    for search, recipe in {
        "mcts 4 deep": replace(RECIPES[PLANNED], search=partial(Mcts, width=3, depth_limit=4)),
        "greedy": replace(RECIPES[PLANNED], search=Greedy),
        "beam of 1": replace(RECIPES[PLANNED], search=partial(Beam, width=1)),
        "beam of 3": replace(RECIPES[PLANNED], search=partial(Beam, width=3)),
    }.items()
}
"""The recipe with another search, by name."""
STUDY = Study(
    whole=PLANNED,
    whole_shown="mcts",
    variants=SEARCHES,
    prefix=f"{PLANNED} by ",
    subject="search",
    worlds=("prerequisite",),
    caption="Lost is what is lost against mcts; below zero, mcts is behind.",
)


if __name__ == "__main__":
    typer.run(STUDY.main)
