"""What a chat shows: questions, the card, prompts and what they cost. Texts of models and rows are made plain here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from socratune.memory.ledger import Spent
from socratune.memory.records import Prompt, Role
from socratune.memory.talk import Card, RowsSeen, Turn, Version
from socratune.report import diff_lines
from socratune.text import one_line, plain

SENTENCES = {
    "improved": "Proven to be better on rows that chose nothing.",
    "promising": "Promising, not proven.",
}
NEEDED = (
    "Without rows nothing can be proven, nor improved by trying. Paste at least 12 with their answers (40 is good), or "
    "name a file with them; without answers, a judge grades by this card. Until then this is a draft and nothing more."
)


def said(text: str, *, style: str = "") -> RenderableType:
    """Return a text that nobody marks up."""
    return Text(plain(text), style=style)


def question(turn: Turn) -> RenderableType:
    """Return a question with its reason."""
    parts = [said(turn.question, style="bold")]
    if turn.reason:
        parts.append(said(turn.reason, style="dim"))
    return Group(*parts, said('("skip" leaves it open)', style="dim"))


def card_shown(card: Card, version: Version | None) -> RenderableType:
    """Return a card with its checklist: each requirement with the words it rests on, and whether the prompt has it."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column()
    facts = {
        "goal": card.goal,
        "inputs": ", ".join(card.inputs),
        "output": card.output or "not said",
        "labels": ", ".join(card.labels),
        "metric": card.metric,
    }
    for name, text in facts.items():
        if text:
            grid.add_row(name, said(text))
    for each in card.requirements:
        grid.add_row(each.id, said(_requirement(each.text, each.quote)))
    for note in card.notes:
        grid.add_row("note", said(note))
    open_ones = _uncovered(card, version)
    parts = [grid, said(f"Not in the prompt yet: {', '.join(open_ones)}", style="yellow")] if open_ones else [grid]
    return Panel(Group(*parts), title="Task card", title_align="left")


def _requirement(text: str, quote: str) -> str:
    if not quote:
        return f"{text}  (assumed: nobody said it)"
    return text if one_line(quote) == one_line(text) else f"{text}  (you: {one_line(quote, most=80)})"


def _uncovered(card: Card, version: Version | None) -> list[str]:
    if version is None or version.origin == "yours":
        return []
    text = " ".join(version.prompt.instructions.split())
    covers = {name: " ".join(words.split()) for name, words in version.covers.items()}
    return [each.id for each in card.requirements if not covers.get(each.id) or covers[each.id] not in text]


def prompt_shown(version: Version, before: Version | None) -> RenderableType:
    """Return a prompt in full, or what changed in it."""
    if before is not None:
        changes = diff_lines(before.prompt, version.prompt)
        return Group(said("The prompt now:", style="bold"), changes or said("unchanged"))
    title = {"yours": "Your prompt", "draft": "Draft, not tested"}.get(version.origin, f"From {version.origin}")
    parts = [part for part in (version.prompt.system, version.prompt.user) if part is not None]
    return Panel(said("\n---\n".join(parts)), title=title, title_align="left")


def diff_shown(old: Prompt, new: Prompt) -> RenderableType:
    """Return what differs between two prompts."""
    return diff_lines(old, new) or said("The two are the same.")


def rows_shown(rows: RowsSeen, samples: Iterable[Mapping[str, object]]) -> RenderableType:
    """Return how many rows there are, and some that the agents of a run may read."""
    lines = [f"{rows.count} rows; {len(rows.train)} of them may be read by agents in a run, such as these:"]
    lines += [json.dumps(row, ensure_ascii=False) for row in samples]
    if rows.labels:
        lines.append(f"Answers: {', '.join(rows.labels)}")
    return said("\n".join(one_line(line, most=400) for line in lines))


def costs_shown(parts: Mapping[str, Mapping[Role, Spent]], *, simulated: bool) -> RenderableType:
    """Return what was spent, by chat or run and by role."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for name in ("what", "role", "calls", "tokens", "USD"):
        table.add_column(name, justify="left" if name in ("what", "role") else "right")
    for what, roles in parts.items():
        for role, spent in sorted(roles.items()):
            table.add_row(said(what), role, *_numbers(spent))
    table.add_row("all", "", *_numbers(Spent.total(spent for roles in parts.values() for spent in roles.values())))
    note = [said("These prices are simulated; nothing was paid.")] if simulated else []
    return Group(table, *note)


def _numbers(spent: Spent) -> tuple[str, str, str]:
    return f"{spent.calls:,}", f"{spent.tokens:,}", f"{spent.usd:.4f}" if spent.priced else "not known"


def commands_shown(commands: Iterable[tuple[str, str]]) -> RenderableType:
    """Return the commands, each with what it does."""
    grid = Table.grid(padding=(0, 2))
    for name, meaning in commands:
        grid.add_row(Text(name, style="bold"), Text(meaning))
    rest = "Anything else is heard as a wish (never mention prices), a fault (too long) or a question."
    return Group(grid, said(rest))
