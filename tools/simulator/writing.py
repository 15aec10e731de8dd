"""How a simulated agent writes a prompt: from whatever kinds of material stand in the request.

Failures and hypotheses become rules, worked examples a prompt from scratch, a history the lines that carried it, a
second prompt a union; without any of these the prompt is said in other words.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from socratune.memory.records import Prompt
from socratune.tools.simulator.asked import Asked, ShownRow
from socratune.tools.simulator.chance import chance, pick
from socratune.tools.simulator.editing import (
    ITEM,
    LEADS,
    Room,
    edited,
    from_scratch,
    items,
    plainly,
    rewritten,
    with_rules,
)
from socratune.tools.simulator.suspicion import Suspicion
from socratune.tools.simulator.world import World
from socratune.tools.simulator.world_file import Distractor, Strengths
from socratune.tools.tokens import estimate

FORGETS = 0.1
"""Chance that the weak optimizer leaves out a rule that it was given to write."""
UNJUDGED = 0.7
"""Chance that an answer is looked into of which nobody says that it is wrong."""
KEEPS = Strengths(strong=0.97, weak=0.9)
"""Chance that a rule survives being said in other words."""
TAKES_OVER = Strengths(strong=0.95, weak=0.8)
"""Chance that a line of a second prompt is taken over."""
STRAYS = Strengths(strong=0.05, weak=0.2)
"""Chance that something plausible slips in that nobody asked for."""
LEFT_ALONE = 0.5
"""Chance that a prompt that was only seen to succeed is given back as it is."""

MATERIAL = ("hypotheses", "inspections", "failures", "answers", "examples", "history", "other")
"""Sections that an edit can rest on."""
UNKNOWN = "I don't know how to improve it."


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedWriter:
    """One rewrite."""

    world: World
    strength: str
    asked: Asked
    key: str
    """All chance follows it."""
    failures: Suspicion
    """What is made of a failure."""

    def rewrite(self) -> str:
        """Return a reply in the form `rewrite/1`."""
        if not self._material:
            return self._in_other_words()
        prompt, added = with_rules(self._base(), self._rules(), world=self.world, room=self._room)
        if added:
            return rewritten(prompt, f"Says now: {'; '.join(rule.rstrip('.') for rule in added)}.")
        return rewritten(prompt, UNKNOWN if prompt == self.asked.prompt else "Keeps what carries.")

    @property
    def _material(self) -> list[str]:
        return [name for name in MATERIAL if name in self.asked.sections]

    @property
    def _is_anew(self) -> bool:
        """Whether a prompt is to be written from worked examples alone."""
        return self._material == ["examples"]

    @property
    def _room(self) -> Room:
        return Room.of(self.asked.limits)

    def _chance(self, *item: object) -> float:
        return chance(self.key, *item)

    def _of(self, strengths: Strengths) -> float:
        return strengths.of(self.strength)

    def _base(self) -> Prompt:
        """Return what rules are added to: the prompt, without its list where a history decides, or its mere shape."""
        prompt = self.asked.prompt
        if "history" in self.asked.sections:
            return edited(prompt, lambda line: line if not line.startswith(ITEM) or self._room.holds(line) else None)
        if self._is_anew:
            return from_scratch(prompt, self.asked.text("goal").strip(), self._room)
        return prompt

    def _rules(self) -> list[str]:
        rules = [*self._from_findings(), *self._from_examples()]
        if self.strength == "weak":
            rules = [rule for rule in rules if self._chance("forgets", rule) >= FORGETS]
        settled = [str(row.get("rule", "")) for row in self.asked.rows("accepted")] if self._is_anew else []
        return [*settled, *self._from_history(), *self._from_other(), *rules]

    def _from_findings(self) -> list[str]:
        """Return the rules that others have found, or else those that rows suggest."""
        if "inspections" in self.asked.sections:
            edits = Counter(str(row.get("edit", "")).strip() for row in self.asked.rows("inspections"))
            return [edit for edit, _ in edits.most_common() if edit]
        unjudged = replace(self.failures, noticing=UNJUDGED)
        return [finding.rule for finding in self.asked.hypotheses] or [
            *self._guessed(self.failures, self.asked.failures),
            *self._guessed(unjudged, self.asked.shown("answers")),
        ]

    def _guessed(self, suspicion: Suspicion, rows: Sequence[ShownRow]) -> list[str]:
        found = suspicion.suspects(rows)[: None if self.strength == "strong" else 2]
        return [wording.says for wording, _ in found]

    def _from_examples(self) -> list[str]:
        """Return what worked examples teach; they never make one guess."""
        said = self._base().instructions
        naming = self._of(self.world.file.induction)
        suspicion = replace(self.failures, naming=naming, text=said, guesses=False)
        return [wording.says for wording, _ in suspicion.suspects(self.asked.shown("examples"))]

    def _from_other(self) -> list[str]:
        lines = dict.fromkeys(items(self.asked.other))
        return [line for line in lines if self._chance("takes over", line) < self._of(TAKES_OVER)]

    def _from_history(self) -> list[str]:
        """Return the lines that seem to carry the high scores, and now and then something new."""
        history = self.asked.history
        if not history:
            return []
        lines = dict.fromkeys(
            line for each in (self.asked.prompt, *(tried for tried, _ in history)) for line in items(each)
        )
        return [*(line for line in lines if self._carries(line)), *self._stray(self.world.file.distractors)]

    def _carries(self, line: str) -> bool:
        """Whether prompts that hold a line seem to do no worse; of hidden scores nothing can be told."""
        scores: dict[bool, list[float]] = {True: [], False: []}
        for tried, score in self.asked.history:
            if score is None:
                return self._chance("carries", line) < 1 / 2
            scores[line in items(tried)].append(score)
        carries = not all(scores.values()) or statistics.fmean(scores[True]) >= statistics.fmean(scores[False])
        return carries == (self._chance("carries", line) < self._of(self.world.file.judge))

    def _stray(self, distractors: Sequence[Distractor]) -> Iterator[str]:
        tried = self.world.distractors_in(self.asked.text("tried"))
        left = [each for each in distractors if each not in tried]
        if left and self._chance("strays") < self._of(STRAYS):
            yield pick(left, self.key, "stray").says

    def _in_other_words(self) -> str:
        """Say the prompt anew, or more briefly where it is longer than it may be; rarely a line is lost on the way."""
        before = self.asked.prompt
        if "passes" in self.asked.sections and self._chance("left alone") < LEFT_ALONE:
            return rewritten(before, UNKNOWN)
        short = self._room.max_tokens is not None and self._room.max_tokens < estimate(before.instructions)
        after = edited(before, self._shortened if short else self._reworded)
        if not short:
            harmless = [d for d in self.world.file.distractors if d.breaks is None and d.contradicts is None]
            after, _ = with_rules(after, list(self._stray(harmless)), world=self.world, room=self._room)
        after = after if self._room.allows(before, after) else before
        return rewritten(after, UNKNOWN if after == before else "Says the same in other words.")

    def _shortened(self, line: str) -> str | None:
        if self._room.holds(line) or not line.startswith(ITEM):
            return line
        says = plainly(line.removeprefix(ITEM))
        return f"{ITEM}{says}" if self.world.conveyed(says) and self._survives(says) else None

    def _reworded(self, line: str) -> str | None:
        """Return an item, or a part's first line, with other words before it, which change nothing that it conveys."""
        mark = ITEM if line.startswith(ITEM) else ""
        if self._room.holds(line) or not (mark or line in self._openings):
            return line
        says = plainly(line.removeprefix(mark))
        if mark and not self._survives(says):
            return None
        lead = pick([lead for lead in LEADS if not line.startswith(f"{mark}{lead}")], self.key, "lead", says)
        anew = f"{mark}{lead}{says}"
        return anew if self._means(anew) == self._means(line) else line

    @property
    def _openings(self) -> list[str]:
        prompt = self.asked.prompt
        return [part.split("\n")[0] for part in (prompt.system, prompt.user) if part and part[0].isalpha()]

    def _survives(self, says: str) -> bool:
        return self._chance("survives", says) < self._of(KEEPS)

    def _means(self, line: str) -> tuple[object, object]:
        return self.world.conveyed(line), self.world.distractors_in(line)
