"""What a run is told as at its end: a summary for the terminal.

The numbers come from the result and the ledger alone. Texts of models and rows are shown as `Text`, which knows no
markup. The long form, with the whole dialogue, is `markdown.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from socratune.graphs.result import Change, Result
from socratune.graphs.state import NOT_WORTH, NOTHING_LEFT, NOTHING_NEW, PATIENCE
from socratune.memory.ledger import Spent
from socratune.memory.records import Prompt, Role
from socratune.progress import points
from socratune.text import CAVEAT, one_line, plain, prompt_diff
from socratune.tools.model_spec import is_application
from socratune.tools.statistics import ALPHA, counts, difference, looked_before

COLOURS = {"+": "green", "-": "red", "@": "cyan"}
UNJUDGED = "compare"
"""The operator that reads answers of which nobody has said whether they are right."""
MOST_RULES = 6
"""Shown for one change; the report has all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the result itself does not know."""

    folder: str
    files: Mapping[str, str]
    """What stands in the folder: a meaning by the file's name."""
    following: Mapping[str, str]
    """What can be typed next: a meaning by the command."""


def summary(result: Result, around: Surroundings, *, brief: bool = False) -> RenderableType:
    """Return the whole summary; a brief one leaves out what the report has as well."""
    parts = [_verdict(result), _scores(result)]
    if not brief:
        parts += [*_changes(result), *_diff(result), _cost(result)]
    parts += [_files(around), _next(around)]
    parts += [Text(f"Note: {plain(warning)}", style="yellow") for warning in result.warnings]
    if result.simulated:
        parts.append(Text(CAVEAT, style="bold magenta"))
    # Not rich's padding, which would cut the long lines of a diff.
    return Group(*(each for part in parts[:-1] for each in (part, Text(""))), parts[-1])


def _verdict(result: Result) -> RenderableType:
    styles = {"improved": "bold green", "promising": "bold yellow"}
    said = Text(plain(result.sentence), style=styles.get(result.status, "bold"))
    verdict = result.verdict
    if verdict is None or verdict.n == 0:
        return said
    told = [] if result.status == "improved" else [difference(verdict)]
    told += [f"{looked_before(verdict.alpha)}."] if verdict.alpha < ALPHA else []
    return Group(said, *map(Text, told))


def _scores(result: Result) -> RenderableType:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for name in ("score", "your prompt", "best found", ""):
        table.add_column(name, justify="left" if name in ("score", "") else "right", style=None if name else "dim")
    on = f"chose, on the {result.dev_rows} rows that both have seen"
    table.add_row("dev", *(_score(side.dev) for side in (result.seed, result.best)), on)
    table.add_row("test", *(_score(side.test) for side in (result.seed, result.best)), _tested(result))
    return table


def _score(mean: float | None) -> str:
    return "-" if mean is None else f"{mean:.3f}"


def _tested(result: Result) -> str:
    verdict = result.verdict
    if verdict is None or verdict.n == 0:
        return "still sealed"
    return f"decides: {counts(verdict, pairs=result.pairs)}"


def _changes(result: Result) -> Iterator[RenderableType]:
    if result.changes:
        parts = [_change(number, change) for number, change in enumerate(result.changes, start=1)]
        yield Group(Text("What changed, and why", style="bold"), *parts)


def _change(number: int, change: Change) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    for mark, line in _because(change):
        table.add_row(f"  {mark}", Text(line))
    return Group(Text(f"{number}. {heading(change)}"), table)


def heading(change: Change) -> str:
    """Return operator, cause and gain of a change in one line."""
    count = len(change.evidence)
    noun = "answer" if change.operator == UNJUDGED else "failure"
    cause = f", from {count} {noun}{'' if count == 1 else 's'}" if count else ""
    return f"{change.operator}: {points(change.gain)} over its parent on {change.rows} dev rows{cause}"


def _because(change: Change) -> list[tuple[str, str]]:
    rules = list(dict.fromkeys(change.rules))
    if not rules:
        return [("", one_line(change.reason))] if change.reason else []
    hidden = len(rules) - MOST_RULES
    shown = [("", "the dialogue asked it to say:"), *(("-", one_line(rule)) for rule in rules[:MOST_RULES])]
    return [*shown, ("-", f"and {hidden} more, in the report")] if hidden > 0 else shown


