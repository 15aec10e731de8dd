"""The evaluator: runs a candidate on rows and scores what comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from socratune.agents.scorers import Scorer
from socratune.memory.errors import CallFailed
from socratune.memory.ledger import Ledger
from socratune.memory.records import Candidate, CandidateId, Example, Prompt, Rollout
from socratune.tools.caller import Line
from socratune.tools.purse import Phase
from socratune.tools.template import messages, shared_prefix
from socratune.tools.unscored import keep_unscored


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """What the rollouts of one block have in common."""

    candidate_id: CandidateId
    """Kept here, for it is a hash of the whole prompt."""
    prompt: Prompt
    phase: Phase
    repeat: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluator:
    """Scores candidates by the run's scorer; what the ledger has already is not run again."""

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
        block = _Block(candidate_id=candidate.id, prompt=candidate.prompt, phase=phase, repeat=repeat)
        known = self.ledger.rollouts(block.candidate_id, repeat=repeat)
        missing = [example for example in examples if example.id not in known]
        ended = await asyncio.gather(*(self._rollout(block, example) for example in missing), return_exceptions=True)
        new = [outcome for outcome in ended if isinstance(outcome, Rollout)]
        await self.ledger.add_rollouts(new)
        await keep_unscored(self.ledger, new)
        _raise_first(ended)
        known |= {rollout.example_id: rollout for rollout in new}
        return [known[example.id] for example in examples]

    async def answers(self, candidate: Candidate, examples: Sequence[Example], *, phase: Phase) -> list[Rollout]:
        """Return what a candidate says to each row, in their order; nobody scores it. Raises as `score` does."""
        block = _Block(candidate_id=candidate.id, prompt=candidate.prompt, phase=phase, repeat=0)
        ended = await asyncio.gather(*(self._answer(block, example) for example in examples), return_exceptions=True)
        _raise_first(ended)
        return [outcome for outcome in ended if isinstance(outcome, Rollout)]

    async def _answer(self, block: _Block, example: Example) -> Rollout:
        asked = Rollout(candidate_id=block.candidate_id, example_id=example.id, repeat=block.repeat)
        request = messages(block.prompt, example.inputs)
        prefix = shared_prefix(block.prompt, example.inputs)
        try:
            output = await self.line.ask(
                request, phase=block.phase, repeat=block.repeat, row=example.inputs, prefix=prefix
            )
        except CallFailed as error:
            return replace(asked, error=error.reason)
        return replace(asked, output=output)

    async def _rollout(self, block: _Block, example: Example) -> Rollout:
        answered = await self._answer(block, example)
        if answered.output is None:
            return answered
        try:
            score = await self.scorer.score(answered.output, example, phase=block.phase)
        except CallFailed as error:
            return replace(answered, output=None, error=error.reason)
        scored = replace(answered, reward=score.reward, feedback=score.feedback)
        return replace(scored, parsed=score.parsed, agreed=score.agreed)


def _raise_first(ended: Sequence[Rollout | BaseException]) -> None:
    for outcome in ended:
        if isinstance(outcome, BaseException):
            raise outcome
