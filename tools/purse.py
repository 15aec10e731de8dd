"""The money: every call is admitted here before it is sent, at its worst case, and settled at what it cost.

No cap is ever exceeded by spent + reserved. A call that does not fit waits, in the order of submission, for those in
flight to settle, and is refused only when nothing is in flight; so what is refused does not depend on concurrency.
Each phase leaves alone what later phases need: the search cannot eat the final test.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal

from socratune.memory.errors import BudgetExhausted, Interrupted
from socratune.memory.ledger import Spent
from socratune.memory.records import Budget

Phase = Literal["preflight", "search", "finalist", "test"]
Cap = Literal["usd", "rollouts", "calls", "tokens"]
CAPS: tuple[Cap, ...] = ("usd", "rollouts", "calls", "tokens")


@dataclass(slots=True)
class _Waiting:
    phase: Phase
    worst: Spent
    admitted: asyncio.Future[None]


class Purse:
    """Admits calls under the caps of one run.

    `held` says, for each phase, how much of each cap is kept back for later phases; `minutes_worked`, what earlier
    processes have used of the minutes.
    """

    def __init__(
        self,
        budget: Budget,
        *,
        held: Mapping[Phase, Budget],
        spent: Spent,
        lost_usd: float = 0.0,
        minutes_worked: float = 0.0,
    ) -> None:
        self.budget = budget
        self.spent = spent
        self._held = held
        self._reserved = Spent(usd=lost_usd)
        """In flight now; also what calls cost that were sent before a crash and never answered."""
        self._in_flight = 0
        self._queue: deque[_Waiting] = deque()
        left = budget.minutes - minutes_worked if budget.minutes is not None else None
        self._deadline = time.monotonic() + left * 60 if left is not None else None
        self._stopped = False

    def stop(self) -> None:
        """Admit nothing more; calls that wait are told `Interrupted`."""
        self._stopped = True
        self._wake()

    def check_open(self) -> None:
        """Raise `Interrupted` when a person has asked the run to stop."""
        if self._stopped:
            raise Interrupted

    def room(self, cap: Cap, phase: Phase) -> float:
        """Return how much of a cap is left for `phase`; infinite without a cap."""
        limit = getattr(self.budget, cap)
        if limit is None:
            return float("inf")
        kept = getattr(self._held.get(phase, Budget()), cap) or 0
        return float(limit - kept - getattr(self.spent, cap) - getattr(self._reserved, cap))

    async def admit(self, phase: Phase, worst: Spent) -> None:
        """Reserve `worst` for one call. Raises `BudgetExhausted` or `Interrupted`."""
        waiting = _Waiting(phase=phase, worst=worst, admitted=asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._wake()
        await waiting.admitted

    def settle(self, worst: Spent, actual: Spent) -> None:
        """Give back a reservation and book what the call really cost."""
        self._in_flight -= 1
        self._reserved = _minus(self._reserved, worst)
        self.spent = self.spent.plus(actual)
        self._wake()

    def _wake(self) -> None:
        while self._queue:
            head = self._queue[0]
            refusal = self._refusal(head)
            if refusal is None:
                self._in_flight += 1
                self._reserved = self._reserved.plus(head.worst)
                self._answer(head, None)
            elif isinstance(refusal, Interrupted) or self._in_flight == 0:
                self._answer(head, refusal)
            else:
                return

    def _answer(self, waiting: _Waiting, refusal: Exception | None) -> None:
        self._queue.popleft()
        if waiting.admitted.done():  # the caller was cancelled while it waited
            if refusal is None:
                self.settle(waiting.worst, Spent())
        elif refusal is None:
            waiting.admitted.set_result(None)
        else:
            waiting.admitted.set_exception(refusal)

    def _refusal(self, waiting: _Waiting) -> Exception | None:
        if self._stopped:
            return Interrupted()
        if waiting.phase != "test" and self._deadline is not None and time.monotonic() >= self._deadline:
            return BudgetExhausted("minutes")
        for cap in CAPS:
            # A billionth of slack, so that sums of cents do not refuse a call that fits exactly.
            if getattr(waiting.worst, cap) > self.room(cap, waiting.phase) + 1e-9:
                return BudgetExhausted(cap)
        return None


def _minus(total: Spent, part: Spent) -> Spent:
    return Spent(**{each.name: getattr(total, each.name) - getattr(part, each.name) for each in fields(Spent)})
