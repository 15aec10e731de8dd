"""Instructions and demo sets, searched together (MIPROv2, arXiv 2406.11695).

Instructions and demo sets are first written apart, all as children of the root. Then pairs of them are joined, chosen
by a tree-structured Parzen estimator over the two choices (Bergstra et al., 2011): the root stands for "keep the
instruction" and "no other demos", so a candidate that was written alone is an observation of its pair too.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from random import Random

from socratune.memory.records import CandidateId
from socratune.tools.search.known import Known
from socratune.tools.search.moves import Choice, dealt
from socratune.tools.search.policy import Move, Start, Told

DEMOS, JOIN = "demos", "join"
"""The operator that writes demo sets, and the one that puts an instruction and a demo set together."""
PRIOR = 1.0
"""Weight of an even spread over the options, in observations."""

Pair = tuple[CandidateId, CandidateId]
"""An instruction and a demo set, each by the candidate that it came with."""


class Tpe:
    """Writes `options` instructions and as many demo sets, tries `warm` random pairs, and then follows the estimator.

    `gamma` is the share of pairs that counts as good. When all pairs were tried, more options are written.
    """

    def __init__(self, start: Start, *, options: int = 6, warm: int = 3, gamma: float = 0.25) -> None:
        self._start, self._options, self._warm, self._gamma = start, options, warm, gamma
        self._known = Known(start)
        self._writers = tuple(each for each in start.operators if each not in (DEMOS, JOIN))
        self._written = Counter[str]()
        """Moves by operator, whatever came of them."""
        self._instructions, self._demos = [start.root], [start.root]
        self._seen: dict[Pair, CandidateId | None] = {}
        """What came of a pair; None for one that was not accepted."""

    def ask(self, n: int, *, subgoals: int) -> list[Move]:
        """Return at most `n` moves: what is still to be written, else pairs to be joined."""
        missing = self._missing(self._options)[:n]
        pairs = [] if missing else self._pairs(n)
        joins: list[Choice] = [(JOIN, pair) for pair in pairs]
        return dealt(missing or joins or self._more()[:n], subgoals=subgoals)

    def tell(self, told: Told) -> None:
        """Record an option, or what a pair brought."""
        self._known.tell(told)
        child = told.child if told.accepted else None
        if not told.move.parents:
            return
        if told.move.operator == JOIN:
            self._seen[(told.move.parents[0], told.move.parents[-1])] = child
            return
        self._written[told.move.operator] += 1
        if child is not None and child not in (*self._instructions, *self._demos):
            is_demos = told.move.operator == DEMOS
            (self._demos if is_demos else self._instructions).append(child)
            self._seen[(self._start.root, child) if is_demos else (child, self._start.root)] = child

    def front(self) -> tuple[CandidateId, ...]:
        """Return the leader."""
        return (self._known.leader,)

    def _missing(self, options: int) -> list[Choice]:
        """Return what is still to be written for so many of each, by turns."""
        instructions = sum(self._written[each] for each in self._writers)
        wanted = [self._writers[each % len(self._writers)] for each in range(instructions, options) if self._writers]
        demos = [DEMOS] * (options - self._written[DEMOS]) if DEMOS in self._start.operators else []
        turns = [each[place] for place in range(options) for each in (wanted, demos) if place < len(each)]
        return [(operator, (self._start.root,)) for operator in turns]

    def _more(self) -> list[Choice]:
        kinds = [sum(self._written[each] for each in self._writers), self._written[DEMOS]]
        able = [bool(self._writers), DEMOS in self._start.operators]
        most = max((count for count, can in zip(kinds, able, strict=True) if can), default=0)
        return self._missing(most + 1) or [(self._start.operators[0], (self._start.root,))]

    def _pairs(self, n: int) -> list[Pair]:
        if JOIN not in self._start.operators:
            return []
        new = [(one, other) for one in self._instructions[1:] for other in self._demos[1:]]
        new = [pair for pair in new if pair not in self._seen]
        random = self._known.random()
        random.shuffle(new)
        joined = sum(self._start.root not in pair for pair in self._seen)
        if joined < self._warm:
            return new[:n]
        good, bad = split(self._ranked_pairs(random), gamma=self._gamma)
        options = (len(self._instructions), len(self._demos))
        return sorted(new, key=lambda pair: -promise(pair, good, bad, options=options))[:n]

    def _ranked_pairs(self, random: Random) -> list[Pair]:
        """Return the pairs that were seen, best first, those that were not accepted last; of equals, any first."""
        seen = list(self._seen)
        random.shuffle(seen)
        values = {pair: -math.inf if child is None else self._known.value(child) for pair, child in self._seen.items()}
        return sorted(seen, key=lambda pair: -values[pair])


def split(pairs: Sequence[Pair], *, gamma: float) -> tuple[Sequence[Pair], Sequence[Pair]]:
    """Split what is sorted, best first, into the good share `gamma`, at least one, and the rest."""
    good = math.ceil(gamma * len(pairs))
    return pairs[:good], pairs[good:]


def density(option: CandidateId, seen: Sequence[CandidateId], *, options: int) -> float:
    """Return how likely the option is among those seen, an even spread over all `options` counting as `PRIOR`."""
    return (seen.count(option) + PRIOR / options) / (len(seen) + PRIOR)


def promise(pair: Pair, good: Sequence[Pair], bad: Sequence[Pair], *, options: tuple[int, int]) -> float:
    """Return the density among the good over that among the bad: expected improvement rises with it (Bergstra, 2011).

    The two choices are taken as independent; `options` says how many there are of each.
    """
    ratio = 1.0
    for side, count in enumerate(options):
        ones = [density(pair[side], [each[side] for each in seen], options=count) for seen in (good, bad)]
        ratio *= ones[0] / ones[1]
    return ratio
