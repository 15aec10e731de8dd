"""Later tests of a finished run's finalist on fresh rows: each is a look, and each look has less alpha to spend.

A look is written down before its first call, so that one that was killed is the same look when it goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from pydantic import TypeAdapter

from socratune.graphs.result import Result
from socratune.memory.errors import BadInput
from socratune.memory.records import Example, ExampleId, Verdict, digest
from socratune.memory.runs import RunFolder
from socratune.outcome import replace_text
from socratune.tools.splits import FEWEST
from socratune.tools.statistics import alpha_for_look, counts, difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One test on fresh rows."""

    number: int
    """Counted from 1; the run's own test was the first."""
    rows: str
    """Digest of the rows."""
    groups: tuple[str, ...] = ()
    """Fingerprints of the rows that were tested, which no later look may use."""
    left_out: int = 0
    """Rows that were given and had been seen before, or were copies."""
    verdict: Verdict | None = None
    """None while it is under way."""
    means: tuple[float, float] | None = None
    """Of the user's own prompt and of the new one, on the rows that both were scored on."""

    @property
    def alpha(self) -> float:
        """The error rate that this look may spend."""
        return alpha_for_look(self.number)


_LOOKS = TypeAdapter(list[Look])


def read_looks(folder: RunFolder) -> list[Look]:
    """Return the looks of a run, in order; its own test is not among them."""
    file = folder.path / "looks.json"
    return _LOOKS.validate_json(file.read_bytes()) if file.exists() else []


def write_look(folder: RunFolder, look: Look) -> None:
    """Keep a look, in place of an earlier state of it."""
    looks = [each for each in read_looks(folder) if each.number != look.number]
    replace_text(folder.path / "looks.json", _LOOKS.dump_json([*looks, look], indent=2).decode() + "\n")


def proven(result: Result, folder: RunFolder) -> bool:
    """Whether the run, or a later look, proved the finalist to be better."""
    later = (look.verdict for look in read_looks(folder) if look.verdict is not None)
    return result.status == "improved" or any(verdict.status == "improved" for verdict in later)


def look_for(rows: Sequence[Example], result: Result, looks: Sequence[Look]) -> Look:
    """Return the look at these very rows that was begun before, or a new one."""
    same = digest([[row.id, dict(row.inputs), row.expected] for row in rows], length=32)
    for look in looks:
        if look.rows == same:
            return look
    first = 1 if result.verdict is not None and result.verdict.n else 0
    return Look(number=first + len(looks) + 1, rows=same)


def fresh(rows: Iterable[Example], seen: frozenset[str]) -> tuple[Example, ...]:
    """Return the rows that the run has not seen, copies once. Raises `BadInput` when too few are left to test on."""
    given = list(rows)
    first = {row.group: row for row in reversed(given)}
    left = tuple(row for row in given if row.group not in seen and first[row.group] is row)
    if len(left) < FEWEST:
        problem = (
            f"{len(given) - len(left)} of {len(given)} rows were seen by this run, or are copies; {len(left)} are fresh"
        )
        raise BadInput(problem, place="--data", cure=f"give at least {FEWEST} rows that are new")
    return left


def renamed(rows: Iterable[Example], look: Look) -> tuple[Example, ...]:
    """Return rows whose ids cannot be those of the run's own rows."""
    return tuple(replace(row, id=ExampleId(f"look{look.number}-{row.id}")) for row in rows)


def look_lines(look: Look, verdict: Verdict, *, pairs: bool) -> Iterator[str]:
    """Yield the numbers behind what a look says: scores, rows and interval, and what the rows could have proven."""
    if verdict.n and look.means is not None:
        old, new = look.means
        yield f"Your prompt {old:.3f}, the new one {new:.3f}: {counts(verdict, pairs=pairs)}."
    if verdict.n:
        yield difference(verdict)
    yield f"On {verdict.n} fresh rows {_provable(verdict)}."
    if look.number > 1:
        yield f"This is look {look.number}: each look may err half as often as the one before, here {look.alpha:g}."


def _provable(verdict: Verdict) -> str:
    if verdict.detectable >= 1:
        return "no gain has an 80 % chance to be proven"
    return f"a gain of {round(verdict.detectable * 100)} points has an 80 % chance to be proven"


def look_record(look: Look, verdict: Verdict, *, run: str, sentence: str) -> dict[str, Any]:
    """Return the object that `socratune test --json` prints."""
    return {
        "schema_version": 1,
        "run": run,
        "status": verdict.status,
        "look": look.number,
        "left_out": look.left_out,
        "test": asdict(verdict),
        "means": None if look.means is None else dict(zip(("seed", "best"), look.means, strict=True)),
        "sentence": sentence,
    }
