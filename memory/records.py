"""The nouns: frozen values that every other module speaks in.

Nothing here reads, writes, calls or decides. Text that comes from outside is checked where it enters
(`tools/datasets.py`, `tools/task_files.py`, `tools/replies.py`); here it is already clean.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NewType

from socratune.memory.model_options import ModelOptions
from socratune.memory.usercode import UserCode

CandidateId = NewType("CandidateId", str)
ExampleId = NewType("ExampleId", str)

Role = Literal["target", "optimizer", "judge"]
Side = Literal["train", "dev", "test"]
JUDGED = ("rubric", "pairwise")
"""Metrics that ask a judge; rows need no label for them."""
Status = Literal["improved", "promising", "no_improvement", "paused", "failed", "interrupted"]


def digest(value: object, *, length: int = 12) -> str:
    """Return the first `length` hex digits of the SHA-256 of `value` written as canonical JSON."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:length]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a chat, as a model receives it."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One row: the inputs, by variable, and the expected output."""

    id: ExampleId
    """`r17` for the 17th row of the file, counted from 1 without the header; `dev-r17` of a file for one split."""
    inputs: Mapping[str, str]
    expected: str
    """Empty for a row without a label, which only a judge can score."""
    group: str
    """Fingerprint of the inputs without case, spacing or punctuation; duplicates share it."""
    extra: Mapping[str, str] = field(default_factory=dict)
    """The other columns, the expected one among them: for a metric of the user's own, and for no agent."""
    side: Side | None = None
    """The split that the user put it on; None leaves that to us."""
    checks: str = ""
    """The assertions of a row that makes its own, as JSON; `expected` then says them in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """A worked example that stands inside a prompt."""

    inputs: Mapping[str, str]
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What is optimised: a policy from a row to chat messages.

    `system` and `user` are templates with native `{{name}}` placeholders; at least one is not None.
    """

    system: str | None = None
    user: str | None = None
    demos: tuple[Demo, ...] = ()

    @property
    def id(self) -> CandidateId:
        """Hash of the content: the same text is the same prompt."""
        return CandidateId(digest(self.as_dict()))

    @property
    def instructions(self) -> str:
        """The templates without the demos."""
        return "\n\n".join(part for part in (self.system, self.user) if part)

    def as_dict(self) -> dict[str, object]:
        """Return plain values, ready for JSON."""
        demos = [{"inputs": dict(demo.inputs), "output": demo.output} for demo in self.demos]
        return {"system": self.system, "user": self.user, "demos": demos}


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraints:
    """What no edit may break."""

    max_tokens: int | None = None
    """Longest allowed instructions, in estimated tokens."""
    locked: tuple[str, ...] = ()
    """Texts that must stay, to the letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Caps; the first to be reached ends the search. None is no cap."""

    usd: float | None = None
    rollouts: int | None = None
    """Target calls."""
    calls: int | None = None
    """Calls of all roles."""
    tokens: int | None = None
    """In and out, all roles."""
    minutes: float | None = None


LONGEST_ANSWER = 512
"""Tokens that the target may answer with where nobody says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is wanted, without the rows: those are kept apart, so that the search can hold a task."""

    name: str
    goal: str
    prompt: Prompt
    variables: tuple[str, ...]
    metric: str
    metric_options: Mapping[str, str | float] = field(default_factory=dict)
    target: str | Any
    """Model specification, `sim:WORLD` for example. From Python also an `Answerer`; a run knows it by its name."""
    optimizer: str
    options: Mapping[Role, ModelOptions] = field(default_factory=dict)
    """By role; a role that is not there has none."""
    judge: str | None = None
    """Model that grades answers; None when the metric has nobody to ask."""
    max_output_tokens: int = LONGEST_ANSWER
    """Longest answer the target may give."""
    constraints: Constraints = Constraints()
    budget: Budget = Budget()
    recipe: str = "auto"
    code: tuple[UserCode, ...] = ()
    """Functions of the user's that target and metric name; what is not here is not run."""

    @property
    def aim(self) -> str:
        """The goal, and the rubric that answers are graded by, where there is one: what agents are told."""
        rubric = self.metric_options.get("rubric")
        return self.goal if rubric is None else f"{self.goal}\n\nAnswers are graded by this rubric:\n{rubric}".strip()

    @property
    def models(self) -> dict[Role, str]:
        """The specification of each role's model; without a judge when there is none."""
        judges: dict[Role, str] = {} if self.judge is None else {"judge": self.judge}
        return {"target": self.target, "optimizer": self.optimizer, **judges}


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A prompt, where it came from and why it was written."""

    prompt: Prompt
    parents: tuple[CandidateId, ...] = ()
    operator: str = "seed"
    reason: str = ""
    evidence: tuple[ExampleId, ...] = ()
    """The failures that caused the edit."""
    lessons: tuple[str, ...] = ()
    """The rules that the edit wrote into the prompt, in words."""
    written_by: tuple[str, ...] = ()
    """Name and version of each agent prompt that took part, `critic/1` for example."""
    round: int = 0

    @property
    def id(self) -> CandidateId:
        """The id of its prompt."""
        return self.prompt.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """One candidate run on one example."""

    candidate_id: CandidateId
    example_id: ExampleId
    repeat: int = 0
    output: str | None = None
    reward: float | None = None
    """In [0, 1]; 1 is a pass. None when the call failed: a missing score is never a zero."""
    feedback: str = ""
    parsed: bool = True
    """False when no answer could be read out of the output; its reward is then 0."""
    agreed: bool | None = None
    """Whether a judge who was shown a pair in both orders said the same of both; None when no pair was shown."""
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Failures that look alike, grouped by code before any agent sees them."""

    id: str
    signature: str
    """What the failures share, in words: `expected billing, answered sales`."""
    example_ids: tuple[ExampleId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """A critique that was made general and passed the gate, or an error or prompt worth recalling."""

    id: str
    kind: Literal["prompt", "error", "boundary", "lesson"]
    text: str
    task: str
    run: str
    gate: str
    """Where it passed or failed: `round 2, 9f3a…`."""
    gain: float
    """Paired mean difference in reward at the gate, in [-1, 1]."""
    usefulness: float = 1.0
    """In [0, 2]; moves with each gate result of an edit that recalled it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one paired test says of two candidates. Differences are in reward, in [-1, 1]."""

    status: Literal["improved", "promising", "no_improvement"]
    n: int
    difference: float
    low: float
    high: float
    wins: int
    losses: int
    p: float
    """One-sided."""
    alpha: float
    method: str
    detectable: float
    """Smallest gain that has an 80 % chance to be proven on this many rows."""
    chance: float
    """How often an edit that changes nothing would look at least this good."""