def _diff(result: Result) -> Iterator[RenderableType]:
    lines = diff_lines(result.seed.prompt, result.best.prompt)
    if lines is not None:
        name = "new prompt" if result.status == "improved" else "best found, not proven: your prompt stays as it is"
        yield Group(Text(f"The {name}", style="bold"), lines)


def diff_lines(old: Prompt, new: Prompt) -> Text | None:
    """Return the coloured diff of two prompts; None when they are the same."""
    lines = prompt_diff(old, new)
    if not lines:
        return None
    whole = Text("\n", overflow="ignore", no_wrap=True)  # what is copied from it has no line breaks of ours
    return whole.join(Text(line, style=COLOURS.get(line[:1], "")) for line in lines)


def _cost(result: Result) -> RenderableType:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("cost")
    for name in ("calls", "tokens in", "out", "USD"):
        table.add_column(name, justify="right")
    for row in cost_rows(result):
        table.add_row(*row)
    return Group(table, *(Text(line) for line in trouble(result)))


def cost_rows(result: Result) -> list[tuple[str, ...]]:
    """Return what each role cost, and the sum: role, calls, tokens in and out, USD."""
    rows = [
        (role, *_use(spent, role=role, target=result.target))
        for role, spent in sorted(result.spent.items(), reverse=True)
    ]
    calls, came, went = (_sum(result.spent.values(), name) for name in ("calls", "tokens_in", "tokens_out"))
    return [*rows, ("all", f"{calls:,}", f"{came:,}", f"{went:,}", _paid(result.usd, priced=result.priced))]


def _use(spent: Spent, *, role: Role, target: str) -> tuple[str, ...]:
    if role == "target" and is_application(target) and spent.usd == spent.tokens == 0:
        return (f"{spent.calls:,}", *("its own",) * 3)
    used = (f"{number:,}" for number in (spent.calls, spent.tokens_in, spent.tokens_out))
    return (*used, _paid(spent.usd, priced=spent.priced))


def _paid(usd: float, *, priced: bool) -> str:
    return f"{usd:.4f}" if priced else "not known"


def _sum(spent: Iterable[Any], name: str) -> int:
    return sum(int(getattr(each, name)) for each in spent)


def trouble(result: Result) -> list[str]:
    """Return what went wrong without being a wrong answer, and how the run ended, a sentence each."""
    failed = sum(result.failed.values())
    kept = _sum(result.spent.values(), "tokens_cached")
    where = "On dev an" if result.compared else "An"
    told = {
        f"{kept:,} of the input tokens came from the provider's cache.": kept,
        "These prices are simulated; nothing was paid.": result.simulated and result.usd > 0,
        f"{failed} attempts at a call gave no answer; they count as missing, not as wrong.": failed,
        f"{result.proposals_failed} proposals could not be read.": result.proposals_failed,
        f"Up to {result.lost_usd:.4f} USD more was in flight when the run was killed.": result.lost_usd > 0,
        f"{where} answer scores 1 when it is better than your own prompt's, 0.5 for a tie.": result.pairs
        or result.compared,
        f"The search ended: {_ended(result.stop_reason)}.": True,
        _passed_over(result): result.passed_over is not None,
        result.left_over: result.left_over != "",
    }
    return [sentence for sentence, applies in told.items() if applies]


def _passed_over(result: Result) -> str:
    chosen = "your own prompt" if result.best.id == result.seed.id else f"the earlier {result.best.id[:6]}"
    last = (result.passed_over or "")[:6]
    return f"The last leader, {last}, is not the best found: on the dev rows it is not surely ahead of {chosen}."


def _ended(reason: str) -> str:
    words = {
        NOTHING_NEW: "the same failures led to no new edit",
        PATIENCE: "no edit was accepted any more",
        NOT_WORTH: "the few train rows that still fail are hardly worth another edit",
        NOTHING_LEFT: "the train rows show no failure any more that an edit could mend",
    }
    cap = reason.removeprefix("budget: ")
    return one_line(words.get(reason, reason) if cap == reason else f"the {cap} budget is used up")


def _files(around: Surroundings) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for name, meaning in around.files.items():
        table.add_row(f"  {name}", Text(meaning, style="dim"))
    return Group(Text(f"Files in {around.folder}", style="bold", overflow="ignore", no_wrap=True), table)


def _next(around: Surroundings) -> RenderableType:
    lines = [Text("Next", style="bold")]
    for command, meaning in around.following.items():
        lines.append(Text(f"  {command}", overflow="ignore", no_wrap=True))
        lines.append(Text(f"      {meaning}", style="dim"))
    return Group(*lines)
