"""A simulated optimizer: plays every agent, the judge too, and knows only what stands in the request.

It reads the reply form and the sections, never the agents' wording and never a row that it is not shown. Shown a true
failure it may name the rule behind it; it may also be wrong.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from socratune.tools.models import ANSWER, Reply, Request
from socratune.tools.price import Price
from socratune.tools.replies import CRITIQUE, GRADE, INSPECTION, JUDGEMENT, PLAN, PREFERENCE, QUESTION, REWRITE
from socratune.tools.simulator.asked import Asked, Finding
from socratune.tools.simulator.call_log import CallLog
from socratune.tools.simulator.chance import chance
from socratune.tools.simulator.conversation import CONVERSATION
from socratune.tools.simulator.judge import SimulatedJudge
from socratune.tools.simulator.suspicion import Suspicion, said_so_far
from socratune.tools.simulator.world import World
from socratune.tools.simulator.writing import SimulatedWriter
from socratune.tools.tokens import estimate

NOT_IN_FORM = "I looked at all of it, and I think that the prompt should say more clearly what is wanted."
"""A reply that fits no form."""

_LABELS = "ABC"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedOptimizer:
    """A `LanguageModel` that answers the agents' requests; the same request always gets the same reply."""

    world: World
    strength: str
    """`strong` or `weak`."""
    seed: int
    log: CallLog | None = None
    """Told of every answered call, as a provider's own records would be."""

    @property
    def name(self) -> str:
        """The specification, `sim:WORLD:strong` for example."""
        return f"sim:{self.world.name}:{self.strength}"

    @property
    def price(self) -> Price:
        """What the world asks for it."""
        return self.world.file.prices.of("optimizer")

    async def complete(self, request: Request) -> Reply:
        """Answer in the asked form; the weak one misses it now and then, but never when asked again."""
        await asyncio.sleep(0)
        asked = Asked.of(request)
        text = Agent(world=self.world, strength=self.strength, asked=asked, key=self._key(asked, request)).reply()
        tokens_in = sum(estimate(message.content) for message in request.messages)
        reply = Reply(text=text, stop_reason=ANSWER, tokens_in=tokens_in, tokens_out=estimate(text))
        if self.log is not None:
            self.log(request, reply)
        return reply

    def _key(self, asked: Asked, request: Request) -> str:
        return f"{self.seed} {self.world.task.name} {self.strength} {request.repeat} {asked.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """One request, and the mind that answers it."""

    world: World
    strength: str
    asked: Asked
    key: str
    """All chance follows it."""

    def reply(self) -> str:
        """Return the text of the reply."""
        form = self._forms.get(self.asked.form or "")
        missed = self.strength == "weak" and self._chance("malformed") < self.world.file.malformed
        return NOT_IN_FORM if form is None or (missed and not self.asked.is_repair) else form()

    @property
    def _forms(self) -> Mapping[str, Callable[[], str]]:
        return {
            PLAN.name: self._plan,
            CRITIQUE.name: self._critique,
            QUESTION.name: self._question,
            JUDGEMENT.name: self._judgement,
            REWRITE.name: self._writer.rewrite,
            INSPECTION.name: self._inspection,
            **{name: partial(answer, self.asked) for name, answer in CONVERSATION.items()},
            GRADE.name: self._judge.grade,
            PREFERENCE.name: self._judge.preference,
        }

    @property
    def _judge(self) -> SimulatedJudge:
        accuracy = self.world.file.grading.of(self.strength)
        return SimulatedJudge(world=self.world, asked=self.asked, accuracy=accuracy, key=self.key)

    @property
    def _suspicion(self) -> Suspicion:
        naming = self.world.file.naming.of(self.strength)
        return Suspicion(world=self.world, asked=self.asked, key=self.key, naming=naming, text=said_so_far(self.asked))

    @property
    def _writer(self) -> SimulatedWriter:
        return SimulatedWriter(
            world=self.world, strength=self.strength, asked=self.asked, key=self.key, failures=self._suspicion
        )

    def _chance(self, *item: object) -> float:
        return chance(self.key, *item)

    def _plan(self) -> str:
        clusters = sorted(self.asked.rows("clusters"), key=lambda row: -_count(row))
        total = sum(map(_count, clusters)) or 1
        subgoals = [
            {
                "cluster": str(row.get("cluster", "")),
                "goal": f"Mend the failures that share this: {row.get('signature', '')}.",
                "weight": round(_count(row) / total, 3),
            }
            for row in clusters
        ]
        return json.dumps({"subgoals": subgoals})

    def _critique(self) -> str:
        found = self._suspicion.suspects(self.asked.failures)[: 3 if self.strength == "strong" else 2]
        hypotheses = [
            {"label": label, "cause": wording.cause, "rule": wording.says, "examples": examples}
            for label, (wording, examples) in zip(_LABELS, found, strict=False)
        ]
        return json.dumps({"hypotheses": hypotheses})

    def _inspection(self) -> str:
        inspections = []
        for failure in self.asked.failures:
            # Where everything is said and the answer is wrong all the same, the label must be.
            wording = self._suspicion.vote(failure)
            found = {"label_is_right": wording is not None, "followed": True, "prompt_says_it": wording is None}
            told = {"id": failure.id, "reasoning": wording.cause if wording else "The prompt says what this row needs."}
            inspections.append({**told, **found, "edit": wording.says if wording else ""})
        return json.dumps({"inspections": inspections})

    def _question(self) -> str:
        findings = self.asked.hypotheses
        if not findings:
            return json.dumps({"question": ""})
        asked = "; ".join(f"{', '.join(finding.examples)} ({finding.cause.rstrip('.')})" for finding in findings)
        advice = self.asked.text("advice").strip()
        question = f"What would the prompt have to say for these to come out right: {asked}?"
        return json.dumps({"question": f"{question} And: {advice}" if advice else question})

    def _judgement(self) -> str:
        accepted = [finding.label for finding in self.asked.hypotheses if self._accepts(finding)]
        ids = ", ".join(failure.id for failure in self.asked.failures[:3])
        advice = "" if accepted else f"Ask what {ids or 'the failures'} have in common that the prompt does not say."
        return json.dumps({"accepted": sorted(accepted), "advice": advice})

    def _accepts(self, finding: Finding) -> bool:
        """Judge one hypothesis: rightly with a stated probability, else the opposite."""
        named = self.world.conveyed(finding.rule)
        cited = [failure for failure in self.asked.failures if failure.id in finding.examples]
        true = {wording.says for failure in cited for wording in self._suspicion.behind(failure)}
        holds = any(rule.says in true for rule in self.world.file.rules if rule.id in named) or finding.rule in true
        judged_rightly = self._chance("judge", finding.label) < self.world.file.judge.of(self.strength)
        return holds == judged_rightly


def _count(row: Mapping[str, object]) -> int:
    count = row.get("count")
    return count if isinstance(count, int) else 0
