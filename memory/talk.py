"""What was said and made in one chat, read from its ledger: the words, the task card, the prompts, the runs.

Each fact is an event with a key that a replayed step finds again, so nothing is asked, paid or kept twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter

from socratune.memory.ledger import Event, Ledger
from socratune.memory.records import Candidate, CandidateId, Prompt, Status

SKIPPED = "(skipped)"
"""Stands for the answer to a question that the person did not want to answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One thing that the prompt must see to."""

    id: str
    """`R3` for the third of its card."""
    text: str
    quote: str = ""
    """The person's own words behind it; empty when nobody said it."""
    kept: bool = False
    """Asked for after the first prompt stood there: no edit may take its words out of the prompt again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What the person wants, as it was understood."""

    goal: str
    inputs: tuple[str, ...]
    """Names of the variables."""
    output: str
    """The exact form of a good answer."""
    labels: tuple[str, ...] = ()
    """All possible answers, where they can be listed."""
    requirements: tuple[Requirement, ...] = ()
    metric: str = "exact"
    notes: tuple[str, ...] = ()
    """What the person found wrong with answers; the next run's agents read it as part of the goal."""

    @property
    def brief(self) -> str:
        """The goal as a run's agents are told it: with the form of an answer, the checklist and the notes."""
        parts = [self.goal, f"Form of an answer: {self.output}" if self.output else ""]
        parts += [f"Must hold: {each.text}" for each in self.requirements]
        parts += [f"Found wrong by the user: {note}" for note in self.notes]
        return "\n".join(part for part in parts if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Words of the person, with the question they answer."""

    number: int
    words: str
    topic: str = ""
    question: str = ""
    """Empty for words that answer no question."""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One state of the prompt."""

    turn: int
    prompt: Prompt
    origin: str
    """`yours`, `draft`, or the id of the run that found it."""
    status: Status | None = None
    """What its run showed; None when nothing was measured."""
    covers: Mapping[str, str] = field(default_factory=dict)
    """The words of the prompt that meet a requirement, by the requirement's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsSeen:
    """What agents may know of the person's rows before a run divides them: no row's text, for it may yet be tested."""

    columns: tuple[str, ...] = ()
    expected: str = ""
    count: int = 0
    labels: tuple[str, ...] = ()
    """The different expected answers, where they are few and short."""
    metric: str = ""
    """How answers of this kind are compared."""
    train: frozenset[str] = frozenset()
    """Ids of the train rows."""


_CARD = TypeAdapter(Card)


class Talk:
    """The facts of one chat."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    # --- words

    async def say(self, turn: int, words: str) -> None:
        """Keep what the person said in a turn; the first word stands."""
        await self._keep("said", turn, {}, {"words": words})

    async def ask(self, turn: int, topic: str, question: str, reason: str) -> None:
        """Keep the question that a turn answers; an empty one ends the interview."""
        await self._keep("asked", turn, {"topic": topic}, {"question": question, "reason": reason})

    async def reply(self, turn: int, text: str) -> None:
        """Keep what the person is told about the words of a turn."""
        await self._keep("reply", turn, {}, {"text": text})

    def said(self, turn: int) -> str | None:
        """Return the words of a turn; None before they were said."""
        event = self.ledger.event(f"said:{turn}")
        return str(event.body["content"]["words"]) if event else None

    def asked(self, turn: int) -> Turn | None:
        """Return the question of a turn, without an answer."""
        event = self.ledger.event(f"asked:{turn}")
        if event is None:
            return None
        content = event.body["content"]
        topic = str(event.body["topic"])
        return Turn(number=turn, words="", topic=topic, question=content["question"], reason=content["reason"])

    def replied(self, turn: int) -> str:
        """Return what the person was told about the words of a turn; empty when nothing."""
        event = self.ledger.event(f"reply:{turn}")
        return str(event.body["content"]["text"]) if event else ""

    def turns(self) -> tuple[Turn, ...]:
        """Return all that the person said, in order, each with the question it answers."""
        found = []
        for event in self.ledger.events("said"):
            number, words = int(event.key.partition(":")[2]), str(event.body["content"]["words"])
            asked = self.asked(number) or Turn(number=number, words="")
            found.append(
                Turn(number=number, words=words, topic=asked.topic, question=asked.question, reason=asked.reason)
            )
        return tuple(found)

    # --- the card

    async def keep_card(self, key: int | str, card: Card) -> None:
        """Keep the card as it stands after a turn, or after what else the key names."""
        await self._keep("card", key, {}, {"card": _CARD.dump_python(card, mode="json")})

    def card(self) -> Card | None:
        """Return the card as it stands; None before there is one."""
        cards = self.ledger.events("card")
        return _CARD.validate_python(cards[-1].body["content"]["card"]) if cards else None

    # --- prompts

    async def keep_version(self, key: str, version: Version) -> None:
        """Put a prompt on top of those that there are."""
        await self.ledger.add_candidate(Candidate(prompt=version.prompt))
        facts = {"turn": version.turn, "prompt": version.prompt.id, "origin": version.origin, "status": version.status}
        await self._keep("version", key, facts, {"covers": dict(version.covers)})

    async def step_back(self) -> None:
        """Take the newest prompt away."""
        await self._keep("back", len(self.ledger.events("back")), {})

    def versions(self) -> tuple[Version, ...]:
        """Return the prompts that stand, the newest last."""
        stack: list[Version] = []
        for event in self.ledger.events("version", "back"):
            if event.kind == "version":
                stack.append(self._version(event))
            elif len(stack) > 1:
                stack.pop()
        return tuple(stack)

    def current(self) -> Version | None:
        """Return the prompt that stands; None before there is one."""
        versions = self.versions()
        return versions[-1] if versions else None

    def _version(self, event: Event) -> Version:
        body = event.body
        return Version(
            turn=body["turn"],
            prompt=self.ledger.candidate(CandidateId(body["prompt"])).prompt,
            origin=body["origin"],
            status=body["status"],
            covers=body["content"]["covers"],
        )

    # --- rows, runs and what was agreed

    async def note(self, kind: str, key: object, facts: Mapping[str, Any]) -> None:
        """Keep a fact of the doors: `rows`, `began`, `ran`, `accepted`, `agreed`."""
        await self._keep(kind, key, facts)

    def noted(self, kind: str) -> list[Mapping[str, Any]]:
        """Return the facts of one kind, in order."""
        return [event.body for event in self.ledger.events(kind)]

    def made_in(self, turn: int) -> frozenset[str]:
        """Return which of card and prompt came of the words of a turn."""
        cards = {"card"} if self.ledger.event(f"card:{turn}") else set()
        return frozenset(cards | ({"version"} if self.ledger.event(f"version:{turn}") else set()))

    async def _keep(
        self, kind: str, key: object, facts: Mapping[str, Any], content: Mapping[str, Any] | None = None
    ) -> None:
        body = {**facts, **({"content": dict(content)} if content is not None else {})}
        await self.ledger.record(Event(key=f"{kind}:{key}", kind=kind, body=body))
