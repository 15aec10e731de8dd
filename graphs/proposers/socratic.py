"""The Socratic proposer: a dialogue over the sub-goals of a move, written into one edit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pydantic import TypeAdapter

from socratune.agents.evidence import Brief, Failure
from socratune.graphs.assignment import Assignment
from socratune.graphs.context import SearchDeps
from socratune.graphs.proposers.edits import brief_of, limits_of, parent_of
from socratune.graphs.socratic import Dialogue, DialogueDeps, accepted_hypotheses, hold_dialogue
from socratune.memory.critiques import Critique, Hypothesis, Question, SubGoal
from socratune.memory.records import Candidate, Lesson

MOST_SHOWN = 12
"""Failures of one cluster that the critic is shown; reflection gets worse with more."""
_CRITIQUES = TypeAdapter(list[Critique])
_QUESTIONS = TypeAdapter(list[Question])


async def propose(assignment: Assignment, deps: SearchDeps) -> Candidate | None:
    """Return a child, or None when the dialogue found nothing to act on.

    Raises `MalformedReply` and `CallFailed` when an agent cannot be understood or reached.
    """
    parent = parent_of(assignment, deps)
    steps = await _steps(assignment, deps, parent)
    if not steps:
        return None
    recalled = await deps.recall(steps[0][0].goal, key=f"propose {assignment.key}")
    brief = replace(brief_of(deps, parent), recalled=recalled, tried=deps.tried())
    dialogue = await hold_dialogue(_subject(assignment, deps, parent, brief, steps))
    child = _child(dialogue, accepted_hypotheses(dialogue), assignment, deps) if "child" in dialogue else None
    await _keep(dialogue, child, recalled, assignment, deps)
    return child


def _subject(
    assignment: Assignment,
    deps: SearchDeps,
    parent: Candidate,
    brief: Brief,
    steps: Sequence[tuple[SubGoal, Sequence[Failure]]],
) -> DialogueDeps:
    return DialogueDeps(
        agents=deps.agents,
        brief=brief,
        steps=steps,
        limits=limits_of(deps, parent),
        critiques=deps.recipe.critiques,
        attempt=deps.attempt(assignment.round),
        journal=deps.journal,
        key=assignment.key,
        without=deps.recipe.without,
    )


async def _steps(assignment: Assignment, deps: SearchDeps, parent: Candidate) -> list[tuple[SubGoal, list[Failure]]]:
    """Return the sub-goals in the move's focus, each with the rows of its cluster that the parent fails on.

    The clusters are of the leader's failures; a parent that does not lead is run on them first.
    """
    plan = assignment.plan
    if plan is None:
        raise AssertionError("a dialogue needs a plan")
    chosen = [plan.subgoals[rank] for rank in assignment.move.focus]
    shown = {cluster.id: cluster.example_ids[:MOST_SHOWN] for cluster in plan.clusters}
    steps = []
    for step in chosen:
        rows = [deps.train_by_id[row] for row in shown[step.cluster]]
        failures = deps.failures(await deps.evaluator.score(parent, rows, phase="search"))
        steps += [(step, failures)] if failures else []
    return steps


def _child(dialogue: Dialogue, acted_on: Sequence[Hypothesis], assignment: Assignment, deps: SearchDeps) -> Candidate:
    agents = deps.agents
    writers = (agents.critic, agents.teacher, agents.question_critic, agents.rewriter)
    return Candidate(
        prompt=dialogue["child"],
        parents=assignment.move.parents[:1],
        operator=assignment.move.operator,
        reason=dialogue["reason"],
        evidence=tuple(sorted({row for hypothesis in acted_on for row in hypothesis.example_ids})),
        lessons=tuple(dict.fromkeys(hypothesis.rule for hypothesis in acted_on)),
        written_by=tuple(agent.instructions.label for agent in writers),
        round=assignment.round,
    )


async def _keep(
    dialogue: Dialogue, child: Candidate | None, recalled: tuple[Lesson, ...], assignment: Assignment, deps: SearchDeps
) -> None:
    """Keep the whole dialogue: it is what people will read."""
    critiques, questions = dialogue.get("critiques", []), dialogue.get("questions", [])
    facts = {
        "round": assignment.round,
        "child": child.id if child else None,
        "questions": len(questions),
        "recalled": [lesson.id for lesson in recalled],
    }
    content = {
        "critiques": _CRITIQUES.dump_python(critiques, mode="json"),
        "questions": _QUESTIONS.dump_python(questions, mode="json"),
        "reason": dialogue.get("reason", ""),
    }
    await deps.journal.record("dialogue", assignment.key, facts, content)
