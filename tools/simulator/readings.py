"""What the rules of a world see in a prompt and in a row, each read by itself, and what comes of the two together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from socratune.memory.records import Prompt
from socratune.tools.simulator.chance import chance
from socratune.tools.simulator.world_file import Distractor, LengthTax, Rule, WorldFile
from socratune.tools.template import messages
from socratune.tools.tokens import estimate

_WRAPPED = re.compile(r"(?<!\n)\n(?!\n|[-*•#<]|\d+[.)])")
"""The line breaks inside a paragraph: not those before a list item, a heading or a tag."""


def inputs_text(inputs: Mapping[str, str]) -> str:
    """Return a row's inputs as rules see them."""
    return "\n".join(inputs.values())


def prompt_text(prompt: Prompt, columns: Iterable[str]) -> str:
    """Return what every row of these columns is sent along with."""
    blank = dict.fromkeys(columns, "")
    return canonical("\n\n".join(message.content for message in messages(prompt, blank)))


@lru_cache(maxsize=4_096)
def canonical(text: str) -> str:
    """Return `text` with wrapped lines joined, and spaces and empty lines evened out."""
    lines = "\n".join(" ".join(line.split()) for line in text.splitlines())
    return _WRAPPED.sub(" ", re.sub(r"\n{3,}", "\n\n", lines)).strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a prompt says, whatever the row."""

    held: frozenset[str]
    """Ids of the rules that stand in it or were taught by its examples, less those that its distractors take back."""
    distractors: tuple[Distractor, ...]
    tax: float
    """Loss of probability for its length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """What a row asks for, whatever the prompt."""

    rules: tuple[Rule, ...]
    broken_by: frozenset[str]
    """Distractors, by their sentences, that spoil it; some of them not beside every rule."""
    helped_by: frozenset[str]
    """Distractors, by their sentences, that serve it in place of a rule."""
    unfixable: bool


def said_by(file: WorldFile, text: str, taught: frozenset[str]) -> Said:
    """Return what a prompt's text says, beside the rules that its worked examples have taught."""
    said = canonical(text)
    distractors = tuple(each for each in file.distractors if each.said_in(said))
    rules = taught | {rule.id for rule in file.rules if rule.said_in(said)}
    return Said(
        held=rules - {each.contradicts for each in distractors},
        distractors=distractors,
        tax=_tax(text, file.length_tax) if file.length_tax is not None else 0.0,
    )


def needed_by(file: WorldFile, row: str) -> Needed:
    """Return what a row, given as its inputs' text, needs."""
    matching = (rule for rule in file.rules if rule.when is None or rule.when.search(row))
    every = file.distractors
    return Needed(
        rules=tuple(rule for rule in matching if chance("share", rule.id, row) < rule.share),
        broken_by=frozenset(d.says for d in every if d.breaks is not None and d.breaks.search(row)),
        helped_by=frozenset(d.says for d in every if d.instead_of and (d.helps is None or d.helps.search(row))),
        unfixable=chance("beyond help", file.task.name, row) < file.unfixable,
    )


def lacking(file: WorldFile, said: Said, needed: Needed) -> tuple[Rule, ...]:
    """Return what a row needs and does not get; of a rule that is of no use yet, the one to come before it."""
    served = {d.instead_of for d in said.distractors if d.says in needed.helped_by}
    missing = (_first_lacking(file, rule, said.held) for rule in needed.rules if rule.id not in served)
    return tuple({rule.id: rule for rule in missing if rule is not None}.values())


def misleading(said: Said, needed: Needed) -> tuple[Distractor, ...]:
    """Return the distractors in a text that spoil a row."""
    return tuple(d for d in said.distractors if d.says in needed.broken_by and d.unless not in said.held)


def _first_lacking(file: WorldFile, rule: Rule, held: frozenset[str]) -> Rule | None:
    """Return the rule if it is not held, or else the first of those it stands on that is not."""
    while rule.id in held:
        if rule.after is None:
            return None
        rule = next(other for other in file.rules if other.id == rule.after)
    return rule


def _tax(text: str, tax: LengthTax) -> float:
    return max(0, estimate(text) - tax.above) / 100 * tax.per_100
