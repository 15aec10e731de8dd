"""Outputs that got no score: the first of each kind of reason is told, with its row and their number.

An exception of the user's own code is a kind by its type and the line it was raised in, whatever it says.
"""

from __future__ import annotations

from collections.abc import Iterable

from socratune.memory.ledger import Event, Ledger
from socratune.memory.records import CandidateId, ExampleId, Rollout

KIND = "unscored"
MOST = 3
"""Kinds of reasons that are told."""


async def keep_unscored(ledger: Ledger, rollouts: Iterable[Rollout]) -> None:
    """Keep why rollouts have no reward; themselves they are not kept, for another try may succeed."""
    for each in rollouts:
        if each.reward is None:
            where = {"candidate": each.candidate_id, "row": each.example_id, "repeat": each.repeat}
            key = f"{KIND}:{each.candidate_id} {each.example_id} {each.repeat}"
            await ledger.record(Event(key=key, kind=KIND, body={**where, "content": {"reason": each.error or ""}}))


def unscored(ledger: Ledger) -> tuple[str, ...]:
    """Return a sentence a kind of reason, the most frequent first; of what no later try has scored."""
    kept = [event.body for event in ledger.events(KIND)]
    runs = {(CandidateId(body["candidate"]), int(body["repeat"])) for body in kept}
    scored = {run: ledger.rollouts(run[0], repeat=run[1]).keys() for run in runs}
    left = [body for body in kept if body["row"] not in scored[body["candidate"], body["repeat"]]]
    return told((ExampleId(body["row"]), str(body["content"]["reason"])) for body in left)


def told(failed: Iterable[tuple[ExampleId, str]]) -> tuple[str, ...]:
    """Return a sentence a kind of reason, the most frequent first, from rows and why each has no score."""
    kinds: dict[tuple[str, str], list[tuple[ExampleId, str]]] = {}
    for row, reason in failed:
        kinds.setdefault(_kind(reason), []).append((row, reason))
    most = sorted(kinds.values(), key=len, reverse=True)
    said = [f"{_outputs(len(each))} no score, the first on row {each[0][0]}: {each[0][1]}" for each in most[:MOST]]
    hidden = sum(map(len, most[MOST:]))
    return (*said, f"{_outputs(hidden)} no score for other reasons") if hidden else tuple(said)


def _kind(reason: str) -> tuple[str, str]:
    return reason.partition(":")[0], reason.rpartition("(")[2]


def _outputs(number: int) -> str:
    return f"{number} {'answer' if number == 1 else 'answers'} got"
