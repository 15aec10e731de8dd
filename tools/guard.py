"""The guard: refuses a candidate that would damage the user's prompt, before a cent is spent on it.

It rejects and says why; it never repairs. It looks at the templates. Demos come from the user's own rows, so of them it
asks only that they fill the template and that the prompt as a whole is new.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from socratune.memory.records import Constraints, Example, ExampleId, Prompt
from socratune.tools import template, tokens
from socratune.tools.bans import Bans

COPIED_WORDS = 8
"""So many consecutive words of a train row in the instructions are a copy."""
SHARED_ROWS = 3
"""Text in more rows than this belongs to the task, not to a row."""
SAME_SHINGLES = 0.97

_WORD = re.compile(r"\w+")
_URL = re.compile(r"(?:https?://|www\.)[^\s<>\"'`)\]}]+", re.IGNORECASE)
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
# A single joiner between two visible characters beyond ASCII: Persian, Hindi, a family of emoji.
_JOINER = re.compile("(?<=[^\\x00-\\x7f\u200c\u200d])[\u200c\u200d](?=[^\\x00-\\x7f\u200c\u200d])")
# Letters and marks that show nothing; the last range can carry a hidden text byte by byte.
_BLANKS = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufe00-\ufe0d\U000e0100-\U000e01ef]")


def longest_prompt(seed: Prompt) -> int:
    """Return the longest that the instructions of any candidate may be, in estimated tokens."""
    return max(4 * tokens.estimate(seed.instructions), 800)


def length_limit(parent: Prompt, *, seed: Prompt, constraints: Constraints) -> int:
    """Return the longest a child's instructions may be, in estimated tokens."""
    before = tokens.estimate(parent.instructions)
    limit = min(max(before * 3 // 2, before + 150), longest_prompt(seed))
    return limit if constraints.max_tokens is None else min(limit, constraints.max_tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """The rules of one task, with what is costly worked out once."""

    seed: Prompt
    variables: tuple[str, ...]
    constraints: Constraints
    copies: Mapping[str, ExampleId]
    """Each run of `COPIED_WORDS` words that is peculiar to few train rows, and the first row it stands in."""
    bans: Bans

    @classmethod
    def build(
        cls, *, seed: Prompt, variables: Sequence[str], constraints: Constraints, train: Sequence[Example]
    ) -> Guard:
        """Index the train rows."""
        copies = _peculiar(train, without=frozenset(_runs(seed.instructions)))
        bans = Bans.of(train, variables)
        return cls(seed=seed, variables=tuple(variables), constraints=constraints, copies=copies, bans=bans)

    def violations(self, child: Prompt, *, parent: Prompt, known: Collection[Prompt]) -> tuple[str, ...]:
        """Return one sentence for each broken rule; empty when the child may be tried."""
        if child == parent:
            return ("the edit changes nothing",)
        return (
            *self._variables(child),
            *self._locks(child),
            *self._length(child, parent),
            *self._likeness(child, (parent, *known)),
            *self._copying(child, parent),
            *self._smuggling(child),
            *self._gaming(child),
        )

    def _variables(self, child: Prompt) -> Iterator[str]:
        for part, before, after in (("system", self.seed.system, child.system), ("user", self.seed.user, child.user)):
            if (before is None) != (after is None):
                yield f"the {part} part is {'new' if before is None else 'gone'}"
                continue
            old, new = self._names(before), self._names(after)
            yield from (f"the {part} part loses the placeholder {{{{{name}}}}}" for name in sorted(old - new))
            yield from (f"the {part} part adds the placeholder {{{{{name}}}}}" for name in sorted(new - old))
        yield from self._form(child)
        for demo in child.demos:
            if set(demo.inputs) != set(self.variables):
                yield f"a demo fills {sorted(demo.inputs)} instead of {sorted(self.variables)}"

    def _names(self, part: str | None) -> frozenset[str]:
        text = part or ""
        return frozenset((*template.variables(text, self.variables), *template.unknown(text, self.variables)))

    def _form(self, child: Prompt) -> Iterator[str]:
        """Refuse `{name}` and `{{ name }}`: they stay as they are here, but would count once read from a file."""
        style = template.style_of(child.instructions, self.variables)
        if style not in ("native", template.style_of(self.seed.instructions, self.variables)):
            yield f"a placeholder is written in the form of {style!r} instead of {{{{name}}}}"

    def _locks(self, child: Prompt) -> Iterator[str]:
        for before, after in ((self.seed.system, child.system), (self.seed.user, child.user)):
            for text in self.constraints.locked:
                if text in (before or "") and text not in (after or ""):
                    yield f"the locked text {text!r} is not kept"

    def _length(self, child: Prompt, parent: Prompt) -> Iterator[str]:
        length = tokens.estimate(child.instructions)
        limit = length_limit(parent, seed=self.seed, constraints=self.constraints)
        if length > limit:
            yield f"the instructions are about {length} tokens long; at most {limit} are allowed"

    def _likeness(self, child: Prompt, known: Collection[Prompt]) -> Iterator[str]:
        twin = next((prompt for prompt in known if _alike(_full_text(child), _full_text(prompt))), None)
        if twin is not None:
            yield f"it is nearly the same as candidate {twin.id}"

    def _copying(self, child: Prompt, parent: Prompt) -> Iterator[str]:
        own = frozenset(_runs(parent.instructions))
        for run in _runs(child.instructions):
            if run in self.copies and run not in own:
                yield f"it copies train row {self.copies[run]}: {run!r}"
                return

    def _smuggling(self, child: Prompt) -> Iterator[str]:
        hidden = _hidden(child.instructions) - _hidden(self.seed.instructions)
        yield from (f"it holds the invisible character U+{ord(char):04X}" for char in sorted(hidden))
        urls = _urls(child.instructions) - _urls(self.seed.instructions)
        yield from (f"it adds the address {url!r}" for url in sorted(urls))

    def _gaming(self, child: Prompt) -> Iterator[str]:
        own = self.bans.found(self.seed.instructions)
        for sentence, problem in self.bans.found(child.instructions).items():
            if sentence not in own:
                yield f"it {problem}: {sentence!r}"


def _peculiar(train: Sequence[Example], *, without: frozenset[str]) -> dict[str, ExampleId]:
    """Index the word runs of the rows, leaving out what many rows share; copies of one row count once."""
    first: dict[str, ExampleId] = {}
    groups: defaultdict[str, set[str]] = defaultdict(set)
    for example in train:
        for run in (run for value in example.inputs.values() for run in _runs(value)):
            first.setdefault(run, example.id)
            groups[run].add(example.group)
    return {run: row for run, row in first.items() if len(groups[run]) <= SHARED_ROWS and run not in without}


def _runs(text: str) -> Iterator[str]:
    words = _WORD.findall(text.casefold())
    return (" ".join(words[i : i + COPIED_WORDS]) for i in range(len(words) - COPIED_WORDS + 1))


def _full_text(prompt: Prompt) -> str:
    demos = (text for demo in prompt.demos for text in (*demo.inputs.values(), demo.output))
    return "\n\n".join((prompt.instructions, *demos))


def _alike(one: str, other: str) -> bool:
    """Whether two prompts are the same words in nearly the same order.

    One other word can turn a prompt round (always, never) however long it is, so any difference in the words makes a
    new prompt; moved text does so only when it changes more than 3 % of the runs of three words. Linear in the length.
    """
    (words, runs), (other_words, other_runs) = _shingles(one), _shingles(other)
    if words != other_words:
        return False
    return len(runs & other_runs) >= SAME_SHINGLES * len(runs | other_runs)


@lru_cache(maxsize=4096)
def _shingles(text: str) -> tuple[Counter[str], frozenset[tuple[str, ...]]]:
    """Return the words without case and their runs of three; a text of fewer words is one run."""
    words = text.casefold().split()
    runs = (tuple(words[i : i + 3]) for i in range(max(1, len(words) - 2)))
    return Counter(words), frozenset(runs)


def _hidden(text: str) -> frozenset[str]:
    """Return the characters that a reader cannot see, but for joiners inside a script or an emoji."""
    return frozenset(char for char in _JOINER.sub("", text) if _is_hidden(char))


def _is_hidden(char: str) -> bool:
    if char in "\n\t":
        return False
    return unicodedata.category(char) in _HIDDEN_CATEGORIES or _BLANKS.match(char) is not None


def _urls(text: str) -> frozenset[str]:
    return frozenset(url.casefold().rstrip(".,;:!?") for url in _URL.findall(text))
