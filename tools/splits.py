"""Which rows the search may see: train (read by agents), dev (scores only) and test (sealed).

Pure. A row's place follows from the project's salt and its duplicate group, never from a seed or the order of the
file, so a new seed does not move a row from one side to the other.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from socratune.memory.errors import BadInput
from socratune.memory.records import Example
from socratune.tools.assertions import judgements

FEWEST = 12
"""Rows with different inputs without which nothing can be claimed."""
APART = 60
"""Rows from which train and dev are different rows; half of them search."""
LARGE = 500
LARGE_DEV = 150
LARGE_SEARCH = 250
MOST_TESTED = 400
MOST_CLASSES = 20
"""Different expected outputs up to which they may be classes."""
FEWEST_IN_CLASS = 3
SHOWN = 3
"""Examples named per kind of data problem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Splits:
    """The rows by what may be done with them, each split in the order of the file."""

    train: tuple[Example, ...]
    dev: tuple[Example, ...]
    test: tuple[Example, ...]
    shared: bool
    """Train is dev: too few rows to keep them apart."""
    notes: tuple[str, ...]
    """What the user should know about the plan, one sentence each."""


def split(examples: Sequence[Example], *, salt: str, sealed: frozenset[str] = frozenset()) -> Splits:
    """Divide the rows: groups whole, classes in proportion, groups in `sealed` (tested before) always in test.

    12-59 rows: half search (train is dev), half test. 60-499: train 20 %, dev 30 %, test 50 %. From 500: train 100,
    dev 150, test 250; further rows go to test until it has 400, and those beyond 650 are left aside. Copies of a row
    count as one, and what earlier tests hold counts as test. A split that the user chose is kept. Raises `BadInput`
    when too few rows are left.
    """
    if any(row.side for row in examples):
        return _chosen(examples, salt=salt, sealed=sealed)
    groups = _groups(examples)
    tested = groups.keys() & sealed
    # Those tested before come first, where the test is cut; the others keep their order, and so their side.
    line = sorted(_line(groups, salt=salt), key=lambda name: name not in tested)
    _refuse_too_few(len(groups), len(line) - len(tested))
    train_size, dev_size, test_size = _sizes(len(groups))
    test_size = max(test_size, len(tested))
    searched = len(line) - test_size
    shared = searched < APART // 2 or not train_size
    searched = searched if shared else min(searched, train_size + dev_size)
    aside = len(line) - test_size - searched
    end = len(line) if shared else test_size + round(searched * dev_size / (train_size + dev_size))
    sides = line[end : test_size + searched], line[test_size:end], line[:test_size]
    train, dev, test = (_in_order(row for name in side for row in groups[name]) for side in sides)
    notes = _plan_notes(len(dev), len(tested), aside, shared=shared)
    return Splits(train=dev if shared else train, dev=dev, test=test, shared=shared, notes=notes)


def _chosen(examples: Sequence[Example], *, salt: str, sealed: frozenset[str]) -> Splits:
    """Keep the sides that the user chose, and make a missing one as we divide rows: dev of train, or test of dev.

    Rows to search with that an earlier run tested are left aside, or become test where that is ours to choose.
    """
    train, dev, test = (tuple(row for row in examples if row.side == side) for side in ("train", "dev", "test"))
    notes, shared, given = [], False, len(examples)
    if not test:
        seen = {row.group for row in train}
        dev, test = _cut(dev, share=5 / 8, salt=salt, first=sealed - seen, never=seen)
        notes.append(f"{len(test)} of the dev rows are kept for the test, since data names no test rows.")
    train, dev = (tuple(row for row in side if row.group not in sealed) for side in (train, dev))
    if aside := given - len(train) - len(dev) - len(test):
        notes.append(f"{aside} rows to search with were tested by an earlier run and are left aside.")
    if not dev:
        shared = len(_groups(train)) < APART // 2
        train, dev = (train, train) if shared else _cut(train, share=3 / 5, salt=salt)
        few = f"The search reads and scores the same {len(dev)} rows, since data names few train rows and no dev rows."
        notes.append(few if shared else f"{len(dev)} of the train rows score edits, since data names no dev rows.")
    for name, rows in (("train", train), ("dev", dev), ("test", test)):
        _refuse_few(len(_groups(rows)), name)
    return Splits(train=train, dev=dev, test=test, shared=shared, notes=tuple(notes))


