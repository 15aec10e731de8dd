"""Sentences that make a prompt game the score: a ban on a class, one answer for everything, input or labels ignored.

Only a whole sentence without a condition counts: "Never answer warn." but not "Never answer warn in the kids channel."
What stands under a heading or behind a sentence that sets a condition is left alone: a false alarm costs a good edit,
and whatever slips through still has to win on rows.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from socratune.memory.records import Example

MOST_LABELS = 30
ROWS_A_LABEL = 3
"""With fewer rows per label than this on average, the expected outputs are answers and no classes."""
LONGEST = 160
"""Characters of a sentence; a longer one says more than a bare ban."""

_ANSWER = (
    r"(?:answer|say|use|choose|pick|select|output|give|return|predict|assign|write|decide on|classify as|label as)"
)
_WITH = r"(?: with)?(?: the)?(?: (?:label|answer|class|category|word))?"
_NEVER = r"(?:never|do not|don't|you (?:must|should|may) (?:not|never)|under no circumstances)"
_TAIL = r"(?: (?:ever|at all|again|under any circumstances|as (?:an?|the|your) (?:answer|label|class|category)))?"
_ANSWERS = r"(?:answer|label|class|category|output|choice|option)"
_SKIP = r"(?:ignore|disregard|overlook|pay no attention to|do not (?:read|look at|consider)|don't (?:read|look at))"
_TRUE = r"(?:expected|correct|right|gold|reference|true)"
_MORE = r"(?: (?:completely|entirely|altogether|at all))?(?:,? (?:and|but) .*)?"
_BULLET = re.compile(r"^(?:[-*•>]+|\d+[.)])\s*")
_OPENING = re.compile(r"^(?:important|note|rule|please|also|but)[:,]? ")
_END = re.compile(r"(?<=[.!?])\s+")
_CONDITION = re.compile(
    r"(?:if|when|whenever|unless|where|in|on|for|with|without|after|before|once|under(?! no)|from|as)\b"
)
_PLAIN_HEADING = re.compile(
    r"[\s#*_]*(?:(?:the|your|these|some|all|follow|following|important|output|answer|general|strict|extra|more|further|"
    r"rules?|instructions?|format|notes?|constraints?|guidelines?|requirements?|and|to|for|answering)\b[\s*_]*)+:?[\s*_]*"
)
_QUOTES = str.maketrans(dict.fromkeys("\"'`*_\u201c\u201d\u2018\u2019", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bans:
    """What counts as gaming in one task."""

    patterns: tuple[tuple[str, re.Pattern[str]], ...]
    """What is wrong, and the sentences that are."""

    @classmethod
    def of(cls, train: Sequence[Example], variables: Sequence[str]) -> Bans:
        """Learn the task's classes from its train rows; a task without classes has none to ban."""
        nouns = ["inputs?", *(_words(each) for each in variables if len(variables) == 1)]
        subject = rf"(?:the )?(?:(?:whole|entire|given) )?(?:{'|'.join(nouns)})"
        labels = _labels(train)
        every = _skipping(subject) | (_banning(labels, subject) if labels else {})
        return cls(patterns=tuple((problem, re.compile(form)) for problem, form in every.items()))

    def found(self, text: str) -> dict[str, str]:
        """Return the sentences that game the score, each with what is wrong with it."""
        return {
            sentence: problem
            for sentence in _standing_alone(text)
            for problem, form in self.patterns
            if form.fullmatch(_plain(sentence))
        }


def _banning(labels: Collection[str], subject: str) -> dict[str, str]:
    one = f"(?:{'|'.join(re.escape(each) for each in sorted(labels))})"
    several = rf"{one}(?:(?:,| or| and|, or|, and) {one})*"
    whatever = rf"(?:(?:regardless of|whatever) {subject}|(?:no matter )?what(?:ever)? {subject} (?:says|is|asks)),? "
    return {
        "bans an answer that rows expect": "|".join(
            (
                rf"{_NEVER}(?: {_ANSWER})?{_WITH} {several}{_TAIL}",
                rf"avoid(?: (?:answering|saying|using|choosing))?{_WITH} {several}{_TAIL}",
                rf"the {_ANSWERS} is never {several}",
                rf"{several} (?:is|are) never (?:an?|the)? ?(?:right|correct|valid|good)? ?{_ANSWERS}",
                rf"{several} (?:must|should|may) (?:not|never) be (?:used|chosen|given|answered|the {_ANSWERS})",
            )
        ),
        "asks for the same answer whatever the input": "|".join(
            (
                rf"(?:{whatever})?always {_ANSWER}{_WITH} {one}",
                rf"{whatever}(?:always )?{_ANSWER}{_WITH} {one}",
                rf"always {one}",
                rf"{_ANSWER}{_WITH} {one} (?:for|to) (?:every|each|any|all) (?:inputs?|rows?|cases?|questions?)",
            )
        ),
    }


def _skipping(subject: str) -> dict[str, str]:
    return {
        "tells the model to ignore its input": rf"{_SKIP} {subject}{_MORE}",
        "tells the model to ignore the right answer": rf"{_SKIP} (?:the |any )?{_TRUE} (?:{_ANSWERS})s?{_MORE}",
        "tells the model to refuse": rf"(?:always )?(?:refuse|decline) to {_ANSWER}(?: (?:anything|at all))?",
    }


def _labels(train: Sequence[Example]) -> frozenset[str]:
    counts = Counter(label for label in (_plain(row.expected) for row in train) if label)
    most = min(MOST_LABELS, sum(counts.values()) // ROWS_A_LABEL)
    return frozenset(counts) if 1 < len(counts) <= most else frozenset()


def _standing_alone(text: str) -> Iterator[str]:
    """Yield the short sentences that nothing before them in their line or block makes conditional."""
    is_conditional = False
    for line in text.splitlines():
        stripped = line.strip().casefold()
        if not stripped or stripped.startswith("#") or stripped.endswith(":"):
            is_conditional = bool(stripped) and _PLAIN_HEADING.fullmatch(stripped) is None
        elif not is_conditional:
            yield from _unconditional(_BULLET.sub("", line.strip()))


def _unconditional(line: str) -> Iterator[str]:
    for sentence in _END.split(line):
        if _CONDITION.match(_plain(sentence)):
            return
        if len(sentence) <= LONGEST:
            yield sentence


def _plain(text: str) -> str:
    """Return the words of a sentence without case, quotes, braces and the marks at its end."""
    bare = text.translate(_QUOTES).replace("{{", "").replace("}}", "").casefold()
    return " ".join(_OPENING.sub("", bare.strip()).rstrip(" .!;").split())


def _words(variable: str) -> str:
    """Return a pattern for a variable in a sentence: `customer_mail` is also called the customer mail."""
    return re.escape(variable.casefold()).replace("_", "[ _]?")
