"""Worked examples: which train rows stand in the prompt, with which answers. Code alone, no model."""

from __future__ import annotations

from dataclasses import replace

from socratune.graphs.assignment import Assignment
from socratune.graphs.context import SearchDeps
from socratune.graphs.proposers.edits import child_of, minibatch
from socratune.memory.records import Candidate, Demo, Example, ExampleId

DEMOS = 4
"""Worked examples in one prompt."""


async def propose(assignment: Assignment, deps: SearchDeps) -> Candidate | None:
    """Put another set of worked examples under the parent: half of them rows that it fails on, of varied answers.

    A row that the parent answers rightly is shown with its own words, reasoning included (CAPO, arXiv 2504.16005); any
    other with the bare expected answer. None when no row has a label.
    """
    parent = deps.ledger.candidate(assignment.move.parents[0])
    seen = await minibatch(assignment, deps)
    own = {each.example.id: each.rollout.output or "" for each in seen.passes}
    draw = assignment.draw(deps, "demos")
    hard = _varied([each.example for each in seen.failures], DEMOS // 2)
    rest = [row for row in draw.sample(deps.train, len(deps.train)) if row not in hard]
    chosen = [*hard, *_varied(rest, DEMOS - len(hard))]
    draw.shuffle(chosen)
    demos = tuple(_demo(row, own) for row in chosen)
    if not demos:
        return None
    return child_of(assignment, (replace(parent.prompt, demos=demos), f"Show {len(demos)} solved train rows."))


def _demo(row: Example, own: dict[ExampleId, str]) -> Demo:
    return Demo(inputs=row.inputs, output=own.get(row.id) or row.expected)


def _varied(rows: list[Example], most: int) -> list[Example]:
    """Return labelled rows, those with an answer not shown yet first, in the order given."""
    labelled = [row for row in rows if row.expected]
    first = {row.expected: row for row in reversed(labelled)}
    fresh = [row for row in labelled if first[row.expected] is row]
    return [*fresh, *(row for row in labelled if row not in fresh)][:most]
