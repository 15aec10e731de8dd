"""Writes the rows of the builtin worlds: `python -m socratune.evals.generate_worlds` from the root of the repository.

The texts are put together from the sentences in `evals/phrases/` or computed in `written_rows` and `priced_rows`; every
choice is a hash, so that the files come out the same, byte for byte, on every machine.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from socratune.evals.false_labels import dealt, misjudged
from socratune.evals.priced_rows import EXPENSES, POSTAGE, RECIPES
from socratune.evals.written_rows import LabelledRow, invoice_rows, order_rows
from socratune.tools.simulator.builtin import BUILTIN
from socratune.tools.simulator.chance import chance, pick
from socratune.tools.simulator.world import load_world

PHRASES = Path(__file__).parent / "phrases"

_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A kind of row: which rules it needs, what is expected, and how it may be put."""

    rules: tuple[str, ...]
    expected: str
    count: int
    texts: Sequence[str]
    inputs: Mapping[str, Sequence[str]]
    """Values of the inputs beside the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    """The sentences of one world."""

    name: str
    column: str
    """The input that holds the text."""
    slots: Mapping[str, Sequence[object]]
    openings: Sequence[str]
    closings: Sequence[str]
    cases: Sequence[Case]

    @classmethod
    def read(cls, name: str, column: str) -> Phrases:
        """Read `evals/phrases/NAME.yaml`."""
        raw = yaml.safe_load((PHRASES / f"{name}.yaml").read_text(encoding="utf-8"))
        cases = [Case(**{"inputs": {}, **case, "rules": tuple(case["rules"])}) for case in raw["cases"]]
        parts = {key: raw[key] for key in ("slots", "openings", "closings")}
        return cls(name=name, column=column, cases=cases, **parts)

    def rows(self) -> Iterator[LabelledRow]:
        """Yield the rows of each case, all distinct."""
        seen: set[str] = set()
        for index, case in enumerate(self.cases):
            written = 0
            for attempt in range(case.count * 20):
                row = self._row(case, (self.name, index, attempt))
                if written < case.count and row.inputs[self.column] not in seen:
                    seen.add(row.inputs[self.column])
                    written += 1
                    yield row
            if written < case.count:
                raise ValueError(f"case {index} of {self.name} has sentences for {written} of {case.count} rows")

    def _row(self, case: Case, key: tuple[object, ...]) -> LabelledRow:
        core = self._filled(case.texts[int(str(key[-1])) % len(case.texts)], key)
        ends = (pick(self.openings, "opening", *key), pick(self.closings, "closing", *key))
        opening, closing = (self._filled(end, key) for end in ends)
        text = " ".join(part for part in (opening, _capital(core), closing) if part)
        inputs = {name: pick(values, name, *key) for name, values in case.inputs.items()}
        return LabelledRow(inputs={**inputs, self.column: text}, expected=case.expected, rules=case.rules)

    def _filled(self, text: str, key: tuple[object, ...]) -> str:
        """Fill the slots; what is put in may hold slots itself."""
        while found := _SLOT.search(text):
            value = str(pick(self.slots[found[1]], found[1], found.start(), *key))
            text = text[: found.start()] + value + text[found.end() :]
        return text


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _phrased(name: str, column: str) -> Callable[[], Iterator[LabelledRow]]:
    return lambda: Phrases.read(name, column).rows()


WORLDS: Mapping[str, Callable[[], Iterator[LabelledRow]]] = {
    "ticket-routing": _phrased("ticket-routing", "ticket"),
    "moderation": _phrased("moderation", "post"),
    "house-arithmetic": order_rows,
    "invoices": invoice_rows,
    "prerequisite": POSTAGE.rows,
    "local-optimum": _phrased("local-optimum", "question"),
    "regions": RECIPES.rows,
    "label-free": _phrased("label-free", "excuse"),
    "defective-seed": _phrased("defective-seed", "question"),
    "noisy": lambda: misjudged(_phrased("noisy", "call")(), world="noisy"),
    "long": EXPENSES.rows,
    "unfixable": _phrased("unfixable", "thing"),
    "null-shuffled-moderation": lambda: dealt(WORLDS["moderation"](), world="null-shuffled-moderation"),
    "null-shuffled-tickets": lambda: dealt(WORLDS["ticket-routing"](), world="null-shuffled-tickets"),
}


def rows_of(name: str) -> list[LabelledRow]:
    """Return the rows of a world, shuffled."""
    return sorted(WORLDS[name](), key=lambda row: chance("order", name, *row.inputs.values()))


def write(folder: Path) -> None:
    """Write the rows of all worlds as CSV files."""
    for name in WORLDS:
        rows, file = rows_of(name), load_world(name).file
        columns = [*rows[0].inputs, *filter(None, (file.task.expected, file.truth))]
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(columns)
            for row in rows:
                labels = (file.task.expected and row.expected, file.truth and (row.truth or row.expected))
                writer.writerow([*row.inputs.values(), *filter(None, labels)])


if __name__ == "__main__":
    write(BUILTIN)
