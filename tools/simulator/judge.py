"""A simulated judge: the world tells it what is right for a row, and it judges rightly with a stated probability.

It reads the row and the answers, not the rubric or the goal: in a world an answer is right or wrong, and a right one
meets every criterion.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from socratune.memory.records import Example, ExampleId
from socratune.tools.metrics import metric_named
from socratune.tools.simulator.asked import Asked
from socratune.tools.simulator.chance import chance, pick
from socratune.tools.simulator.own_rows import right_answer
from socratune.tools.simulator.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedJudge:
    """One judgement."""

    world: World
    asked: Asked
    accuracy: float
    """Chance that a criterion, or a pair in one order, is judged rightly."""
    key: str
    """All chance follows it."""

    def grade(self) -> str:
        """Return a reply in the form `grade/1`."""
        right = self._is_right(self.asked.text("output"))
        decided = []
        for row in self.asked.rows("criteria"):
            met = right == self._rightly(row["criterion"])
            reason = "It does." if met else "It does not do that."
            decided.append({"criterion": row["criterion"], "quote": "", "reason": reason, "met": met})
        return json.dumps({"reasoning": "I hold it against what is right here.", "criteria": decided})

    def preference(self) -> str:
        """Return a reply in the form `preference/1`."""
        first, second = (self._is_right(self.asked.text(name)) for name in ("answer_1", "answer_2"))
        better = "tie" if first == second else "1" if first else "2"
        if not self._rightly("pair"):
            better = pick([other for other in ("1", "2", "tie") if other != better], self.key, "instead")
        return json.dumps({"reasoning": "I hold both against what is right here.", "better": better})

    def _rightly(self, item: object) -> bool:
        return chance(self.key, "judged", item) < self.accuracy

    def _is_right(self, output: str) -> bool:
        """Whether an answer is right; of a row that nobody knows it guesses."""
        row = next(iter(self.asked.rows("input")), {})
        inputs = {str(name): str(value) for name, value in row.items()}
        expected = self.asked.text("reference") or right_answer(inputs.values(), self.world)
        if expected is None:
            return chance(self.key, "unknown", output) < 1 / 2
        example = Example(id=ExampleId("asked"), inputs=inputs, expected=expected, group="")
        return metric_named(self.world.metric, {})(output, example).reward >= 1
