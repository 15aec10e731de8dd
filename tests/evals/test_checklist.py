from __future__ import annotations

from dataclasses import replace

from socratune.evals.checklist import INSPECTED, STUDY
from socratune.graphs.recipes import RECIPES


def test_s094_each_ablation_leaves_the_checklist_or_the_step_out_and_nothing_else() -> None:
    whole = RECIPES[INSPECTED]
    checklist, step = STUDY.variants.values()
    assert checklist != whole
    assert replace(checklist, proposers=whole.proposers) == whole
    assert step != whole
    assert replace(step, step=whole.step) == whole
