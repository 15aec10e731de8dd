"""How a simulated writer edits a prompt: it adds, drops and rewords list items, and keeps the rest."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from socratune.memory.records import Prompt
from socratune.tools.simulator.world import World
from socratune.tools.simulator.world_file import Distractor
from socratune.tools.tokens import estimate

LEAVE_OUT = "Leave out: "
"""Begins a rule that takes a sentence out of the prompt."""
ITEM = "- "
"""Begins a list item, which is one line."""
LEADS = (
    "Note: ",
    "Remember: ",
    "Mind this: ",
    "As always: ",
    "To be clear: ",
    "In short: ",
    "Keep to this: ",
    "The rule here: ",
)
"""Words that change a sentence and not what it says."""

_LIST_AT_END = re.compile(r"(?:\A|\n)- [^\n]*\Z")
_PLACEHOLDER = re.compile(r"\{\{[^{}]+\}\}")
_BETWEEN_SENTENCES = re.compile(r"(?<=[.!?])\s+")

Edit = Callable[[str], str | None]
"""Gives another text for a piece of a prompt; None drops it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How far an edit may go."""

    max_tokens: int | None = None
    """Length of the new prompt in estimated tokens; None is no limit."""
    step: int | None = None
    """Words that may go and come; None is no limit."""
    locked: tuple[str, ...] = ()

    @classmethod
    def of(cls, limits: Mapping[str, object]) -> Room:
        """Read the limits of a request."""
        most, step, locked = limits.get("max_tokens"), limits.get("max_changed_words"), limits.get("locked")
        return cls(
            max_tokens=most if isinstance(most, int) else None,
            step=step if isinstance(step, int) else None,
            locked=tuple(str(text) for text in locked) if isinstance(locked, list) else (),
        )

    def fits(self, prompt: Prompt) -> bool:
        """Whether a prompt is short enough."""
        return self.max_tokens is None or estimate(prompt.instructions) <= self.max_tokens

    def allows(self, before: Prompt, after: Prompt) -> bool:
        """Whether an edit is small enough and keeps what is locked."""
        kept = all(text in after.instructions for text in self.locked if text in before.instructions)
        return kept and (self.step is None or changed_words(before, after) <= self.step)

    def holds(self, text: str) -> bool:
        """Whether a text may not be dropped: a locked text or a placeholder stands in it."""
        return "{{" in text or any(locked in text for locked in self.locked)


def changed_words(before: Prompt, after: Prompt) -> int:
    """Return how many words went and came."""
    old, new = Counter(before.instructions.split()), Counter(after.instructions.split())
    return ((old - new) + (new - old)).total()


def with_rules(
    prompt: Prompt, rules: Sequence[str], *, world: World, room: Room | None = None
) -> tuple[Prompt, tuple[str, ...]]:
    """Return the prompt with each rule that it does not convey yet, as far as they fit, and the rules acted on."""
    room = room or Room()
    before, added = prompt, list[str]()
    for rule in rules:
        kept = _without(prompt, rule, world, room)
        if kept != prompt and room.allows(before, kept):
            prompt = kept
            added.append(rule)
        if rule.startswith(LEAVE_OUT):
            continue
        longer = _with_line(prompt, f"{ITEM}{rule}")
        if room.fits(longer) and room.allows(before, longer) and not says_already(prompt.instructions, rule, world):
            prompt = longer
            added.append(rule)
    return prompt, tuple(added)


def _without(prompt: Prompt, rule: str, world: World, room: Room) -> Prompt:
    """Take out the sentence that a rule names, wherever it stands, or list items that contradict the rule."""
    if not rule.startswith(LEAVE_OUT):
        meant = world.conveyed(rule)
        return _without_items(prompt, [d for d in world.file.distractors if d.contradicts in meant])
    named = [d for d in world.file.distractors if d.says == rule.removeprefix(LEAVE_OUT)]
    shorter = _without_items(prompt, named)
    return shorter if shorter != prompt else _without_sentences(prompt, named, room)


def _without_items(prompt: Prompt, distractors: Sequence[Distractor]) -> Prompt:
    return edited(
        prompt, lambda line: None if line.startswith(ITEM) and any(d.said_in(line) for d in distractors) else line
    )


def _without_sentences(prompt: Prompt, distractors: Sequence[Distractor], room: Room) -> Prompt:
    def goes(sentence: str) -> bool:
        return not room.holds(sentence) and any(d.said_in(" ".join(sentence.split())) for d in distractors)

    def shorter(paragraph: str) -> str | None:
        sentences = _BETWEEN_SENTENCES.split(paragraph)
        left = [sentence for sentence in sentences if not goes(sentence)]
        return paragraph if left == sentences else " ".join(left) or None

    return edited(prompt, shorter, between="\n\n")


def edited(prompt: Prompt, edit: Edit, *, between: str = "\n") -> Prompt:
    """Return the prompt with each of its lines, or of what else stands between two marks, edited."""

    def anew(part: str | None) -> str | None:
        if part is None:
            return None
        return between.join(new for piece in part.split(between) if (new := edit(piece)) is not None)

    return replace(prompt, system=anew(prompt.system), user=anew(prompt.user))


def items(prompt: Prompt) -> Iterator[str]:
    """Yield what the list items of a prompt say, without the words that only lead up to it."""
    for line in prompt.instructions.split("\n"):
        if line.startswith(ITEM):
            yield plainly(line.removeprefix(ITEM))


def plainly(text: str) -> str:
    """Return a sentence without the words that only lead up to it."""
    for lead in LEADS:
        text = text.removeprefix(lead)
    return text


def from_scratch(prompt: Prompt, goal: str, room: Room) -> Prompt:
    """Return the goal in the shape of a prompt: its parts, placeholders and locked texts, and none of its sentences."""

    def part(text: str | None, said: str) -> str | None:
        if text is None:
            return None
        locked = [each for each in room.locked if each in text]
        names = dict.fromkeys(name for name in _PLACEHOLDER.findall(text) if not any(name in each for each in locked))
        return "\n\n".join(filter(None, [said, *locked, "\n".join(names)])) or goal

    return replace(
        prompt, system=part(prompt.system, goal), user=part(prompt.user, "" if prompt.system is not None else goal)
    )


def says_already(text: str, rule: str, world: World) -> bool:
    """Whether `text` conveys all that `rule` does, or holds it to the letter."""
    meant = world.conveyed(rule)
    distracts = set(world.distractors_in(rule)) & set(world.distractors_in(text))
    return rule in text or bool(distracts) or bool(meant and meant <= world.conveyed(text))


def rewritten(prompt: Prompt, reason: str) -> str:
    """Return a reply in the form `rewrite/1`."""
    system = "" if prompt.system is None else f"\n<new_system>\n{prompt.system}\n</new_system>"
    user = "" if prompt.user is None else f"\n<new_user>\n{prompt.user}\n</new_user>"
    return f"<reason>{reason}</reason>{system}{user}"


def _with_line(prompt: Prompt, line: str) -> Prompt:
    if prompt.system is not None:
        return replace(prompt, system=inserted(prompt.system, line))
    return replace(prompt, user=inserted(prompt.user or "", line))


def inserted(text: str, line: str) -> str:
    """Put `line` before the last paragraph that holds a placeholder; without one, at the end."""
    at = _start_of_paragraph(text, text.rfind("{{")) if "{{" in text else len(text)
    before, after = text[:at].rstrip("\n"), text[at:]
    gap = "" if not before else "\n" if _LIST_AT_END.search(before) else "\n\n"
    return f"{before}{gap}{line}\n\n{after}" if after else f"{before}{gap}{line}"


def _start_of_paragraph(text: str, position: int) -> int:
    gap = text.rfind("\n\n", 0, position)
    return gap + 2 if gap >= 0 else 0
