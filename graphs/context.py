"""What the nodes of the graphs are given to work with.

The search sees train and dev rows only. The test rows live in `Sealed`, which is handed to the nodes `test` and
`report` of the outer graph and to nothing that the search can reach.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from pydantic import TypeAdapter

from socratune.agents.evaluator import Evaluator
from socratune.agents.evidence import Attempt, Failure
from socratune.graphs.cast import Agents
from socratune.graphs.recipe import Recipe
from socratune.memory.critiques import SubGoal
from socratune.memory.ledger import Event, Ledger
from socratune.memory.lessons import Lessons
from socratune.memory.records import Candidate, CandidateId, Cluster, Example, ExampleId, Lesson, Rollout, Task
from socratune.tools.guard import Guard
from socratune.tools.journal import Journal
from socratune.tools.search.policy import Move, SearchPolicy, Start, Told, replay

MOST_TRIED = 8
"""Tested edits that agents are shown, the latest."""
SEED = Move(operator="seed", parents=())
"""The move that brought the user's own prompt."""
WRITTEN = TypeAdapter(Candidate)
"""What a proposal keeps until its round is linted."""
_LESSONS = TypeAdapter(tuple[Lesson, ...])
_MOVE = TypeAdapter(Move)
_MOVES = TypeAdapter(tuple[Move, ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Clusters of failures and what to do about them, in order."""

    clusters: tuple[Cluster, ...]
    subgoals: tuple[SubGoal, ...]
    stop: str = ""
    """Why the search should end here; empty while it should not."""


@dataclass(frozen=True, kw_only=True)
class SearchDeps:
    """What the search works with. No test row can be reached from here but through the model itself."""

    task: Task
    recipe: Recipe
    seed: int
    shuffle_errors: bool
    """Whether agents see each failure with another row's inputs: the control that shows what real errors are worth."""
    root: CandidateId
    train: tuple[Example, ...]
    """In the run's shared random order, as is `dev`."""
    dev: tuple[Example, ...]
    evaluator: Evaluator
    agents: Agents
    guard: Guard
    ledger: Ledger
    journal: Journal
    memory: Lessons | None
    """None for a run without memory."""
    memory_as_of: int

    @cached_property
    def train_by_id(self) -> Mapping[ExampleId, Example]:
        """Train rows by id."""
        return {example.id: example for example in self.train}

    def attempt(self, number: int) -> int:
        """Return how many proposals before this round brought nothing: a question asked again gets a new answer."""
        accepted = {event.body["child"] for event in self.ledger.events("judged") if event.body["accepted"]}
        before = [event.body for event in self.ledger.events("proposal") if event.body["round"] < number]
        return sum(body["child"] not in accepted for body in before)

    def policy(self) -> SearchPolicy:
        """Build the search policy from the ledger's history."""
        start = Start(root=self.root, operators=self.recipe.proposers, seed=self.seed)
        seed = Told(move=SEED, child=self.root, accepted=True, scores=self.dev_scores(self.root), cost=0.0)
        return replay(self.recipe.search(start), [seed, *map(self._told, self.ledger.events("told"))])

    def _told(self, event: Event) -> Told:
        """Return what came of a move, with all dev rows that its child has seen by now."""
        body = event.body
        child = body["child"]
        scores = self.dev_scores(child) if child else {}
        move = _MOVE.validate_python(body["move"])
        return Told(move=move, child=child, accepted=body["accepted"], scores=scores, cost=body["cost"])

    def moves(self, number: int) -> tuple[Move, ...]:
        """Return the moves of a round that was chosen."""
        made = self.ledger.event(f"moves:{number}")
        return _MOVES.validate_python(made.body["moves"]) if made else ()

    def dev_scores(self, candidate: str) -> dict[ExampleId, float]:
        """Return the rewards of a candidate on the dev rows that it has seen."""
        known = self.ledger.rollouts(CandidateId(candidate))
        return scored([known[example.id] for example in self.dev if example.id in known])

    def tried(self) -> tuple[Attempt, ...]:
        """Return the edits that were tested, the latest last."""
        judged = [event.body for event in self.ledger.events("judged") if event.body["content"]["rules"]]
        return tuple(
            Attempt(candidate=self.ledger.candidate(CandidateId(body["child"])), outcome=outcome_of(body))
            for body in judged[-MOST_TRIED:]
        )

    def failures(self, rollouts: Sequence[Rollout]) -> list[Failure]:
        """Return the train rows that went wrong; a row without a reward is not a failure."""
        wrong = [rollout for rollout in rollouts if rollout.reward is not None and rollout.reward < 1]
        return [Failure(example=self._shown(rollout.example_id), rollout=rollout) for rollout in wrong]

    def passes(self, rollouts: Sequence[Rollout]) -> list[Failure]:
        """Return the train rows that came out right, in the same shape."""
        return [Failure(example=self._shown(each.example_id), rollout=each) for each in rollouts if each.reward == 1]

    def answered(self, rollouts: Sequence[Rollout]) -> list[Failure]:
        """Return train rows that got an answer, right or wrong, in the same shape and without a label."""
        there = [each for each in rollouts if each.output is not None]
        return [Failure(example=replace(self._shown(each.example_id), expected=""), rollout=each) for each in there]

    def _shown(self, row: ExampleId) -> Example:
        """Return a train row as agents see it; for the control, with the inputs of another."""
        example = self.train_by_id[row]
        return replace(example, inputs=self._other_inputs[row]) if self.shuffle_errors else example

    @cached_property
    def _other_inputs(self) -> Mapping[ExampleId, Mapping[str, str]]:
        draw = random.Random(f"{self.seed} shuffled errors")  # noqa: S311  # not a secret
        others = draw.sample(self.train, len(self.train))
        return {row.id: other.inputs for row, other in zip(self.train, others, strict=True)}

    async def recall(self, query: str, *, key: str, k: int = 4) -> tuple[Lesson, ...]:
        """Return what memory held about `query` when the run began; what was recalled is recorded before use."""
        if self.memory is None:
            return ()
        before = self.ledger.event(f"recalled:{key}")
        if before is not None:
            return _LESSONS.validate_python(before.body["content"]["lessons"])
        lessons = tuple(self.memory.nearest(query, k=k, as_of=self.memory_as_of))
        content = {"lessons": _LESSONS.dump_python(lessons, mode="json")}
        await self.journal.record("recalled", key, {"ids": [lesson.id for lesson in lessons]}, content)
        return lessons


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """The rows that decide; opened once."""

    test: tuple[Example, ...]
    """In the run's shared random order, already cut to what the budget allows."""
    look: int = 1
    """1 when no run has tested on any of these rows before; each further look has less error to spend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizeDeps:
    """What the outer graph works with."""

    search: SearchDeps
    sealed: Sealed
    saver: Any
    """The run's checkpointer, which the search is given too; None for a run that is not to be resumed."""
    seal: Any
    """Called with the test rows' fingerprints before the first of them is sent."""


def outcome_of(body: Mapping[str, Any]) -> str:
    """Return in words what came of a child, from the event that judged it."""
    if body["accepted"]:
        return f"accepted, gain {body['gain']:+.2f}"
    why = body["content"]["why"]
    return f"{body['outcome']}: {why}" if why else str(body["outcome"])


def scored(rollouts: Sequence[Rollout]) -> dict[ExampleId, float]:
    """Return the rewards that there are, by row."""
    return {each.example_id: each.reward for each in rollouts if each.reward is not None}


def differences(child: Mapping[ExampleId, float], other: Mapping[ExampleId, float]) -> list[float]:
    """Return child minus other on the rows that both have, in the child's order."""
    return [child[row] - other[row] for row in child if row in other]


def candidate_of(deps: SearchDeps, candidate: str) -> Candidate:
    """Return a candidate of the run by the id in a graph's state."""
    return deps.ledger.candidate(CandidateId(candidate))
