"""How an output becomes a score: by a pure metric, or by someone who has to be asked."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, replace
from typing import Protocol

from socratune.agents.coded import Coded
from socratune.agents.instructions import AgentPrompt
from socratune.agents.judges import JUDGE_TOKENS, TIED, PairJudge, RubricJudge
from socratune.memory.errors import BadInput
from socratune.memory.records import Example, Prompt, Task
from socratune.tools.assertions import RUBRIC, Assertion, checks_of, measured, weighed
from socratune.tools.caller import Caller, Line
from socratune.tools.metrics import NOTHING, Metric, Score, metric_named
from socratune.tools.model_spec import is_code
from socratune.tools.models import allowed
from socratune.tools.purse import Phase
from socratune.tools.template import messages, shared_prefix


class Scorer(Protocol):
    """Scores one output for its row."""

    async def score(self, output: str, example: Example, *, phase: Phase) -> Score:
        """Return the score.

        Raises `CallFailed` when whoever is asked gives no answer: a missing reward, never a zero. `BudgetExhausted`,
        `Paused` and `Interrupted` as a call does.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Scores by a pure metric."""

    metric: Metric

    async def score(self, output: str, example: Example, *, phase: Phase) -> Score:
        """Return the metric's score."""
        return self.metric(output, example)


@dataclass(frozen=True, slots=True, kw_only=True)
class ByRubric:
    """Scores by the share of a rubric's criteria that a judge finds met."""

    judge: RubricJudge
    rubric: str

    async def score(self, output: str, example: Example, *, phase: Phase) -> Score:
        """Return the judge's grade."""
        return await self.judge.grade(self.rubric, output, example, phase=phase)


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """The prompt that others are held against, and where its answers come from: each is paid for once."""

    prompt: Prompt
    line: Line

    async def answer(self, example: Example, *, phase: Phase) -> str:
        """Return what the prompt's first run on the row says."""
        prefix = shared_prefix(self.prompt, example.inputs)
        request = messages(self.prompt, example.inputs)
        return await self.line.ask(request, phase=phase, row=example.inputs, prefix=prefix)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainstOriginal:
    """Scores by a judge who is shown the original prompt's answer to the same row: 1 better, 0.5 a tie, 0 worse.

    The same answer is a tie and nobody is asked; so the original scores 0.5 on its first run. Its repeats are judged
    when they differ, which is what tells how much chance there is in a judgement.
    """

    judge: PairJudge
    goal: str
    original: Original

    async def score(self, output: str, example: Example, *, phase: Phase) -> Score:
        """Return the judge's preference."""
        before = await self.original.answer(example, phase=phase)
        if output.strip() == before.strip():
            return Score(reward=0.5, feedback=f"{TIED}: it is the same answer")
        if not output.strip():
            return NOTHING
        return await self.judge.compare(self.goal, (before, output), example, phase=phase)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlabelled:
    """Scores as another does who never hears of a label."""

    scorer: Scorer

    async def score(self, output: str, example: Example, *, phase: Phase) -> Score:
        """Return the score of the output for a row of which the inputs alone are known."""
        return await self.scorer.score(output, replace(example, expected="", extra={}, checks=""), phase=phase)


@dataclass(frozen=True, slots=True, kw_only=True)
class ByPhase:
    """Scores the final test by one scorer, and all that leads to it by another."""

    before: Scorer
    test: Scorer

    async def score(self, output: str, example: Example, *, phase: Phase) -> Score:
        """Return the score that counts in this phase."""
        scorer = self.test if phase == "test" else self.before
        return await scorer.score(output, example, phase=phase)


class Grade(Protocol):
    """Asks how far an output meets a rubric."""

    def __call__(self, rubric: str, output: str, example: Example, *, phase: Phase) -> Awaitable[Score]:
        """Return a score whose reward is that share, in [0, 1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asserted:
    """Scores by the assertions that a row makes of its own."""

    grade: Grade | None
    """None when there is nobody to ask; a rubric is then refused."""

    async def score(self, output: str, example: Example, *, phase: Phase) -> Score:
        """Return the weighted mean of the assertions' scores."""
        checks = checks_of(example)
        scores = [await self._scored(each, output, example, phase) for each in checks.assertions]
        return weighed(output, checks, scores)

    async def _scored(self, assertion: Assertion, output: str, example: Example, phase: Phase) -> float:
        if assertion.kind != RUBRIC:
            return measured(assertion, output)
        if not assertion.weight:
            return 0  # of no account, so nobody is paid for it
        if self.grade is None:
            raise BadInput(f"{RUBRIC} needs a judge", place=f"row {example.id}", cure="take the assertion out")
        # What a row of assertions expects is all of them in words: no answer that a judge could hold to be right.
        alone = replace(example, expected="")
        reward = (await self.grade(str(assertion.value), output, alone, phase=phase)).reward
        return 1 - reward if assertion.negated else reward


def scorer_of(task: Task, caller: Caller, *, original: Original | None = None) -> Scorer:
    """Return what a task's metric means; `original` is the task's own prompt when None.

    Raises `BadInput` for a metric or an option that does not exist.
    """
    if is_code(task.metric):
        coded = Coded.of(allowed(task.metric, task.code))
        caller.close_too(coded)
        return coded
    rubric_judge = RubricJudge(line=_judging(caller), instructions=AgentPrompt.load("judge_rubric"))
    if task.metric == "rubric":
        return ByRubric(judge=rubric_judge, rubric=str(task.metric_options["rubric"]))
    if task.metric == "assert":
        return Asserted(grade=None if task.judge is None else rubric_judge.grade)
    if task.metric == "pairwise":
        return against_original(task, caller, original=original)
    return Measured(metric=metric_named(task.metric, task.metric_options))


def compared_scorer_of(task: Task, caller: Caller) -> Scorer:
    """Return what scores a task whose answers are compared before the test: pairs without labels, then the metric.

    All are held against the answers of the task's own prompt, not of the leader: so the rewards of any two candidates
    stand on one scale, leaders cannot follow each other in a circle, and the search maximises what the user will ask,
    whether the new prompt is better than the old one.
    """
    before = Unlabelled(scorer=against_original(task, caller))
    return ByPhase(before=before, test=before.scorer if task.metric == "pairwise" else scorer_of(task, caller))


def against_original(task: Task, caller: Caller, *, original: Original | None = None) -> AgainstOriginal:
    """Return the scorer of pairs; `original` is the task's own prompt when None. Raises `BadInput` without a goal."""
    if not task.aim.strip():
        raise BadInput("metric pairwise judges by the goal, and there is none", cure="say what a good answer is")
    target = Line(caller=caller, role="target", max_tokens=task.max_output_tokens)
    return AgainstOriginal(
        judge=PairJudge(line=_judging(caller), instructions=AgentPrompt.load("judge_pair")),
        goal=task.aim,
        original=original or Original(prompt=task.prompt, line=target),
    )


def _judging(caller: Caller) -> Line:
    return Line(caller=caller, role="judge", max_tokens=JUDGE_TOKENS)
