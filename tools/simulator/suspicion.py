"""What a simulated agent makes of a row: the rule behind it, something else that is plausible, or nothing."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from socratune.tools.simulator.asked import Asked, ShownRow
from socratune.tools.simulator.chance import chance, pick
from socratune.tools.simulator.editing import LEAVE_OUT
from socratune.tools.simulator.world import World
from socratune.tools.simulator.world_file import Distractor, Rule, Wording


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """Reads rows against what a text says; it sees their inputs and no label."""

    world: World
    asked: Asked
    key: str
    """All chance follows it."""
    naming: float
    """Chance that a row is traced to what is behind it."""
    text: str
    """What is said already."""
    noticing: float = 1.0
    """Chance that a row is seen to be worth a thought at all."""
    guesses: bool = True
    """Whether a row that is not traced gets a plausible cause all the same."""

    def suspects(self, rows: Sequence[ShownRow]) -> list[tuple[Wording, list[str]]]:
        """Return what rows point at, each with the ids that do, the most first."""
        votes: dict[str, list[str]] = defaultdict(list)
        wordings: dict[str, Wording] = {}
        for row in rows:
            if (wording := self.vote(row)) is not None:
                wordings[wording.says] = wording
                votes[wording.says].append(row.id)
        return sorted(((wordings[says], ids) for says, ids in votes.items()), key=lambda vote: -len(vote[1]))

    def vote(self, row: ShownRow) -> Wording | None:
        """Name what one row points at; None when it seems to be mere noise.

        A rule behind it that memory recalls is named for sure, and what was tried in vain is not guessed again.
        """
        behind = self.behind(row)
        recalled = self.world.conveyed(self.asked.text("memory"))
        if known := [wording for wording in behind if isinstance(wording, Rule) and wording.id in recalled]:
            return known[0]
        if chance(self.key, "noticing", row.id) >= self.noticing:
            return None
        if chance(self.key, "naming", row.id) < self.naming:
            return pick(behind, self.key, "rule", row.id) if behind else None
        tried = self.world.distractors_in(self.asked.text("tried"))
        guesses = [guess for guess in self.world.file.distractors if guess not in tried]
        return pick(guesses, self.key, "distractor", row.id) if guesses and self.guesses else None

    def behind(self, row: ShownRow) -> tuple[Wording, ...]:
        """Return what a row is evidence for: rules nobody has stated yet, and sentences that mislead."""
        return (
            *self.world.missing(self.text, row.inputs),
            *(_removal(distractor) for distractor in self.world.misled_by(self.text, row.inputs)),
        )


def said_so_far(asked: Asked) -> str:
    """Return the prompt in question, with the rules that a dialogue has settled."""
    return "\n".join([asked.text("prompt"), *(str(row.get("rule", "")) for row in asked.rows("accepted"))])


def _removal(distractor: Distractor) -> Wording:
    says = f"{LEAVE_OUT}{distractor.says}"
    return Wording.model_construct(
        says=says,
        wordings=(re.compile(re.escape(says)),),
        cause=f"The sentence {distractor.says!r} misleads on these rows.",
    )
