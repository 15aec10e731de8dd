from __future__ import annotations

from dataclasses import replace

from socratune.evals.dialogue import AGENTS, SOCRATIC, STUDY
from socratune.graphs.recipes import RECIPES


def test_s037_each_ablation_leaves_one_agent_out_and_nothing_else() -> None:
    mars = RECIPES[SOCRATIC]
    left_out = [each.without for each in STUDY.variants.values()]
    assert left_out == [frozenset({agent}) for agent in AGENTS]
    assert all(replace(each, without=mars.without) == mars for each in STUDY.variants.values())
