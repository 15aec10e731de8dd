"""The evaluator: runs a candidate on rows and scores what comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from socratune.agents.scorers import Scorer
from socratune.memory.errors import CallFailed
from socratune.memory.ledger import Ledger
from socratune.memory.records import Candidate, Example, Rollout
from socratune.tools.caller import Line
from socratune.tools.purse import Phase
from socratune.tools.template import messages


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluator:
    """Scores candidates by the task's metric; what the ledger has already is not run again."""

    line: Line
    scorer: Scorer
    ledger: Ledger

    async def score(
        self, candidate: Candidate, examples: Sequence[Example], *, phase: Phase, repeat: int = 0
    ) -> list[Rollout]:
        """Return one rollout an example, in their order.

        A failed call is a rollout without reward. Raises `BudgetExhausted`, `Paused` or `Interrupted` once every call
        of the block has ended, so that what was paid for is kept.
        """
        known = self.ledger.rollouts(candidate.id, repeat=repeat)
        missing = [example for example in examples if example.id not in known]
        ended = await asyncio.gather(
            *(self._rollout(candidate, example, phase, repeat) for example in missing), return_exceptions=True
        )
        new = [outcome for outcome in ended if isinstance(outcome, Rollout)]
        await self.ledger.add_rollouts(new)
        for outcome in ended:
            if isinstance(outcome, BaseException):
                raise outcome
        known |= {rollout.example_id: rollout for rollout in new}
        return [known[example.id] for example in examples]

    async def _rollout(self, candidate: Candidate, example: Example, phase: Phase, repeat: int) -> Rollout:
        request = messages(candidate.prompt, example.inputs)
        try:
            output = await self.line.ask(request, phase=phase, repeat=repeat, row=example.inputs)
            score = await self.scorer.score(output, example, phase=phase)
        except CallFailed as error:
            return Rollout(candidate_id=candidate.id, example_id=example.id, repeat=repeat, error=error.reason)
        return Rollout(
            candidate_id=candidate.id,
            example_id=example.id,
            repeat=repeat,
            output=output,
            reward=score.reward,
            feedback=score.feedback,
            parsed=score.parsed,
            agreed=score.agreed,
        )
