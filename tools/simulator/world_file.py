"""What may stand in a world file, checked where it enters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, model_validator

from socratune.memory.records import Prompt
from socratune.tools.price import Price

ANSWER_SLOT = "{answer}"
"""Where the answer stands in a `prose` template."""


def _compiled(text: object) -> re.Pattern[str]:
    try:
        return re.compile(str(text), re.IGNORECASE | re.MULTILINE)
    except re.error as error:
        raise ValueError(f"{text!r} is not a regular expression: {error}") from error


Pattern = Annotated[re.Pattern[str], BeforeValidator(_compiled)]
Probability = Annotated[float, Field(ge=0, le=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Wording(_Strict):
    """A sentence, and the patterns by which a prompt is seen to say the same."""

    says: str
    wordings: Annotated[tuple[Pattern, ...], Field(min_length=1)]
    cause: str
    """What an agent would say is missing from a prompt without the sentence."""

    def said_in(self, text: str) -> bool:
        """Whether any of the wordings stands in one line of `text`."""
        return any(wording.search(line) for line in text.splitlines() for wording in self.wordings)

    @model_validator(mode="after")
    def _says_what_it_means(self) -> Self:
        if not self.said_in(self.says):
            raise ValueError(f"none of its wordings matches {self.says!r}")
        return self


class Without(_Strict):
    """What goes wrong when a needed rule is not conveyed: exactly one of the four."""

    answer: str | None = None
    """Another label."""
    field: Mapping[str, JsonValue] | None = None
    """Values of a JSON answer that come out otherwise; null drops the field."""
    add: float | None = None
    """How far a number is off."""
    prose: str | None = None
    """Words around `{answer}`, in place of the asked format."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("give exactly one of answer, field, add and prose")
        return self


class Rule(Wording):
    """Something a prompt must say for the rows that need it."""

    id: str
    when: Pattern | None = None
    """Matched against a row's inputs, joined by newlines; None means every row."""
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Of the matching rows, how many go wrong without it."""
    without: Without


class Distractor(Wording):
    """A plausible sentence that helps nothing and may harm."""

    breaks: Pattern | None = None
    """Rows that go wrong when it is conveyed."""
    contradicts: str | None = None
    """Id of the rule that is not conveyed beside it."""


class Strengths(_Strict):
    """A probability for the strong and for the weak optimizer."""

    strong: Probability
    weak: Probability

    def of(self, strength: str) -> float:
        """Return that of `strong`, or else that of the weak one."""
        return self.strong if strength == "strong" else self.weak


class LengthTax(_Strict):
    """How long prompts lose accuracy."""

    above: int
    """Estimated tokens that are free."""
    per_100: Probability
    """Loss of probability for each 100 tokens more."""


class Prices(_Strict):
    """USD per million tokens: in, out."""

    target: tuple[float, float] = (0.4, 1.6)
    optimizer: tuple[float, float] = (3.0, 15.0)

    def of(self, role: str) -> Price:
        """Return that of the `target`, or else that of the optimizer."""
        tokens_in, tokens_out = self.target if role == "target" else self.optimizer
        return Price(input=tokens_in, output=tokens_out)


class Churn(_Strict):
    """A world in which no prompt is better than another, yet each answers other rows."""

    base: Probability = 0.6
    """Accuracy of every prompt."""
    redraw: Probability = 0.417
    """Share of the rows whose answer a prompt other than the seed draws anew."""


class PromptText(_Strict):
    """A prompt as a task file writes it; `prompt` is another name for `user`."""

    prompt: str | None = None
    system: str | None = None
    user: str | None = None

    @property
    def templates(self) -> Prompt:
        """The prompt itself."""
        return Prompt(system=_stripped(self.system), user=_stripped(self.user or self.prompt))


class WorldTask(PromptText):
    """The task file that goes with a world, without its models."""

    name: str
    goal: str
    data: str | None = None
    inputs: tuple[str, ...] | None = None
    expected: str
    metric: str
    budget: Mapping[str, int | float] = Field(default_factory=dict)


class WorldFile(_Strict):
    """A whole world as it is written."""

    task: WorldTask
    ideal: PromptText
    rules: tuple[Rule, ...]
    distractors: tuple[Distractor, ...] = ()
    noise: Probability = 0.02
    """Chance of a wrong answer though everything is conveyed."""
    luck: Probability = 0.0
    """Chance of a right answer though something is missing."""
    malformed: Probability = 0.02
    """Chance that the weak optimizer misses the asked reply form."""
    length_tax: LengthTax | None = None
    prices: Prices = Prices()
    judge: Strengths = Strengths(strong=0.95, weak=0.75)
    """Chance that a hypothesis is judged rightly."""
    grading: Strengths = Strengths(strong=0.9, weak=0.75)
    """Chance that an answer is judged rightly: by one criterion, or beside another in one order."""
    naming: Strengths = Strengths(strong=0.95, weak=0.6)
    """Chance that a failure is traced to a rule behind it."""
    induction: Strengths = Strengths(strong=0.5, weak=0.2)
    """Chance that a worked example is traced to a rule behind it."""
    churn: Churn | None = None

    @model_validator(mode="after")
    def _known_ids(self) -> Self:
        ids = [rule.id for rule in self.rules]
        wrong = [d.contradicts for d in self.distractors if d.contradicts not in (None, *ids)]
        if wrong or len(set(ids)) < len(ids):
            raise ValueError(f"rule ids must be distinct and known: {wrong or ids}")
        return self


def _stripped(text: str | None) -> str | None:
    return text.strip() if text is not None else None
