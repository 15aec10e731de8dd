"""The only way to a model.

One call passes: cache, de-duplication of calls in flight, reservation of its worst case, a place under the concurrency
limit, a ledger row that is committed, the provider, the stop reason, the ledger row completed. There is one retry
layer, and it is here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

import stamina

from socratune.memory.answers import SharedAnswers
from socratune.memory.calls import CallStart, PaidReply
from socratune.memory.errors import CallFailed, FinalFailure, Paused, TransientFailure
from socratune.memory.ledger import Ledger
from socratune.memory.records import Message, Role
from socratune.memory.usage import Usage
from socratune.tools.bill import NOTHING, Bill, need_prices, paid_for, spent_on, worst_case
from socratune.tools.datasets import well_formed
from socratune.tools.models import ANSWER, Closable, LanguageModel, ReadsRow, Reply, Request
from socratune.tools.providers.failures import unforeseen
from socratune.tools.purse import Phase, Purse
from socratune.tools.sections import seal
from socratune.tools.throttle import Throttle
from socratune.tools.vanguard import Vanguard, kept_beginning, kept_from

ATTEMPTS = 8
"""With 28 % of calls failing, one call in 25,000 is given up."""
LONGEST_WAIT = 120.0
"""Seconds; a provider that asks for a longer pause is waited for this long."""
SLOWEST_CALL = 300.0
"""Seconds from sending to the last word."""
PATIENCE = 60.0
"""Seconds for which a run that ends early waits for the calls in flight."""
PROBE, PROBE_TOKENS = "Answer with the word ok.", 16
STRAIGHT_FAILURES = 20
"""So many calls without an answer in between pause the run: the trouble is not one row's."""

