"""The operators by name: what recipes may choose from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from socratune.graphs.assignment import Proposer
from socratune.graphs.proposers import compare, demos, induce, joining, phrases, reflect, socratic
from socratune.graphs.recipe import Need, Recipe, is_missing
from socratune.memory.records import Example, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One way to make a child."""

    propose: Proposer
    from_failures: bool = False
    """Whether agents are shown failures for it."""
    by_code: bool = False
    """Whether it asks no model."""
    needs: tuple[Need, ...] = ()


OPERATORS: Mapping[str, Operator] = {
    "socratic": Operator(propose=socratic.propose, from_failures=True),
    "reflect": Operator(propose=reflect.rewrite, from_failures=True),
    "gradient": Operator(propose=reflect.gradient, from_failures=True),
    "checklist": Operator(propose=reflect.checklist, from_failures=True),
    "induce": Operator(propose=induce.induce, needs=("labels",)),
    "restart": Operator(propose=induce.restart, needs=("labels",)),
    "history": Operator(propose=induce.improve),
    "mutate": Operator(propose=induce.mutate),
    "paraphrase": Operator(propose=induce.paraphrase),
    "compress": Operator(propose=induce.compress),
    "crossover": Operator(propose=joining.crossover),
    "compare": Operator(propose=compare.propose),
    "join": Operator(propose=joining.join, by_code=True),
    "phrase": Operator(propose=phrases.propose, by_code=True),
    "demos": Operator(propose=demos.propose, by_code=True, needs=("labels", "model")),
}


def sees_errors(recipe: Recipe) -> bool:
    """Say whether a recipe's agents are shown failures, so that there is something to be shuffled for the control."""
    return recipe.rounds > 0 and any(OPERATORS[each].from_failures for each in recipe.proposers)


def fitted(recipe: Recipe, task: Task, train: Sequence[Example]) -> Recipe:
    """Return the recipe without operators that cannot work on a task: a turn of theirs would be lost."""
    able = [
        each for each in recipe.proposers if not any(is_missing(need, task, train) for need in OPERATORS[each].needs)
    ]
    return replace(recipe, proposers=tuple(able) or recipe.proposers)