def _cut(
    rows: Sequence[Example],
    *,
    share: float,
    salt: str,
    first: frozenset[str] = frozenset(),
    never: Collection[str] = (),
) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """Cut a share of the groups off, those of `first` before others and none of `never`; return the rest and it."""
    groups = _groups(rows)
    line = sorted(_line(groups, salt=salt), key=lambda name: name not in first)
    size = max(round(share * len(line)), len(groups.keys() & first))
    cut = set([name for name in line if name not in never][:size])
    rest, off = (_in_order(row for row in rows if (row.group in cut) == taken) for taken in (False, True))
    return rest, off


def _refuse_few(different: int, name: str) -> None:
    if different < FEWEST // 2:
        problem = f"{different} rows with different inputs are too few for {name}; {FEWEST // 2} are the least"
        raise BadInput(problem, place=f"data: {name}", cure="add labelled rows")


def _refuse_too_few(different: int, untested: int) -> None:
    if different < FEWEST:
        problem = f"{different} rows with different inputs prove nothing; {FEWEST} are the least"
        raise BadInput(problem, place="data", cure="add labelled rows")
    if untested < FEWEST // 2:
        problem = f"only {untested} rows were not tested by an earlier run"
        raise BadInput(problem, place="data", cure="add fresh rows")


def _sizes(rows: int) -> tuple[int, int, int]:
    """Different rows of train, dev and test; no train means that it is dev."""
    if rows < APART:
        return 0, rows - rows // 2, rows // 2
    if rows < LARGE:
        train, dev = round(0.2 * rows), round(0.3 * rows)
        return train, dev, rows - train - dev
    test = min(MOST_TESTED, rows - LARGE_SEARCH)
    return LARGE_SEARCH - LARGE_DEV, LARGE_DEV, test


def _line(groups: Mapping[str, Sequence[Example]], *, salt: str) -> list[str]:
    """Put the groups' names in an order of which every stretch holds each class in proportion.

    Within a class the groups stand in the order of their HMAC, evenly spaced from an offset that is the class's own.
    """
    places: list[tuple[float, str, str]] = []
    for label, names in _strata(groups).items():
        offset = int(_rank(salt, f"class {label}")[:12], 16) / 16**12
        ranked = sorted((_rank(salt, name), name) for name in names)
        places += [((index + offset) / len(ranked), *place) for index, place in enumerate(ranked)]
    return [name for _, _, name in sorted(places)]


def _strata(groups: Mapping[str, Sequence[Example]]) -> dict[str, list[str]]:
    """Group names by class; one stratum when there are too many labels to be classes."""
    labels = {name: min(row.expected for row in rows) for name, rows in groups.items()}
    classes = len(set(labels.values())) <= MOST_CLASSES
    strata: dict[str, list[str]] = defaultdict(list)
    for name, label in labels.items():
        strata[label if classes else ""].append(name)
    return strata


def _plan_notes(searched: int, tested: int, aside: int, *, shared: bool) -> tuple[str, ...]:
    few = f"The search reads and scores the same {searched} rows; {APART} labelled rows would keep them apart."
    again = f"{tested} rows, copies counted once, were tested by an earlier run and stay in test."
    rest = f"{aside} rows are left aside: {LARGE_SEARCH} to search with and {MOST_TESTED} to test on are enough."
    return tuple(note for note, applies in ((few, shared), (again, tested), (rest, aside)) if applies)


