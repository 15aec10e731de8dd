"""Worked examples: which train rows stand in the prompt, with which answers. Code alone, no model."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from random import Random

from socratune.graphs.assignment import Assignment
from socratune.graphs.context import SearchDeps
from socratune.graphs.proposers.edits import Minibatch, child_of, earlier, minibatch, parent_of
from socratune.memory.plain import as_json
from socratune.memory.records import Candidate, Demo, Example

DRAWS = 8
"""Sets drawn at most until one is new."""


async def propose(assignment: Assignment, deps: SearchDeps) -> Candidate | None:
    """Put another set of worked examples under the parent: half of them rows that it fails on, of varied answers.

    A row that the parent answers rightly is shown with its own words, reasoning included (CAPO, arXiv 2504.16005); any
    other with the bare expected answer. None when no row has a label, or no set was drawn that the run has not tried.
    """
    parent, seen = parent_of(assignment, deps), await minibatch(assignment, deps)
    tried = {_key(each.prompt.demos) for each in earlier(assignment, deps)}
    draw = assignment.draw(deps, "demos")
    chosen = _fresh(deps, seen, tried, draw)
    if not chosen:
        return None
    draw.shuffle(chosen)
    reason = f"Show {len(chosen)} solved train rows."
    return child_of(assignment, (replace(parent.prompt, demos=tuple(chosen)), reason))


def _fresh(deps: SearchDeps, seen: Minibatch, tried: Collection[frozenset[str]], draw: Random) -> list[Demo]:
    """Draw sets until one is new; empty when `DRAWS` draws brought none."""
    for _ in range(DRAWS):
        if (chosen := _set(deps, seen, draw)) and _key(chosen) not in tried:
            return chosen
    return []


def _key(demos: Sequence[Demo]) -> frozenset[str]:
    """Name a set of examples by its rows: in another order it is the same."""
    return frozenset(as_json(demo.inputs) for demo in demos)


def _set(deps: SearchDeps, seen: Minibatch, draw: Random) -> list[Demo]:
    most = deps.recipe.evidence.demos
    own = {each.example.id: each.rollout.output or "" for each in seen.passes}
    failed = [deps.train_by_id[each.example.id] for each in seen.failures]  # with their own inputs in a control, too
    hard = _varied(draw.sample(failed, len(failed)), most // 2)
    rest = [row for row in draw.sample(deps.train, len(deps.train)) if row not in hard]
    chosen = [*hard, *_varied(rest, most - len(hard), unlike=hard)]
    return [Demo(inputs=row.inputs, output=own.get(row.id) or row.expected) for row in chosen]


def _varied(rows: Sequence[Example], most: int, *, unlike: Sequence[Example] = ()) -> list[Example]:
    """Return labelled rows, those with an answer not shown yet first, in the order given."""
    shown = {row.expected for row in unlike}
    fresh = [row for row in first_of_each_answer(rows) if row.expected not in shown]
    return [*fresh, *(row for row in rows if row.expected and row not in fresh)][:most]


def first_of_each_answer(rows: Sequence[Example]) -> list[Example]:
    """Return the first row of each expected answer, in the order given; none without a label."""
    first: dict[str, Example] = {}
    for row in rows:
        if row.expected:
            first.setdefault(row.expected, row)
    return list(first.values())
