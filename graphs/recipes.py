"""Recipes: one value for each slot. Adding one touches no other file."""

from __future__ import annotations

import difflib
from dataclasses import replace
from functools import partial

from socratune.graphs.recipe import Evidence, Recipe
from socratune.memory.errors import BadInput
from socratune.tools.gate import GATE_STAGES
from socratune.tools.search.allocation import Everyone
from socratune.tools.search.bandits import Ucb
from socratune.tools.search.beam import Beam
from socratune.tools.search.best_of_n import BestOfN
from socratune.tools.search.evolve import HEURISTICS, Evolve
from socratune.tools.search.greedy import Greedy
from socratune.tools.search.mcts import Mcts
from socratune.tools.search.pareto import Pareto
from socratune.tools.search.races import Crowd, Paired
from socratune.tools.search.random_walk import RandomWalk
from socratune.tools.search.tpe import Tpe
from socratune.tools.search.turns import Turns

GATE_ROWS = GATE_STAGES[-1][0]
FEW_ROWS = 24
"""Dev rows of a child where the paper scores hundreds: a round of four costs a sixth of 600 calls."""
SCALED = "Fewer dev rows a child than the paper; the final choice is on all of dev, the result on sealed rows."

_PLUM = Recipe(
    name="plum",
    after="arXiv 2311.08364",
    differs=f"Phrases are cut at sentences and lines, not by a parser. {SCALED}",
    proposers=("phrase", "paraphrase", "crossover"),
    search=partial(Evolve, heuristic="hill"),
    allocation=Everyone(rows=FEW_ROWS),
    moves=4,
)
_PUBLISHED = (
    Recipe(
        name="mars",
        after="arXiv 2503.16874",
        differs="The teacher asks about true failures, the critic judges use and not manner, and a worse prompt is not "
        "carried on; the paper's code scores on its test file.",
        proposers=("socratic",),
        search=Greedy,
        plans=True,
        allocation=Everyone(rows=GATE_ROWS, keep=1),
        moves=1,
    ),
    Recipe(
        name="promptagent",
        after="arXiv 2310.16427",
        differs=f"Critique and rewrite are one call, and the value of a node does not grow with its depth. {SCALED}",
        proposers=("reflect",),
        search=partial(Mcts, width=3),
        evidence=Evidence(rows=5, failures=5, blocks=2, passes=5, lineage=4),
        allocation=Everyone(rows=FEW_ROWS),
        moves=3,
    ),
    Recipe(
        name="promptwizard",
        after="arXiv 2405.18369",
        differs="Restyling, critique and worked examples race on shared rows in each round, where the code goes in "
        "stages and tosses a coin; nothing is accepted unscored, and reasoning is the target's own.",
        proposers=("mutate", "gradient", "demos"),
        search=partial(Beam, width=1),
        evidence=Evidence(rows=10, failures=5, passes=3, demos=5),
        allocation=Paired(rows=FEW_ROWS),
        moves=3,
        needs=("labels", "model"),
    ),
    Recipe(
        name="protegi",
        after="arXiv 2305.03495",
        differs="The bandit compares candidates on the same rows, and paraphrases are of the beam instead of its new "
        f"children. {SCALED}",
        proposers=("gradient", "paraphrase"),
        search=partial(Beam, width=4),
        evidence=Evidence(rows=16, failures=4),
        allocation=Ucb(keep=4, rows=16),
        moves=6,
    ),
    Recipe(
        name="pe2",
        after="arXiv 2311.05661",
        differs="An edit past its step is refused in code, and rows whose label looks wrong ask for nothing; "
        f"the step is 40 words, for a rule has about fifteen. {SCALED}",
        proposers=("checklist",),
        search=partial(Beam, width=2, backtracking=True),
        evidence=Evidence(rows=10, failures=2),
        step=40,
        allocation=Everyone(rows=FEW_ROWS),
        moves=4,
    ),
    Recipe(
        name="opro",
        after="arXiv 2309.03409",
        differs=f"The history holds four thousand tokens of prompts at most. {SCALED}",
        proposers=("history",),
        search=partial(BestOfN, near=1),
        evidence=Evidence(examples=3, history=20),
        allocation=Everyone(rows=FEW_ROWS),
        moves=4,
    ),
    Recipe(
        name="ape",
        after="arXiv 2211.01910",
        differs=f"The prompt that is optimised is the first of the population. {SCALED}",
        proposers=("induce", "paraphrase"),
        search=partial(BestOfN, near=4),
        evidence=Evidence(examples=5),
        allocation=Everyone(rows=FEW_ROWS),
        moves=6,
        needs=("labels",),
    ),
    Recipe(
        name="spo",
        after="arXiv 2502.06855",
        differs="Answers to 24 pinned dev rows, not 3, are held against those of the user's own prompt, not of the "
        "best; each pair is judged once in both orders, and orders that disagree are a tie; no label is shown; "
        "on a tie the parent stays, where released code judged the wrong way round or called it a success.",
        proposers=("compare",),
        search=Greedy,
        evidence=Evidence(rows=3, failures=3),
        allocation=Everyone(rows=FEW_ROWS, keep=1),
        moves=1,
        rounds=9,
        patience=4,
        settles=False,
        feedback="pairwise",
    ),
    Recipe(
        name="gepa",
        after="arXiv 2507.19457",
        differs="A staged gate on dev rows in place of three train rows, and a merge is written by the "
        "model, for a prompt here is one text and not modules.",
        proposers=("reflect", "crossover"),
        search=Pareto,
        evidence=Evidence(rows=3, failures=3, blocks=4),
        staged=True,
        allocation=Everyone(rows=GATE_ROWS),
        moves=1,
    ),
    Recipe(
        name="evoprompt",
        after="arXiv 2309.08532",
        differs="Its genetic algorithm alone; prompts are induced and restyled all the time and not for the first "
        f"population only, and parents are drawn by rank. {SCALED}",
        proposers=("induce", "mutate", "crossover"),
        search=partial(Evolve, heuristic="ga"),
        allocation=Everyone(rows=FEW_ROWS),
        moves=4,
        needs=("labels",),
    ),
    _PLUM,
    *(
        replace(_PLUM, name=f"plum-{heuristic}", search=partial(Evolve, heuristic=heuristic))
        for heuristic in HEURISTICS
        if heuristic != "hill"
    ),
    Recipe(
        name="miprov2",
        after="arXiv 2406.11695",
        differs="Instructions come from labelled rows and from restyling, without summaries of data and program, and "
        f"options are scored before they are paired. {SCALED}",
        proposers=("induce", "mutate", "demos", "join"),
        search=partial(Tpe, options=6),
        evidence=Evidence(examples=5, demos=4),
        allocation=Everyone(rows=FEW_ROWS),
        moves=4,
        needs=("labels", "model"),
    ),
    Recipe(
        name="textgrad",
        after="arXiv 2406.07496",
        differs="One prompt is the only variable; a step that does not gain on dev is taken back.",
        proposers=("gradient",),
        search=Greedy,
        evidence=Evidence(rows=3, failures=3, blocks=4),
        allocation=Everyone(rows=GATE_ROWS, keep=1),
        moves=1,
    ),
    Recipe(
        name="capo",
        after="arXiv 2504.16005",
        differs="The first instructions are induced from labelled rows and not from the task's description; crossover, "
        "rewording and worked examples are moves of their own; length is no part of the score during the search.",
        proposers=("induce", "crossover", "paraphrase", "demos"),
        search=partial(Evolve, heuristic="ga"),
        evidence=Evidence(demos=5),
        allocation=Crowd(keep=3, rows=GATE_ROWS),
        moves=4,
        needs=("labels", "model"),
    ),
    Recipe(
        name="random",
        after="control: any edit of any candidate",
        proposers=("reflect", "gradient", "mutate", "paraphrase", "crossover", "phrase"),
        search=RandomWalk,
        allocation=Everyone(rows=FEW_ROWS),
        moves=4,
    ),
)
RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="auto",
            after="our own",
            proposers=("socratic", "restart", "demos"),
            search=Turns,
            evidence=Evidence(examples=20, demos=4),
            plans=True,
            critiques=3,
            worth=0.03,
            staged=True,
            allocation=Paired(rows=GATE_ROWS),
            moves=1,
            patience=8,
            baselines=True,
        ),
        Recipe(
            name="rewrite-best-of-n",
            after="control: rewrite from the errors among ten train rows, keep the better on all of dev",
            proposers=("reflect",),
            search=Greedy,
            allocation=Everyone(keep=1),
            moves=1,
        ),
        Recipe(
            name="few-shot",
            after="control: worked examples under the seed prompt, nothing else",
            proposers=("demos",),
            search=Greedy,
            allocation=Everyone(),
            moves=1,
            rounds=1,
            needs=("labels", "model"),
        ),
        *_PUBLISHED,
        Recipe(
            name="seed",
            after="control: the prompt as it stands",
            proposers=("reflect",),
            search=Greedy,
            allocation=Everyone(),
            moves=1,
            rounds=0,
        ),
    )
}
METHODS = frozenset({"ipc"})
"""Published methods that people know by name and that have no recipe."""
ALSO_CALLED = {"apo": "protegi", "mipro": "miprov2"}
"""Recipes by other names of their method."""


def refuse_method(spec: str) -> None:
    """Raise `BadInput` when a recipe or a method is named where a model belongs."""
    name = spec.strip().lower()
    if name in RECIPES:
        raise BadInput(f"{spec!r} is a recipe, not a model", cure=f"write --recipe {name}")
    if name in METHODS:
        problem = f"{spec!r} is a recipe, not a model, and this version has no recipe of that name"
        raise BadInput(problem, cure=f"known recipes: {', '.join(RECIPES)}")


def recipe_named(name: str) -> Recipe:
    """Return a recipe. Raises `BadInput` with the nearest name when there is none."""
    if name in RECIPES:
        return RECIPES[name]
    if name in METHODS:
        raise BadInput(f"this version has no recipe for the method {name!r}", cure=f"known: {', '.join(RECIPES)}")
    near = [ALSO_CALLED[name]] if name in ALSO_CALLED else difflib.get_close_matches(name, RECIPES, n=1)
    cure = f"did you mean {near[0]!r}?" if near else f"known recipes: {', '.join(RECIPES)}"
    raise BadInput(f"unknown recipe {name!r}", cure=cure)