def test_rows(available: int, cap: int | None) -> int:
    """Rows a side in the final test, out of `available`, under a cap on rollouts (None: no cap).

    At most 25 % of the cap over both sides, but 30 to 150 rows where there are that many. The minimum of 30 gives way
    where both sides would take more than half of the cap, so a cap of 0 leaves none.
    """
    if cap is None:
        return min(150, available)
    return min(150, available, max(cap // 8, min(30, cap // 4)))


def cap_for(rows: int) -> int:
    """Return the least cap on rollouts under which the final test has so many rows a side, of at most 150."""
    return 4 * rows if rows <= 30 else 8 * rows


def ordered(examples: Iterable[Example], *, seed: int, purpose: str) -> tuple[Example, ...]:
    """Return the one shared random order of these rows for a purpose, whatever order they come in."""
    return tuple(sorted(examples, key=lambda row: (_rank(f"{seed} {purpose}", f"{row.group} {row.id}"), row.id)))


def data_notes(examples: Sequence[Example]) -> tuple[str, ...]:
    """Name what is wrong with the rows before money is spent: a sentence each, with its meaning and its cure."""
    rows = _in_order(examples)
    labelled = any(row.expected.strip() for row in rows)  # a judge does without
    groups = [group for group in _groups(rows).values() if len(group) > 1]
    return (
        *(_one_class(rows) if labelled else ()),
        *(_empty(rows) if labelled else ()),
        *_contradictions(groups),
        *_duplicates(groups),
        *_small_classes(rows),
    )


def _one_class(rows: Sequence[Example]) -> list[str]:
    labels = {row.expected for row in rows}
    if len(rows) < 2 or len(labels) > 1 or judgements(rows[0]):  # a rubric is met by different answers
        return []
    return [f"all {len(rows)} rows expect {min(labels)!r}; a prompt that always says so is perfect: add other rows"]


def _empty(rows: Sequence[Example]) -> list[str]:
    ids = [row.id for row in rows if not row.expected.strip()]
    if not ids:
        return []
    verb = "row expects" if len(ids) == 1 else "rows expect"
    return [f"{len(ids)} {verb} nothing ({_listed(ids)}), so no answer counts as right; fill in or remove"]


def _contradictions(groups: Iterable[Sequence[Example]]) -> list[str]:
    found = []
    for first, *others in groups:
        for other in others:
            if _plain(first.expected) != _plain(other.expected):
                found.append((first, other))
                break
    notes = [
        f"rows {a.id} and {b.id} have the same inputs and different labels ({a.expected!r}, {b.expected!r}); "
        "correct one of them"
        for a, b in found[:SHOWN]
    ]
    hidden = len(found) - SHOWN
    return [*notes, f"{hidden} more groups of rows contradict each other in this way"] if hidden > 0 else notes


def _duplicates(groups: Sequence[Sequence[Example]]) -> list[str]:
    if not groups:
        return []
    pairs = _listed([f"{group[0].id} = {group[1].id}" for group in groups])
    noun = "group of rows has" if len(groups) == 1 else "groups of rows have"
    return [f"{len(groups)} {noun} the same inputs ({pairs}), so a mistake counts twice; keep one row of each"]


def _small_classes(rows: Sequence[Example]) -> list[str]:
    counts = Counter(row.expected for row in rows)
    # With fewer rows per label than this on average, the expected outputs are answers rather than classes.
    if not 1 < len(counts) <= min(MOST_CLASSES, len(rows) // FEWEST_IN_CLASS):
        return []
    small = [f"{label!r} has {count}" for label, count in sorted(counts.items()) if count < FEWEST_IN_CLASS]
    if not small:
        return []
    return [f"too rare to learn or to test: {len(small)} of {len(counts)} classes ({_listed(small)}); add rows"]


def _listed(texts: Sequence[str]) -> str:
    hidden = len(texts) - SHOWN
    return ", ".join(texts[:SHOWN]) + (f" and {hidden} more" if hidden > 0 else "")


def _groups(examples: Iterable[Example]) -> dict[str, list[Example]]:
    groups: dict[str, list[Example]] = defaultdict(list)
    for row in examples:
        groups[row.group].append(row)
    return groups


def _in_order(rows: Iterable[Example]) -> tuple[Example, ...]:
    """Sort by id as the file does: r2 before r10."""
    return tuple(sorted(rows, key=lambda row: (len(row.id), row.id)))


def _plain(label: str) -> str:
    return label.strip().casefold()


def _rank(key: str, text: str) -> str:
    """HMAC-SHA256 in hex: an order that looks random and that only the key decides."""
    return hmac.digest(key.encode(errors="replace"), text.encode(errors="surrogatepass"), hashlib.sha256).hex()
