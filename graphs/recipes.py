"""Recipes: one value for each slot. Adding one touches no other file."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from socratune.memory.errors import BadInput
from socratune.memory.records import Example, Task
from socratune.tools.gate import GATE_STAGES
from socratune.tools.model_spec import is_application
from socratune.tools.search.allocation import Allocation, Everyone, Paired
from socratune.tools.search.greedy import Greedy
from socratune.tools.search.policy import Search

Need = Literal["labels", "model"]
"""`labels`: train rows with an expected answer. `model`: a target that is sent worked examples with the prompt."""
Check = Literal["changed", "mended"]
"""What an edit must do on the failures that caused it before it sees dev rows: change an answer, or mend one."""
GATE_ROWS = GATE_STAGES[-1][0]
UNTIL_SPENT = 1_000
"""Rounds, or rounds without success, that no budget pays for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The train rows that a move learns from."""

    rows: int = 10
    """Run at a time; each round draws others."""
    failures: int = 10
    """Shown to the agents at most; several moves from one parent share the failures among them."""
    blocks: int = 1
    """So many times rows are drawn at most while nothing has failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One value per slot: which published method this is, in our parts."""

    name: str
    after: str
    """The paper, or what the arm controls for."""
    differs: str = ""
    """Where our reading differs from the released code."""
    proposers: tuple[str, ...]
    """Operators that the search chooses from, at least one."""
    search: Search
    evidence: Evidence = Evidence()
    plans: bool = False
    """Whether failures are clustered and ranked before each round; moves then have a focus."""
    check: Check = "changed"
    staged: bool = False
    """Whether children pass the staged paired gate against their parent first."""
    allocation: Allocation
    """How the dev rows of a round are spent."""
    moves: int
    """Children proposed in a round."""
    rounds: int = UNTIL_SPENT
    patience: int = UNTIL_SPENT
    """Rounds without a new leader before the search stops."""
    baselines: bool = False
    """Whether "think step by step" and few-shot are raced before the first round."""
    settles: bool = True
    """Whether the last accepted edits are run on all of dev, and the surest is tested; else the leader is."""
    feedback: Literal["metric", "pairwise"] = "metric"
    """Who scores answers during the search; the final test is always the task's own metric.

    `pairwise`: a judge who sees no label and compares each answer with that of the user's own prompt.
    """
    needs: tuple[Need, ...] = ()

    def refusal(self, task: Task, examples: Sequence[Example]) -> str:
        """Say why this recipe cannot work on a task; empty when it can."""
        if "labels" in self.needs and not any(row.expected for row in examples):
            return f"recipe {self.name!r} learns from labelled rows, and no row has an expected answer"
        if "model" in self.needs and is_application(task.target):
            return f"recipe {self.name!r} tries worked examples, which an application ({task.target}) may drop"
        if self.feedback == "pairwise" and not task.aim.strip():
            return f"recipe {self.name!r} compares answers by the goal, and there is none"
        return ""

    def equipped(self, task: Task) -> Task:
        """Return the task with a judge where answers are compared: the optimizer's model when it names none."""
        if self.feedback != "pairwise" or task.judge is not None:
            return task
        options = {**task.options, "judge": task.options["optimizer"]} if "optimizer" in task.options else task.options
        return replace(task, judge=task.optimizer, options=options)


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="auto",
            after="our own",
            proposers=("socratic",),
            search=Greedy,
            plans=True,
            check="mended",
            staged=True,
            allocation=Paired(rows=GATE_ROWS),
            moves=1,
            patience=5,
            baselines=True,
        ),
        Recipe(
            name="spo",
            after="arXiv 2502.06855",
            differs="answers to 24 pinned dev rows, not 3, are held against those of the user's own prompt, not of the "
            "best; each pair is judged once in both orders, and orders that disagree are a tie; no expected answer is "
            "shown; on a tie the parent stays, where released code judged the wrong way round or called it a success",
            proposers=("compare",),
            search=Greedy,
            evidence=Evidence(rows=3, failures=3),
            allocation=Paired(rows=24, block=24),
            moves=1,
            rounds=9,
            patience=4,
            settles=False,
            feedback="pairwise",
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
    near = difflib.get_close_matches(name, RECIPES, n=1)
    cure = f"did you mean {near[0]!r}?" if near else f"known recipes: {', '.join(RECIPES)}"
    raise BadInput(f"unknown recipe {name!r}", cure=cure)
