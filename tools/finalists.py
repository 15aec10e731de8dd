"""Which candidate goes on to the final test. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from socratune.memory.records import Candidate, CandidateId, ExampleId
from socratune.tools.gate import GATE_STAGES
from socratune.tools.statistics import advantage
from socratune.tools.tokens import estimate

Scores = Mapping[CandidateId, Mapping[ExampleId, float]]


def choose_finalist(accepted: Sequence[Candidate], scores: Scores, *, root: CandidateId) -> CandidateId:
    """Return the candidate with the best value; the seed, whose value is 0, when none is above it.

    The value of a child is that of its parent plus the lower bound of its paired gain on dev, one standard error below
    the mean: an edit that saw few rows, or won narrowly, falls back to its parent. Many narrow steps may still be a
    sure gain together: the lower bound of the gain over the seed counts where it is higher. Ties go to the shorter
    prompt. `accepted` is in the order of acceptance, so that parents come first.
    """
    value: dict[CandidateId, float] = {root: 0.0}
    for child in accepted:
        parent = child.parents[0]
        by_steps = value[parent] + _lower_bound(scores[child.id], scores[parent])
        value[child.id] = max(by_steps, _lower_bound(scores[child.id], scores[root]))
    lengths = {child.id: estimate(child.prompt.instructions) for child in accepted} | {root: 0}
    return min(value, key=lambda each: (-round(value[each], 9), lengths[each], each))


def _lower_bound(child: Mapping[ExampleId, float], parent: Mapping[ExampleId, float]) -> float:
    gains = [child[row] - parent[row] for row in child if row in parent]
    mean, error = advantage(gains)
    # A handful of rows that all went one way would have no error at all: they prove nothing either way.
    return mean - error if len(gains) >= GATE_STAGES[0][0] else min(mean, 0.0)
