"""What a person sees while a run goes on: a live view on a terminal, plain lines elsewhere, nothing when quiet.

All of it goes to stderr, so that stdout holds the result alone. Texts of models and rows are shown as `Text`, which
knows no markup, after `plain`.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from socratune.events import LeaderChanged, typed
from socratune.memory.ledger import Event
from socratune.memory.runs import RunFolder
from socratune.progress import Progress, line_of
from socratune.standing import Standing, opened, standing
from socratune.text import one_line, plain
from socratune.tools.caller import Caller
from socratune.tools.purse import CAPS, Purse

REFRESHED = 4
"""Times a second."""
BAR = 30
"""Columns."""


class Screen:
    """Listens to one run and shows it."""

    def __init__(self, console: Console, folder: RunFolder, *, quiet: bool) -> None:
        self.standing: Standing | None = None
        self._progress = Progress()
        self._purse: Purse | None = None
        self._console, self._quiet = console, quiet
        self._folder = folder
        live = console.is_terminal and not console.is_dumb_terminal and not quiet
        self._live = (
            Live(console=console, get_renderable=self._view, refresh_per_second=REFRESHED, transient=True)
            if live
            else None
        )

    def __enter__(self) -> Self:
        if self._folder.ledger.exists():
            self._catch_up()
        if self._live is not None:
            self._live.start(refresh=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give the terminal back. Closing twice is harmless."""
        if self._live is not None:
            self._live.stop()

    def watch(self, caller: Caller) -> None:
        """Show what this caller spends."""
        self._purse = caller.purse

    def hear(self, event: Event) -> None:
        """Take in one event."""
        known = typed(event)
        self._progress.hear(known)
        if isinstance(known, LeaderChanged):
            with opened(self._folder) as ledger:
                self.standing = standing(ledger)
        line = line_of(known)
        if line and self._live is None:
            self.say(line)

    def say(self, line: str) -> None:
        """Show one line."""
        if not self._quiet:
            self._console.print(Text(plain(line)), soft_wrap=True)

    def _catch_up(self) -> None:
        """Take in what happened before the run was interrupted."""
        with opened(self._folder) as ledger:
            for event in ledger.events():
                self._progress.hear(typed(event))
            self.standing = standing(ledger)

    def _view(self) -> RenderableType:
        grid = Table.grid(padding=(0, 2), expand=True)
        grid.add_column(style="bold", no_wrap=True)
        grid.add_column(ratio=1)
        for label, shown in self._rows():
            grid.add_row(label, shown)
        title = Text(one_line(f"{self._folder.id}: {self._progress.stage}", most=70))
        return Panel(Group(grid), title=title, title_align="left", border_style="cyan")

    def _rows(self) -> list[tuple[str, RenderableType]]:
        rows: list[tuple[str, RenderableType]] = []
        if self._purse is not None:
            rows.append(("budget", budget_bar(self._purse)))
        leader = str(self.standing) if self.standing else "your own prompt"
        rows.append(("leader", Text(leader)))
        texts = (("teacher", self._progress.question), ("last edit", self._progress.edit))
        rows += [(label, Text(text, style="italic")) for label, text in texts if text]
        return [*rows, ("", Text("Ctrl-C stops and keeps everything.", style="dim"))]


def budget_bar(purse: Purse) -> RenderableType:
    """Return the cap that is nearest to its end as a bar; without a cap, what was spent."""
    used = {cap: float(getattr(purse.spent, cap)) for cap in CAPS}
    limits = {cap: float(limit) for cap in CAPS if (limit := getattr(purse.budget, cap))}
    if not limits:
        return Text(f"{used['rollouts']:,.0f} target calls, {used['usd']:.2f} USD; no cap")
    cap = max(limits, key=lambda each: used[each] / limits[each])
    digits = 2 if cap == "usd" else 0
    row = Table.grid(padding=(0, 2))
    shown = Text(f"{used[cap]:,.{digits}f} of {limits[cap]:,.{digits}f} {'USD' if cap == 'usd' else cap}")
    row.add_row(ProgressBar(total=limits[cap], completed=used[cap], width=BAR), shown)
    return row
