"""Edits on the phrases of a prompt: delete one, swap two, bring one back (Plum, arXiv 2311.08364). Code alone.

What was deleted is not remembered anywhere: it is what the ancestors say and the prompt does not.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

from socratune.graphs.assignment import Assignment
from socratune.graphs.context import SearchDeps
from socratune.graphs.proposers.edits import Edit, child_of, earlier, parent_of
from socratune.memory.records import Candidate, CandidateId, Prompt

Part = Literal["system", "user"]
PARTS: tuple[Part, ...] = ("system", "user")
_BORDER = re.compile(r"((?<=[.!?;])[ \t]+|\n+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One part of a prompt, cut into phrases with what stands between them."""

    phrases: tuple[str, ...]
    borders: tuple[str, ...]
    """One fewer than phrases."""

    @classmethod
    def cut(cls, text: str) -> Text:
        """Cut at the ends of sentences and of lines; `str` puts it together again to the letter."""
        pieces = _BORDER.split(text)
        return cls(phrases=tuple(pieces[::2]), borders=tuple(pieces[1::2]))

    def __str__(self) -> str:
        return "".join(piece for pair in zip(self.phrases, (*self.borders, ""), strict=True) for piece in pair)

    def without(self, place: int) -> Text:
        """Take a phrase out, with the border behind it, or before it for the last one."""
        border = min(place, len(self.borders) - 1)
        return Text(
            phrases=(*self.phrases[:place], *self.phrases[place + 1 :]),
            borders=(*self.borders[:border], *self.borders[border + 1 :]),
        )

    def swapped(self, one: int, other: int) -> Text:
        """Let two phrases change places."""
        phrases = list(self.phrases)
        phrases[one], phrases[other] = phrases[other], phrases[one]
        return replace(self, phrases=tuple(phrases))

    def adding(self, phrase: str, place: int) -> Text:
        """Put a phrase on a line of its own before the phrase at `place`."""
        return Text(
            phrases=(*self.phrases[:place], phrase, *self.phrases[place:]),
            borders=(*self.borders[:place], "\n", *self.borders[place:]),
        )


async def propose(assignment: Assignment, deps: SearchDeps) -> Candidate | None:
    """Make one phrase edit that gives a prompt which the run does not know yet; None when there is none left."""
    parent, before = parent_of(assignment, deps), earlier(assignment, deps)
    known = {each.id for each in before}
    lost = _lost(parent, {each.id: each for each in before})
    draw = assignment.draw(deps, "phrase")
    kinds = [_deleted(parent.prompt), _swapped(parent.prompt), _restored(parent.prompt, lost)]
    edits = (edit for kind in draw.sample(kinds, len(kinds)) for edit in _shuffled(kind, draw))
    fixed = (*(f"{{{{{name}}}}}" for name in deps.task.variables), *deps.task.constraints.locked)
    fresh = (edit for edit in edits if edit[0].id not in known and _keeps(edit[0], parent.prompt, fixed))
    edit = next(fresh, None)
    return None if edit is None else child_of(assignment, edit)


def _shuffled(edits: Iterator[Edit], draw: random.Random) -> list[Edit]:
    listed = list(edits)
    return draw.sample(listed, len(listed))


def _deleted(prompt: Prompt) -> Iterator[Edit]:
    for part, text in _texts(prompt):
        for place, phrase in enumerate(text.phrases):
            if phrase.strip() and len(text.phrases) > 1:
                yield _with(prompt, part, text.without(place)), f"Deletes {phrase.strip()!r}."


def _swapped(prompt: Prompt) -> Iterator[Edit]:
    for part, text in _texts(prompt):
        for one, other in combinations(range(len(text.phrases)), 2):
            yield _with(prompt, part, text.swapped(one, other)), f"Swaps phrases {one + 1} and {other + 1}."


def _restored(prompt: Prompt, lost: Sequence[str]) -> Iterator[Edit]:
    for part, text in _texts(prompt):
        for phrase in lost:
            for place in range(len(text.phrases)):
                yield _with(prompt, part, text.adding(phrase, place)), f"Brings back {phrase!r}."


def _lost(candidate: Candidate, known: dict[CandidateId, Candidate]) -> list[str]:
    """Return the phrases of ancestors that the candidate does not have, in a fixed order."""
    line, found = [candidate], dict[str, None]()
    for each in line:
        line.extend(known[parent] for parent in each.parents if parent in known and known[parent] not in line)
        found.update(dict.fromkeys(phrase.strip() for _, text in _texts(each.prompt) for phrase in text.phrases))
    own = {phrase.strip() for _, text in _texts(candidate.prompt) for phrase in text.phrases}
    return [phrase for phrase in found if phrase and phrase not in own]


def _keeps(edited: Prompt, parent: Prompt, fixed: Sequence[str]) -> bool:
    """Say whether placeholders and locked texts are in the parts they were in, each as often."""
    both = [(getattr(parent, part) or "", getattr(edited, part) or "") for part in PARTS]
    return all(before.count(text) == after.count(text) for before, after in both for text in fixed)


def _texts(prompt: Prompt) -> Iterator[tuple[Part, Text]]:
    for part in PARTS:
        if (text := getattr(prompt, part)) is not None:
            yield part, Text.cut(text)


def _with(prompt: Prompt, part: Part, text: Text) -> Prompt:
    return replace(prompt, system=str(text)) if part == "system" else replace(prompt, user=str(text))
