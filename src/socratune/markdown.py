"""The report of a run in Markdown: the verdict, the change, and the whole dialogue that led to it.

All that a model or a row may have written stands in fenced blocks, from which it cannot break out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from socratune.graphs.context import outcome_of
from socratune.graphs.result import Result, Side
from socratune.memory.ledger import Event, Ledger
from socratune.memory.records import CandidateId
from socratune.report import cost_rows, heading, trouble
from socratune.text import CAVEAT, fenced, one_line, plain, prompt_diff
from socratune.tools.statistics import ALPHA, counts, looked_before

Body = Mapping[str, Any]


def markdown(result: Result, ledger: Ledger) -> str:
    """Return the report of a run that has ended."""
    parts = [
        f"# {result.run}",
        f"**{plain(result.sentence)}**",
        *([f"> {CAVEAT}"] if result.simulated else []),
        _scores(result, ledger),
        *_warnings(result),
        *_change(result, _went_wrong(result, ledger)),
        "## Cost",
        _table(("role", "calls", "tokens in", "tokens out", "USD"), cost_rows(result)),
        fenced("\n".join(trouble(result))),
        *_preflight(result.preflight),
        *_dialogues(ledger),
        *_rejected(ledger),
    ]
    return "\n\n".join(parts) + "\n"


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    names = tuple(head)
    lines = (names, ("---",) * len(names), *rows)
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def _scores(result: Result, ledger: Ledger) -> str:
    sides = (("your prompt", result.seed), ("best found", result.best))
    rows = [(name, _mean(side.dev), result.dev_rows, _mean(side.test), _unread(side, ledger)) for name, side in sides]
    table = _table(("prompt", "dev (chose)", "dev rows of both", "test (decides)", "unreadable answers"), rows)
    return f"{table}\n\n{_test(result)}"


def _mean(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _unread(side: Side, ledger: Ledger) -> str:
    """Return how many answers of a prompt held nothing that could be read; each counts as a reward of 0."""
    known = ledger.rollouts(side.id).values()
    return f"{sum(not each.parsed for each in known)} of {len(known)}"


def _test(result: Result) -> str:
    verdict, sizes = result.verdict, result.splits
    split = f"Rows: {sizes['train']} train, {sizes['dev']} dev, {sizes['test']} test."
    if verdict is None or verdict.n == 0:
        return f"{split} The test rows {'stay sealed' if result.is_sealed else 'were opened'}."
    before = f" {looked_before(verdict.alpha)}." if verdict.alpha < ALPHA else ""
    return (
        f"{split} This run used the test rows, once: {counts(verdict, pairs=result.pairs)}, difference "
        f"{verdict.difference:+.3f}, interval {verdict.low:+.3f} to {verdict.high:+.3f}, one-sided p = "
        f"{verdict.p:.2g} at alpha {verdict.alpha:g} ({verdict.method}). A gain of {verdict.detectable:.2f} has an "
        f"80 % chance to be proven on so many rows.{before}"
    )


def _warnings(result: Result) -> Iterator[str]:
    if result.warnings:
        yield "## What to know about the rows"
        yield fenced("\n".join(result.warnings))


def _went_wrong(result: Result, ledger: Ledger) -> dict[str, str]:
    """Return what was said of the first answer to each row that failed, by row, from the user's own prompt on."""
    lineage = [result.seed.id, *reversed(_ancestors(result.best.id, ledger))]
    failed = [
        each
        for candidate in lineage
        for each in ledger.rollouts(candidate).values()
        if each.reward is not None and each.reward < 1 and each.feedback
    ]
    return {each.example_id: one_line(each.feedback) for each in reversed(failed)}


def _ancestors(candidate: CandidateId, ledger: Ledger) -> list[CandidateId]:
    parents = ledger.candidate(candidate).parents
    return [candidate, *(_ancestors(parents[0], ledger) if parents else ())]


def _change(result: Result, wrong: Mapping[str, str]) -> Iterator[str]:
    yield "## The change"
    lines = prompt_diff(result.seed.prompt, result.best.prompt)
    if not lines:
        yield "None: your own prompt is the best that was found."
        return
    if result.status != "improved":
        yield "This is the best found. It is not proven, so your own prompt is what the run returns."
    yield fenced("\n".join(lines), language="diff")
    if any(change.evidence for change in result.changes):
        yield "Rows are named by their place: `r12` is the 12th row of the data, counted from 1 without the header."
    for number, change in enumerate(result.changes, start=1):
        yield f"### {number}. {heading(change)}"
        rules = [f"rule: {rule}" for rule in dict.fromkeys(change.rules)]
        rows = [f"{row}: {wrong.get(row, 'not kept')}" for row in change.evidence]
        rows = ["rows that it was made from, and what was wrong there:", *rows] if rows else []
        yield fenced("\n".join([change.reason or "no reason was given", *rules, *rows]))


def _preflight(facts: Body) -> Iterator[str]:
    if facts:
        yield "## Before the search"
        yield (
            f"Your prompt scored {_mean(facts['score'])} on {facts['rows']} dev rows, asked {facts['repeats']} times. "
            f"Rows with different answers: {facts['unstable']}. Unreadable answers: {facts['unread']}. "
            f"Rows without a score: {facts['failed']}."
        )
        if why := facts.get("content", {}).get("why"):
            yield fenced(why)


def _dialogues(ledger: Ledger) -> Iterator[str]:
    events = ledger.events("dialogue")
    if events:
        yield "## The dialogue"
    outcomes = {event.body["child"]: outcome_of(event.body) for event in ledger.events("judged")}
    for event in events:
        yield from _dialogue(event, outcomes)


def _dialogue(event: Event, outcomes: Mapping[str, str]) -> Iterator[str]:
    body, content = event.body, event.body.get("content", {})
    child = body["child"]
    yield f"### Round {body['round']}, {f'edit `{child}`' if child else 'without an edit'}"
    for critique in content.get("critiques", []):
        yield "The critic on one group of failures:"
        yield fenced("\n\n".join(_hypothesis(each) for each in critique["hypotheses"]) or "I do not know.")
    for question in content.get("questions", []):
        accepted = ", ".join(question["labels"]) or "nothing, so it was sent back"
        yield "The teacher asked:"
        advice = f"\nadvice: {question['advice']}" if question["advice"] else ""
        yield fenced(f"{question['text']}\n\naccepted: {accepted}{advice}")
    if content.get("reason"):
        yield "The rewriter:"
        yield fenced(content["reason"])
    if child in outcomes:
        yield "The outcome:"
        yield fenced(outcomes[child])


def _hypothesis(found: Body) -> str:
    rows = ", ".join(found["example_ids"])
    return f"{found['label']}. {found['cause']}\n   rule: {found['rule']}\n   rows: {rows}"


def _rejected(ledger: Ledger) -> Iterator[str]:
    lost = [event.body for event in ledger.events("judged") if not event.body["accepted"]]
    failed = [event.body["content"]["cause"] for event in ledger.events("proposal") if event.body["failed"]]
    if not lost and not failed:
        return
    yield "## Edits that were not taken"
    told = [f"{body['child']}: {outcome_of(body)}{_rules(body)}" for body in lost]
    yield fenced("\n".join([*told, *(f"no edit: {plain(str(cause))}" for cause in failed)]))


def _rules(body: Body) -> str:
    return "".join(f"\n    {rule}" for rule in dict.fromkeys(body["content"]["rules"]))
