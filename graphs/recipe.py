"""What a recipe is: one value for each slot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from socratune.memory.records import Example, Task
from socratune.tools.model_spec import is_application
from socratune.tools.search.allocation import Allocation
from socratune.tools.search.policy import Search

Need = Literal["labels", "model"]
"""`labels`: train rows with an expected answer. `model`: a target that is sent worked examples with the prompt."""
Agent = Literal["planner", "teacher", "critic"]
"""An agent of the Socratic dialogue that an ablation leaves out: failures are ranked by size, nobody asks, or each
question is accepted as it comes."""
UNTIL_SPENT = 1_000
"""Rounds, or rounds without success, that no budget pays for."""


def is_missing(need: Need, task: Task, examples: Sequence[Example]) -> bool:
    """Say whether a task does not have what is needed."""
    return is_application(task.target) if need == "model" else not any(row.expected for row in examples)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The train rows that a move learns from."""

    rows: int = 10
    """Run at a time; each round draws others."""
    failures: int = 10
    """Shown to the agents at most; several moves from one parent share the failures among them."""
    blocks: int = 1
    """So many times rows are drawn at most while nothing has failed."""
    passes: int = 0
    """Rows that came out right, shown at most."""
    examples: int = 5
    """Labelled rows shown to who writes from them."""
    demos: int = 4
    """Worked examples in one prompt."""
    lineage: int = 0
    """Ancestors of the prompt shown at most, with their scores."""
    history: int = 20
    """Earlier prompts of the run shown at most to who writes from them."""
    scores: bool = True
    """Whether the scores of those are shown."""


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
    step: int | None = None
    """Words that an edit by checklist may take out and put in; None for no limit."""
    plans: bool = False
    """Whether failures are clustered and ranked before each round; moves then have a focus."""
    critiques: int = 1
    """How often the critic of a dialogue is asked about each cluster; what several answers name is pooled."""
    worth: float = 0.0
    """Mean reward; the search of a recipe that plans stops when less than so much is left to gain."""
    without: frozenset[Agent] = frozenset()
    """Agents left out, to see what they are worth."""
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
        missing = [need for need in self.needs if is_missing(need, task, examples)]
        if "labels" in missing:
            return f"recipe {self.name!r} learns from labelled rows, and no row has an expected answer"
        if "model" in missing:
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
