"""What a run leaves in memory: written once, at its end, keyed by run and gate."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import TypeAdapter

from socratune.graphs.context import Plan
from socratune.memory.ledger import Event, Ledger
from socratune.memory.lessons import Lessons
from socratune.memory.records import CandidateId, Lesson, Task, digest

_PLAN = TypeAdapter(Plan)


def learn(ledger: Ledger, lessons: Lessons, task: Task) -> None:
    """Keep what passed the gate and what went wrong, and judge what was recalled. A replay changes nothing."""
    if lessons.heard_from(ledger.run):
        return
    lessons.add(list(_taught(ledger, task)))
    lessons.judge(ledger.run, _usefulness(ledger))


def _taught(ledger: Ledger, task: Task) -> Iterator[Lesson]:
    for event in ledger.events("judged"):
        if event.body["accepted"]:
            for rule in event.body["content"]["rules"]:
                yield _lesson("lesson", rule, task, ledger.run, event.key, event.body["gain"])
    for leader, event in _leaders(ledger).items():
        text = f"{task.goal}\n{ledger.candidate(leader).prompt.instructions}"
        yield _lesson("prompt", text, task, ledger.run, event.key, event.body["gain"])
    first = ledger.event("plan:1")
    for cluster in _PLAN.validate_python(first.body["content"]).clusters if first else ():
        yield _lesson("error", f"{task.goal}: {cluster.signature}", task, ledger.run, f"plan:1 {cluster.id}", 0.0)


def _leaders(ledger: Ledger) -> dict[CandidateId, Event]:
    """Return who ever led, but for the user's own prompt, each with the last event that says so.

    Who comes to lead again has seen more rows by then, so the gain that this event tells is the surest.
    """
    led = {CandidateId(event.body["leader"]): event for event in ledger.events("leader")}
    return {each: event for each, event in led.items() if each != ledger.settings()["root"]}


def _lesson(kind: str, text: str, task: Task, run: str, gate: str, gain: float) -> Lesson:
    same = digest([kind, text, task.name])
    return Lesson(id=same, kind=kind, text=text, task=task.name, run=run, gate=gate, gain=gain)  # type: ignore[arg-type]  # kinds are literals above


def _usefulness(ledger: Ledger) -> dict[str, bool]:
    """Say of each recalled entry whether an edit that recalled it was accepted."""
    accepted = {event.body["child"] for event in ledger.events("judged") if event.body["accepted"]}
    judged = {event.body["child"] for event in ledger.events("judged")}
    fared: dict[str, bool] = {}
    for event in ledger.events("dialogue"):
        child = event.body["child"]
        for lesson in event.body["recalled"] if child in judged else ():
            fared[lesson] = fared.get(lesson, False) or child in accepted
    return fared
