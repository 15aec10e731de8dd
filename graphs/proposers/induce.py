"""Writing without failures: from labelled rows, from the history, in another style, in other words or in fewer."""

from __future__ import annotations

import random

from socratune.agents.rewriter import Findings
from socratune.agents.styles import thinking_styles
from socratune.graphs.assignment import Assignment
from socratune.graphs.context import SearchDeps
from socratune.graphs.proposers.edits import parent_of, written
from socratune.graphs.proposers.past import history
from socratune.memory.critiques import Hypothesis
from socratune.memory.records import Candidate, Example


async def induce(assignment: Assignment, deps: SearchDeps) -> Candidate | None:
    """Write the whole instruction anew from labelled rows (APE, arXiv 2211.01910); None when no row has a label."""
    examples = _examples(assignment, deps)
    return await written(assignment, deps, "induce", findings=Findings(examples=examples)) if examples else None


async def restart(assignment: Assignment, deps: SearchDeps) -> Candidate | None:
    """Write the instruction anew from labelled rows and the rules that held so far; None when no row has a label.

    For a prompt whose own sentences are in the way, so that no edit gets past the gate (VISTA, arXiv 2603.18388).
    """
    examples = _examples(assignment, deps)
    if not examples:
        return None
    line = [parent_of(assignment, deps)]
    while line[-1].parents:
        line.append(deps.ledger.candidate(line[-1].parents[0]))
    rules = dict.fromkeys(rule for each in reversed(line) for rule in each.lessons)
    held = [Hypothesis(label="", cause="", rule=rule, example_ids=()) for rule in rules]
    return await written(assignment, deps, "induce", findings=Findings(examples=examples), accepted=held)


async def improve(assignment: Assignment, deps: SearchDeps) -> Candidate | None:
    """Write a prompt that should beat all in the scored history (OPRO, arXiv 2309.03409)."""
    findings = Findings(history=history(assignment, deps), examples=_examples(assignment, deps))
    return await written(assignment, deps, "history", findings=findings)


async def mutate(assignment: Assignment, deps: SearchDeps) -> Candidate | None:
    """Restyle the parent; the moves of a round think in different styles (PromptWizard, arXiv 2405.18369)."""
    styles = thinking_styles()
    draw = random.Random(f"{deps.seed} {assignment.round} styles")  # noqa: S311  # not a secret
    style = draw.sample(styles, len(styles))[assignment.index % len(styles)]
    return await written(assignment, deps, "mutate", findings=Findings(style=style))


async def paraphrase(assignment: Assignment, deps: SearchDeps) -> Candidate | None:
    """Say the same in other words."""
    return await written(assignment, deps, "paraphrase", findings=Findings())


async def compress(assignment: Assignment, deps: SearchDeps) -> Candidate | None:
    """Say the same in fewer words."""
    return await written(assignment, deps, "compress", findings=Findings())


def _examples(assignment: Assignment, deps: SearchDeps) -> tuple[Example, ...]:
    """Draw labelled train rows, others for each move."""
    labelled = [row for row in deps.train if row.expected]
    most = min(deps.recipe.evidence.examples, len(labelled))
    return tuple(assignment.draw(deps, "examples").sample(labelled, most))
