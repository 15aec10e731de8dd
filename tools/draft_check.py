"""What a drafted prompt must hold before anybody is shown it, checked in code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from socratune.memory.records import Prompt
from socratune.memory.talk import Card
from socratune.tools import template


def shortfalls(prompt: Prompt, covers: Mapping[str, str], card: Card, *, before: Prompt | None) -> tuple[str, ...]:
    """Return one sentence for each thing that is wrong; empty for a good draft.

    `before` is the prompt that the draft revises: its parts stay.
    """
    return (
        *broken(prompt, card, before=before),
        *(f"label {label!r} does not stand in the prompt" for label in card.labels if label not in prompt.instructions),
        *_uncovered(prompt, covers, card),
    )


def broken(prompt: Prompt, card: Card, *, before: Prompt | None) -> tuple[str, ...]:
    """Return what makes a draft unusable: variables that are missing or unknown, parts that are new or gone."""
    return (*_parts(prompt, before), *_variables(prompt, card, before))


def held(prompt: Prompt, covers: Mapping[str, str], card: Card) -> tuple[str, ...]:
    """Return the words that no edit may take out: those that meet what the person asked for later on."""
    words = (covers.get(each.id, "").strip() for each in card.requirements if each.kept)
    return tuple(text for text in words if text and text in prompt.instructions)


def _parts(prompt: Prompt, before: Prompt | None) -> Iterator[str]:
    if before is None:
        if prompt.user is None:
            yield "the prompt has no user part"
        return
    for name, old, new in (("system", before.system, prompt.system), ("user", before.user, prompt.user)):
        if (old is None) != (new is None):
            yield f"the {name} part is {'new' if old is None else 'gone'}"


def _variables(prompt: Prompt, card: Card, before: Prompt | None) -> Iterator[str]:
    text = prompt.user or ""
    wanted = card.inputs if before is None else template.variables(before.user or "", card.inputs)
    for name in wanted:
        if f"{{{{{name}}}}}" not in text:
            yield f"the user part does not hold {{{{{name}}}}}"
    for name in template.unknown(prompt.instructions, card.inputs):
        yield f"{{{{{name}}}}} is no input"


def _uncovered(prompt: Prompt, covers: Mapping[str, str], card: Card) -> Iterator[str]:
    said = _even(prompt.instructions)
    for each in card.requirements:
        words = _even(covers.get(each.id, ""))
        if not words or words not in said:
            yield f"requirement {each.id} is met by no words of the prompt ({each.text})"


def _even(text: str) -> str:
    return " ".join(text.split())
