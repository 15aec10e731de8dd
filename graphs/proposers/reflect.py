"""Rewriting from failures: at once, through a critique (a textual gradient), or through a checklist row by row."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

from socratune.agents.evidence import Failure
from socratune.agents.rewriter import Findings
from socratune.graphs.assignment import Assignment
from socratune.graphs.context import SearchDeps
from socratune.graphs.proposers.edits import Minibatch, brief_of, minibatch, parent_of, written
from socratune.graphs.proposers.past import lineage
from socratune.memory.critiques import Hypothesis, SubGoal
from socratune.memory.records import Candidate, Prompt

BATCH = SubGoal(cluster="batch", goal="Say what in the prompt lets these rows go wrong.", weight=1.0)
"""What the critic is asked where no plan says more."""


async def rewrite(assignment: Assignment, deps: SearchDeps) -> Candidate | None:
    """Rewrite from the failures of a minibatch in one step, with the prompt's ancestors where the recipe shows them.

    Where nothing failed, what passed is shown; None when there is none of that, or the recipe shows no passes.
    """
    seen = await minibatch(assignment, deps)
    passes = () if seen.failures else _passes(seen, deps)
    if not seen.failures and not passes:
        return None
    ancestors = lineage(deps, parent_of(assignment, deps))
    findings = Findings(failures=seen.failures, passes=passes, lineage=ancestors)
    return await written(assignment, deps, "reflect", findings=findings, evidence=seen.failures)


async def gradient(assignment: Assignment, deps: SearchDeps) -> Candidate | None:
    """Ask the critic why the rows of a minibatch failed, and rewrite against what it says.

    A textual gradient (ProTeGi, arXiv 2305.03495); with passes beside the failures, PromptWizard's critique and
    synthesis (arXiv 2405.18369). None when the critic has nothing to say, or nothing failed and no passes are shown.
    """
    seen = await minibatch(assignment, deps)
    passes = _passes(seen, deps)
    hypotheses: Sequence[Hypothesis] = ()
    if seen.failures:
        brief = brief_of(deps, parent_of(assignment, deps))
        critique = await deps.agents.critic.examine(brief, BATCH, seen.failures, attempt=assignment.sample)
        hypotheses = critique.hypotheses
    if not hypotheses and (seen.failures or not passes):
        return None
    findings = Findings(hypotheses=hypotheses, failures=seen.failures, passes=passes)
    return await written(assignment, deps, "synthesise", findings=findings, evidence=seen.failures)


async def checklist(assignment: Assignment, deps: SearchDeps) -> Candidate | None:
    """Inspect each failure against a checklist, and make only the edits that it asks for (PE2, arXiv 2311.05661).

    None when nothing failed, when no edit is wanted, or when the child changes more words than the recipe's step
    allows.
    """
    failures = (await minibatch(assignment, deps)).failures
    if not failures:
        return None
    parent, step = parent_of(assignment, deps), deps.recipe.step
    inspected = await deps.agents.inspector.inspect(brief_of(deps, parent), failures, attempt=assignment.sample)
    wanted = {each.example_id: each for each in inspected if each.label_is_right and each.edit}
    if not wanted:
        return None
    behind = [failure for failure in failures if failure.example.id in wanted]
    findings = Findings(inspections=tuple(wanted.values()), step=step)
    child = await written(assignment, deps, "amend", findings=findings, evidence=behind)
    changed = changed_words(parent.prompt, child.prompt)
    if step is None or changed <= step:
        return child
    facts = {"round": assignment.round, "changed": changed, "step": step}
    await deps.journal.record("over_step", assignment.key, facts)
    return None


def changed_words(before: Prompt, after: Prompt) -> int:
    """Return how many words of the instructions an edit takes out or puts in."""
    old, new = before.instructions.split(), after.instructions.split()
    spans = SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes()
    return sum(to - start + end - begin for kind, start, to, begin, end in spans if kind != "equal")


def _passes(seen: Minibatch, deps: SearchDeps) -> Sequence[Failure]:
    return seen.passes[: deps.recipe.evidence.passes]
