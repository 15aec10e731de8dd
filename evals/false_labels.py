"""Rows whose labels are wrong on purpose: here and there, or all of them dealt at random. The truth stays beside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from socratune.evals.written_rows import LabelledRow
from socratune.tools.simulator.chance import chance, pick

WRONG = 0.2
"""Share of the labels that are wrong in a noisy world."""


def misjudged(rows: Iterable[LabelledRow], *, world: str) -> Iterator[LabelledRow]:
    """Yield the rows, every fifth or so with another label than its own."""
    kept = list(rows)
    labels = sorted({row.expected for row in kept})
    for row in kept:
        key = (world, *row.inputs.values())
        others = [label for label in labels if label != row.expected]
        label = pick(others, "wrong label", *key) if chance("wrong", *key) < WRONG else row.expected
        yield replace(row, expected=label, truth=row.expected)


def dealt(rows: Iterable[LabelledRow], *, world: str) -> Iterator[LabelledRow]:
    """Yield as many rows of each class as of any other, and give each class all labels equally often.

    Whatever is answered alike throughout a class is then right on the same share of its rows.
    """
    classes: dict[str, list[LabelledRow]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: chance("dealt", world, *row.inputs.values())):
        classes[row.expected].append(row)
    labels = sorted(classes)
    size = min(map(len, classes.values())) // len(labels) * len(labels)
    for label in labels:
        for number, row in enumerate(classes[label][:size]):
            yield replace(row, expected=labels[number % len(labels)], truth=label)
