"""One event a state change: into the ledger, into the run's log, and to whoever watches.

Facts are numbers, ids and short labels; content (prompts, rows, replies) is kept apart, and the log has it only when
asked. Keys are in neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from socratune.memory.ledger import Event, Ledger


class Log(Protocol):
    """Where events are written as lines; a structlog logger is one."""

    def info(self, event: str, **fields: Any) -> object:  # structlog's own signature
        """Write one line."""


Listener = Callable[[Event], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """Records what happens in a run."""

    ledger: Ledger
    log: Log
    log_content: bool = False
    listeners: tuple[Listener, ...] = ()

    async def record(
        self, kind: str, key: str, facts: Mapping[str, Any], content: Mapping[str, Any] | None = None
    ) -> Event:
        """Record an event once and return the one that stands: a replayed step finds its key, and what it decided then.

        Listeners hear it each time, so that a screen is right also after a resume.
        """
        event = Event(key=f"{kind}:{key}", kind=kind, body={**facts, **({"content": dict(content)} if content else {})})
        if await self.ledger.record(event):
            self.log.info(kind, **(event.body if self.log_content else facts))
        else:
            event = self.ledger.event(event.key) or event
        for listener in self.listeners:
            listener(event)
        return event
