"""What agents tell each other about failures on the way from a plan to an edit: frozen values, like all records."""

from __future__ import annotations

from dataclasses import dataclass

from socratune.memory.records import CandidateId, ExampleId


@dataclass(frozen=True, slots=True, kw_only=True)
class SubGoal:
    """One step of the planner's plan: which failures to mend, and how."""

    cluster: str
    goal: str
    weight: float
    """In [0, 1]; the share of effort it deserves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    """One possible cause of failures, and the rule that would mend them."""

    label: str
    """`A`, `B` or `C`."""
    cause: str
    rule: str
    """A sentence that could stand in the prompt."""
    example_ids: tuple[ExampleId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Critique:
    """What the critic concluded from failures: a textual gradient. Empty when it said that it does not know."""

    candidate_id: CandidateId
    cluster: str
    hypotheses: tuple[Hypothesis, ...]
    written_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What one failure showed when it was held against a checklist."""

    example_id: ExampleId
    label_is_right: bool
    prompt_says_it: bool
    edit: str
    """One sentence; empty when no edit is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question of the teacher, and what the critic thought of it."""

    text: str
    labels: tuple[str, ...]
    """Hypotheses that the critic accepted as backed by the evidence, after the question."""
    advice: str = ""