SHARED: tuple[Role, ...] = ("target", "judge")
"""Roles whose answers runs may share: what an agent says belongs to the run that asked it."""
MENDED = "if your code is to be mended, mend it and start a new run, for this one goes on only with the code as it was"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A model in a role: what an agent or the evaluator holds, and all that it can do."""

    caller: Caller
    role: Role
    max_tokens: int

    async def ask(
        self,
        messages: tuple[Message, ...],
        *,
        phase: Phase,
        repeat: int = 0,
        row: Mapping[str, str] | None = None,
        schema: Mapping[str, object] | None = None,
        prefix: int = 0,
    ) -> str:
        """Return the answer's text. Raises `CallFailed`, `BudgetExhausted`, `Paused` or `Interrupted`.

        `row`, the row's inputs, reaches an application of the user's and no other model; `prefix` is how many
        characters at the beginning other requests share.
        """
        request = Request(
            messages=messages, max_tokens=self.max_tokens, repeat=repeat, row=row, schema=schema, prefix=prefix
        )
        return (await self.caller.call(self.role, request, phase=phase)).text


class _CutAnswer(FinalFailure):
    """The provider answered, and billed, but what came did not end by itself."""

    def __init__(self, model: str, reply: Reply) -> None:
        super().__init__(model, f"the answer did not end by itself (stop reason {reply.stop_reason!r})")
        self.used = reply


class Caller:
    """Calls the models of one run."""

    def __init__(
        self, models: Mapping[Role, LanguageModel], *, ledger: Ledger, purse: Purse, secret: bytes, concurrency: int
    ) -> None:
        self._models = models
        self._ledger = ledger
        self._secret = secret
        self._throttles = {role: Throttle(concurrency) for role in models}
        self._vanguard = Vanguard()
        self._read_rows = {role for role, model in models.items() if isinstance(model, ReadsRow)}
        self._kept_from = {role: kept_from(model) for role, model in models.items()}
        self._flying: dict[str, asyncio.Task[PaidReply]] = {}
        self._straight_failures = 0
        self._answered: set[Role] = set()
        self._last_failure = ""
        self._dearest: dict[Role, float] = {}
        """USD of the dearest call of each role in this process."""
        self._others: list[Closable] = []
        self._shared: SharedAnswers | None = None
        self.purse = purse
        self.cached = 0
        """Calls that were answered from the ledger or by a call in flight."""
        need_prices(models, purse)

    async def call(self, role: Role, request: Request, *, phase: Phase) -> PaidReply:
        """Answer from the ledger when the same call was completed before, else pay for it."""
        if request.row is not None and role not in self._read_rows:
            request = replace(request, row=None)
        key = request.key(self._models[role].name)
        paid = self._ledger.paid(key)
        if paid is not None:
            self.cached += 1
            return paid
        if (cut := self._ledger.cut(key)) is not None:
            raise FinalFailure(self._models[role].name, cut)  # it was paid for once, and would be cut again
        task = self._flying.get(key)
        if task is None:
            task = self._flying[key] = asyncio.create_task(self._pay(role, request, key, phase))
            task.add_done_callback(lambda _: self._flying.pop(key))
        else:
            self.cached += 1
        return await asyncio.shield(task)

    def share(self, answers: SharedAnswers) -> None:
        """Answer the target's and the judge's calls from these where it can, and keep new answers there.

        A call that is answered so is charged like any other: it only reaches no provider.
        """
        self._shared = answers

    def close_too(self, other: Closable) -> None:
        """Close this with the models, when all is drained."""
        self._others.append(other)

    async def drain(self, patience: float = PATIENCE) -> None:
        """Wait for the calls in flight: what was sent is paid for and must be kept. Then let go of connections.

        What is not answered within `patience` seconds is given up: it counts as sent, and perhaps billed. So is
        everything when whoever waits is cancelled.
        """
        flying = tuple(self._flying.values())
        try:
            if flying:
                await asyncio.wait(flying, timeout=patience)
        finally:
            for late in flying:
                late.cancel()
            await asyncio.gather(*flying, return_exceptions=True)
            await self._let_go()

    async def _let_go(self) -> None:
        for each in (*self._models.values(), *self._others):
            if isinstance(each, Closable):
                await each.aclose()

    async def _pay(self, role: Role, request: Request, key: str, phase: Phase) -> PaidReply:
        model = self._models[role]
        # The target is sent the row as it is: what looks like a mark there is the row's own.
        if role != "target":
            request = replace(request, messages=seal(request.messages, self._secret))
        beginning, dearest = kept_beginning(model.name, request, self._kept_from[role]), self._dearest.get(role, 0.0)
        worst = worst_case(role, request, model, is_kept=beginning is not None, dearest=dearest)
        await self.purse.admit(phase, worst)
        bill = Bill(phase=phase)
        try:
            start = CallStart(key=key, role=role, phase=phase, model=model.name, reserved_usd=worst.usd)
            shared = self._shared if role in SHARED else None
            if shared is not None and (paid := shared.find(key)) is not None:
                bill.due = spent_on(role, paid)
                await self._ledger.copy_call(start, paid)
                return paid
            async with self._vanguard.turn(beginning):
                paid = await self._persist(request, start, bill)
            if shared is not None:
                await shared.keep(key, paid)
            return paid
        finally:
            self._dearest[role] = max(self._dearest.get(role, 0.0), bill.due.usd)
            self.purse.settle(worst, bill.due)

    async def _persist(self, request: Request, start: CallStart, bill: Bill) -> PaidReply:
        """Attempt the call until it is answered or not worth another attempt."""
        failure: CallFailed | None = None
        try:
            return await self._attempt(request, start, bill)
        except CallFailed as error:
            failure = error
        async for attempt in stamina.retry_context(on=_pause_before_retry, attempts=ATTEMPTS, timeout=None):
            with attempt:
                # Most calls need no more than one attempt, and none of this; it begins with what came of the first.
                if failure is not None:
                    first, failure = failure, None
                    raise first
                if bill.due != NOTHING:
                    await self.purse.lose(bill.phase, bill.due)
                    bill.due = NOTHING
                return await self._attempt(request, start, bill)
        raise AssertionError("a retry context ends by returning or raising")  # pragma: no cover

    async def _attempt(self, request: Request, start: CallStart, bill: Bill) -> PaidReply:
        model, throttle = self._models[start.role], self._throttles[start.role]
        async with throttle.slot():
            self.purse.check_open()
            if self._straight_failures >= STRAIGHT_FAILURES:
                own = f"; {MENDED}" if isinstance(model, ReadsRow) else ""
                raise Paused(f"{STRAIGHT_FAILURES} calls in a row gave no answer; the last: {self._last_failure}{own}")
            row = await self._ledger.begin_call(start)
            try:
                reply = await _answer(model, request)
            except CallFailed as error:
                await self._book_failure(row, start, error, bill)
                self._failed(error, start.role, throttle)
                raise
            throttle.answered()
            self._straight_failures = 0
            self._answered.add(start.role)
        # The place is free by now: no other call waits for this one's commit.
        paid = paid_for(model, reply, well_formed(reply.text))
        bill.due = spent_on(start.role, paid)
        await self._ledger.complete_call(row, paid)
        return paid

    async def _book_failure(self, row: int, start: CallStart, error: CallFailed, bill: Bill) -> None:
        """Write what became of an attempt, and what it may have cost."""
        billed = paid_for(self._models[start.role], error.used) if error.used else None
        is_final = not isinstance(error, TransientFailure)
        await self._ledger.fail_call(row, error.reason, billed=billed, final=is_final)
        if billed is not None:
            cost = spent_on(start.role, billed)
            bill.due = cost if is_final else replace(cost, calls=0, rollouts=0)

    def _failed(self, error: CallFailed, role: Role, throttle: Throttle) -> None:
        # Answers that are cut are the prompt's doing, not the provider's, once the model has answered at all.
        self._straight_failures += not isinstance(error, _CutAnswer) or role not in self._answered
        self._last_failure = str(error)
        if isinstance(error, TransientFailure):
            throttle.refused(error.retry_after or 0.0)


async def probe(model: LanguageModel) -> PaidReply:
    """Ask one tiny question, once, to see whether a model answers. Raises `CallFailed` when it does not."""
    request = Request(messages=(Message(role="user", content=PROBE),), max_tokens=PROBE_TOKENS)
    try:
        reply = await _send(model, request)
    finally:
        if isinstance(model, Closable):
            await model.aclose()
    return paid_for(model, reply, well_formed(reply.text))


async def _answer(model: LanguageModel, request: Request) -> Reply:
    """Return what counts as an answer: only a natural end does; what was cut or refused must not become a score."""
    reply = await _send(model, request)
    if reply.stop_reason != ANSWER:
        raise _CutAnswer(model.name, reply)
    return reply


async def _send(model: LanguageModel, request: Request) -> Reply:
    try:
        async with asyncio.timeout(SLOWEST_CALL) as timer:
            return await model.complete(request)
    except CallFailed:
        raise
    except TimeoutError as error:
        slow = TransientFailure(model.name, f"no answer within {SLOWEST_CALL:.0f} s")
        # It was being answered all the time, or silence would have ended it; nobody knows how much was said.
        said = request.max_tokens if timer.expired() else 0
        slow.used = Usage(tokens_in=request.tokens, tokens_out=said)
        raise slow from error
    except Exception as error:  # models are other people's code: one bad call must not end a run
        if hasattr(error, "status_code"):
            raise unforeseen(model.name, error) from None  # what a server wrote may repeat the key
        raise unforeseen(model.name, error) from error


def _pause_before_retry(error: Exception) -> bool | float:
    """Say whether another attempt is worth it, and how long to wait when the provider said so."""
    if not isinstance(error, TransientFailure):
        return False
    return True if error.retry_after is None else min(error.retry_after, LONGEST_WAIT)
