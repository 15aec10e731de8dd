"""Baselines that cost no thought: what a prompt must beat before an optimizer may claim anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from socratune.graphs.proposers.demos import first_of_each_answer
from socratune.memory.records import Candidate, Demo, Example, Prompt

DEMOS = 3
"""Worked examples in the few-shot baseline."""
THINK = "Think step by step before you answer."


def baselines(seed: Candidate, train: Sequence[Example]) -> list[Candidate]:
    """Return "think step by step" and few-shot from train.

    Few-shot only when the seed has no demos of its own, and from rows that have a label.
    """
    thinking = Candidate(
        prompt=_with_line(seed.prompt, THINK), parents=(seed.id,), operator="think", reason="Ask for reasoning first."
    )
    if seed.prompt.demos:
        return [thinking]
    demos = tuple(Demo(inputs=row.inputs, output=row.expected) for row in first_of_each_answer(train)[:DEMOS])
    shown = Candidate(
        prompt=replace(seed.prompt, demos=demos),
        parents=(seed.id,),
        operator="demos",
        reason=f"Show {len(demos)} solved train rows.",
    )
    return [thinking, shown] if demos else [thinking]


def _with_line(prompt: Prompt, line: str) -> Prompt:
    if prompt.system is not None:
        return replace(prompt, system=f"{prompt.system.rstrip()}\n{line}")
    return replace(prompt, user=f"{(prompt.user or '').rstrip()}\n{line}")
