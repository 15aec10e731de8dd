"""What a row asks of an output, one assertion after the other, in Promptfoo's words and with its meaning.

Pure. `llm-rubric` is the one kind that has to be asked for; `agents/scorers.py` does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue, TypeAdapter, ValidationError

from socratune.memory.errors import BadInput
from socratune.memory.records import Example
from socratune.tools.patterns import LONGEST_SEARCHED, compiled
from socratune.tools.scores import PASS, Score

RUBRIC = "llm-rubric"
PLAIN = frozenset({"equals", "contains", "icontains", "starts-with"})
"""Kinds whose value can itself be a right answer."""
LISTS = frozenset({"contains-any", "contains-all", "icontains-any", "icontains-all"})
NOT = "not-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """One thing that an output must be, or must not be."""

    type: str
    """A kind, `not-` before it when it is negated."""
    value: JsonValue = None
    weight: float = 1
    """At least 0; one without weight is of no account."""
    threshold: float | None = None
    """Of a rubric: the score in [0, 1] from which on it counts as met."""

    @property
    def kind(self) -> str:
        """The type without its negation."""
        return self.type.removeprefix(NOT)

    @property
    def negated(self) -> bool:
        """Whether the output must not be so."""
        return self.type.startswith(NOT)

    @property
    def said(self) -> str:
        """The assertion in words: `should contain 'x'`."""
        value = "" if self.value is None else f" {_shown(self.value)}"
        return f"should {'not ' if self.negated else ''}{WORDS[self.kind]}{value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """All that a row asks of an output."""

    assertions: tuple[Assertion, ...]
    threshold: float | None = None
    """The weighted mean from which on the row is passed, whatever single assertions say."""

    def as_text(self) -> str:
        """Return them as JSON, defaults left out."""
        return _CHECKS.dump_json(self, exclude_defaults=True).decode()

    @property
    def expected(self) -> str:
        """What agents are told to expect: the one right answer, or the assertions in words."""
        first = self.assertions[0]
        if len(self.assertions) == 1 and first.type in PLAIN and isinstance(first.value, str):
            return first.value
        return "; ".join(each.said for each in self.assertions)


_CHECKS = TypeAdapter(Checks)


def checks_of(example: Example) -> Checks:
    """Return what a row asks. Raises `BadInput` when it asks nothing, or nothing that can be understood."""
    place = f"row {example.id}"
    if not example.checks:
        raise BadInput("has no assertions", place=place, cure="take the rows from a Promptfoo file")
    try:
        found = _CHECKS.validate_json(example.checks)
    except ValidationError as error:
        raise BadInput("its assertions cannot be read", place=place, cure="take them from a Promptfoo file") from error
    if not any(each.weight > 0 for each in found.assertions):
        raise BadInput("all its assertions have the weight 0", place=place, cure="give one of them a weight")
    for each in found.assertions:
        if problem := fault(each):
            raise BadInput(f"{each.type}: {problem}", place=place, cure="mend it in the Promptfoo file")
    return found


def judgements(example: Example) -> int:
    """Return how often a row has to ask a judge for one output."""
    if not example.checks:
        return 0
    return sum(each.kind == RUBRIC and each.weight > 0 for each in checks_of(example).assertions)


def fault(assertion: Assertion) -> str:
    """Return what is wrong with an assertion; empty when nothing is."""
    kind, value = assertion.kind, assertion.value
    if kind not in WORDS:
        return f"it is not supported; known are {', '.join(WORDS)}, each also with {NOT!r} before it"
    if kind == "is-json":
        return "a schema is not supported" if value is not None else ""
    if kind in LISTS:
        return "" if _are_texts(value) else "its value must be a list of texts"
    if kind == "equals":
        return "it has no value" if value is None else ""
    if not isinstance(value, str) or not value:
        return "its value must be a text"
    return _not_a_pattern(value) if kind == "regex" else ""


def _are_texts(value: JsonValue) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, str) and each for each in value)


def _not_a_pattern(text: str) -> str:
    try:
        compiled(text)
    except ValueError as error:
        return f"{text!r} {error}"
    return ""


def asserted(output: str, example: Example) -> Score:
    """Weigh a row's assertions, of which none has to be asked for."""
    checks = checks_of(example)
    return weighed(output, checks, [measured(each, output) for each in checks.assertions])


def measured(assertion: Assertion, output: str) -> float:
    """Return 1 for an assertion that holds, else 0."""
    return float(HOLDS[assertion.kind](output, assertion.value) != assertion.negated)


def weighed(output: str, checks: Checks, scores: Sequence[float]) -> Score:
    """Return 1 when Promptfoo would pass the row, else the weighted mean of the assertions' scores in [0, 1].

    A row passes when it reaches its threshold or, without one, when every assertion that has a weight is met.
    """
    pairs = [(each, score) for each, score in zip(checks.assertions, scores, strict=True) if each.weight]
    mean = math.fsum(each.weight * score for each, score in pairs) / math.fsum(each.weight for each, _ in pairs)
    missed = [each.said for each, score in pairs if not _met(each, score)]
    if not missed if checks.threshold is None else mean >= checks.threshold:
        return PASS
    return Score(reward=mean, feedback=f"{'; '.join(missed[:8])}; got {_shown(output.strip())}")


def _met(assertion: Assertion, score: float) -> bool:
    unturned = 1 - score if assertion.negated else score
    reached = unturned >= (1 if assertion.threshold is None else assertion.threshold)
    return reached != assertion.negated


def _equals(output: str, value: Any) -> bool:
    if isinstance(value, str):
        return output == value
    with suppress(ValueError, RecursionError):
        return bool(json.loads(output) == value)
    return False


def _is_json(output: str, _: Any) -> bool:
    with suppress(ValueError, RecursionError):
        json.loads(output, parse_constant=_no_number)
        return True
    return False


def _no_number(literal: str) -> float:
    raise ValueError(literal)


def _all_in(output: str, values: Sequence[str]) -> bool:
    return all(value in output for value in values)


def _any_in(output: str, values: Sequence[str]) -> bool:
    return any(value in output for value in values)


def _lower(values: Sequence[str]) -> list[str]:
    return [value.lower() for value in values]


HOLDS: Mapping[str, Callable[[str, Any], bool]] = {
    "equals": _equals,
    "contains": lambda output, value: value in output,
    "icontains": lambda output, value: value.lower() in output.lower(),
    "contains-any": _any_in,
    "contains-all": _all_in,
    "icontains-any": lambda output, values: _any_in(output.lower(), _lower(values)),
    "icontains-all": lambda output, values: _all_in(output.lower(), _lower(values)),
    "starts-with": lambda output, value: output.startswith(value),
    "regex": lambda output, value: compiled(value).search(output[:LONGEST_SEARCHED]) is not None,
    "is-json": _is_json,
}
WORDS: Mapping[str, str] = {
    "equals": "be",
    "contains": "contain",
    "icontains": "contain, in any case,",
    "contains-any": "contain one of",
    "contains-all": "contain all of",
    "icontains-any": "contain, in any case, one of",
    "icontains-all": "contain, in any case, all of",
    "starts-with": "start with",
    "regex": "match",
    "is-json": "be JSON",
    RUBRIC: "meet the rubric",
}


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:160]} … {text[-30:]}"
