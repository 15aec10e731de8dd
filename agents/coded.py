"""Scores by a function of the user's own, `metric: python:file.py:function`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from socratune.memory.errors import FinalFailure, Paused
from socratune.memory.records import Example
from socratune.memory.usercode import UserCode
from socratune.tools.caller import MENDED
from socratune.tools.metrics import Score
from socratune.tools.purse import Phase
from socratune.tools.usercode.process import CodeProcess

SECONDS = 60.0
"""The longest that the function may take for one output."""
FIRST_FAILURES = 10
"""So many failures before the first score pause the run: the metric is broken, not a row."""
FIRST_OUTPUTS, LAST_OUTPUTS = 20, 60
"""From how many outputs on, and until how many, the share that got no score is looked at."""
MOST_FAILED = 0.2
"""A larger share of the first outputs without a score pauses the run."""
LONGEST_SHOWN = 100
"""Characters of an expected text or an output."""


class ScoreForm(BaseModel):
    """A score as it comes out of the user's code."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    score: float = Field(ge=0, le=1)
    feedback: str


@dataclass(slots=True, kw_only=True)
class Coded:
    """Scores by a function of the user's own, in a process of its own."""

    process: CodeProcess
    _failures: int = field(default=0, init=False)
    _tried: int = field(default=0, init=False)

    @classmethod
    def of(cls, code: UserCode, *, seconds: float = SECONDS) -> Coded:
        """Return the scorer that `code` is."""
        return cls(process=CodeProcess(code, use="metric", seconds=seconds))

    async def score(self, output: str, example: Example, *, phase: Phase) -> Score:
        """Return the function's score. Raises `FinalFailure` naming file and line when it gives none."""
        row = {**example.inputs, **example.extra}
        try:
            said = self._read(await self.process.call({"output": output, "row": row}))
        except FinalFailure as error:
            self._count(error, example)
            raise
        self._tried += 1
        # Agents learn from what is said of a miss; a bare number tells them nothing.
        default = "" if said.score == 1 else f"expected {_shown(example.expected)}, got {_shown(output.strip())}"
        return Score(reward=said.score, feedback=said.feedback or default)

    async def aclose(self) -> None:
        """End its process."""
        await self.process.aclose()

    def _read(self, value: Any) -> ScoreForm:
        try:
            return ScoreForm.model_validate(value)
        except ValidationError as error:
            raise FinalFailure(self.process.code.spec, "the metric's score cannot be used") from error

    def _count(self, error: FinalFailure, example: Example) -> None:
        self._tried, self._failures = self._tried + 1, self._failures + 1
        none = self._tried == self._failures >= FIRST_FAILURES
        many = self._failures > MOST_FAILED * self._tried and FIRST_OUTPUTS <= self._tried <= LAST_OUTPUTS
        if none or many:
            raise Paused(
                f"{self._failures} of the first {self._tried} outputs got no score; the last, on row {example.id}: "
                f"{error.reason}; {MENDED}"
            ) from error


def _shown(text: str) -> str:
    return repr(text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]} …")
