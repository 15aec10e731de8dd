"""The only way to a model.

One call passes: cache, de-duplication of calls in flight, reservation of its worst case, a place under the concurrency
limit, a ledger row that is committed, the provider, the stop reason, the ledger row completed. There is one retry
layer, and it is here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

import stamina

from socratune.memory.errors import BadInput, CallFailed, FinalFailure, Paused, TransientFailure
from socratune.memory.ledger import CallStart, Ledger, PaidReply, Spent
from socratune.memory.records import Message, Role
from socratune.tools.datasets import well_formed
from socratune.tools.models import (
    ANSWER,
    UNSEEN,
    Closable,
    Laden,
    LanguageModel,
    ReadsRow,
    Reply,
    Request,
)
from socratune.tools.providers.failures import unforeseen
from socratune.tools.purse import Phase, Purse
from socratune.tools.sections import seal
from socratune.tools.throttle import Throttle
from socratune.tools.tokens import at_most

ATTEMPTS = 8
"""With 28 % of calls failing, one call in 25,000 is given up."""
LONGEST_WAIT = 120.0
"""Seconds; a provider that asks for a longer pause is waited for this long."""
SLOWEST_CALL = 300.0
"""Seconds from sending to the last word."""
PROBE, PROBE_TOKENS = "Answer with the word ok.", 16
STRAIGHT_FAILURES = 20
"""So many calls without an answer in between pause the run: the trouble is not one row's."""


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
    ) -> str:
        """Return the answer's text. Raises `CallFailed`, `BudgetExhausted`, `Paused` or `Interrupted`.

        `row`, the row's inputs, reaches an application of the user's and no other model.
        """
        request = Request(messages=messages, max_tokens=self.max_tokens, repeat=repeat, row=row, schema=schema)
        return (await self.caller.call(self.role, request, phase=phase)).text


class _CutAnswer(FinalFailure):
    """The provider answered, and billed, but what came did not end by itself."""

    def __init__(self, model: str, stop_reason: str | None, paid: PaidReply) -> None:
        super().__init__(model, f"the answer did not end by itself (stop reason {stop_reason!r})")
        self.paid = paid


class Caller:
    """Calls the models of one run."""

    def __init__(
        self, models: Mapping[Role, LanguageModel], *, ledger: Ledger, purse: Purse, secret: bytes, concurrency: int
    ) -> None:
        self._models = models
        self._ledger = ledger
        self._secret = secret
        self._throttles = {role: Throttle(concurrency) for role in models}
        self._flying: dict[str, asyncio.Task[PaidReply]] = {}
        self._straight_failures = 0
        self._answered: set[Role] = set()
        self._last_failure = ""
        self._dearest: dict[Role, float] = {}
        """USD of the dearest call of each role in this process."""
        self._others: list[Closable] = []
        self.purse = purse
        self.cached = 0
        """Calls that were answered from the ledger or by a call in flight."""
        _need_prices(models, purse)

    async def call(self, role: Role, request: Request, *, phase: Phase) -> PaidReply:
        """Answer from the ledger when the same call was completed before, else pay for it."""
        if request.row is not None and not isinstance(self._models[role], ReadsRow):
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

    def close_too(self, other: Closable) -> None:
        """Close this with the models, when all is drained."""
        self._others.append(other)

    async def drain(self) -> None:
        """Wait for the calls in flight: what was sent is paid for and must be kept. Then let go of connections."""
        await asyncio.gather(*self._flying.values(), return_exceptions=True)
        for each in (*self._models.values(), *self._others):
            if isinstance(each, Closable):
                await each.aclose()

    async def _pay(self, role: Role, request: Request, key: str, phase: Phase) -> PaidReply:
        model = self._models[role]
        # The target is sent the row as it is: what looks like a mark there is the row's own.
        if role != "target":
            request = replace(request, messages=seal(request.messages, self._secret))
        worst = _worst_case(role, request, model, self._dearest.get(role, 0.0))
        await self.purse.admit(phase, worst)
        spent = Spent()
        try:
            start = CallStart(key=key, role=role, phase=phase, model=model.name, reserved_usd=worst.usd)
            paid = await self._persist(model, request, start)
            spent = _spent(role, paid)
            self._dearest[role] = max(self._dearest.get(role, 0.0), paid.usd)
        except _CutAnswer as error:
            spent = _spent(role, error.paid)
            raise
        finally:
            self.purse.settle(worst, spent)
        return paid

    async def _persist(self, model: LanguageModel, request: Request, start: CallStart) -> PaidReply:
        """Attempt the call until it is answered or not worth another attempt."""
        async for attempt in stamina.retry_context(on=_pause_before_retry, attempts=ATTEMPTS, timeout=None):
            with attempt:
                return await self._attempt(model, request, start)
        raise AssertionError("a retry context ends by returning or raising")  # pragma: no cover

    async def _attempt(self, model: LanguageModel, request: Request, start: CallStart) -> PaidReply:
        throttle = self._throttles[start.role]
        async with throttle.slot():
            self.purse.check_open()
            if self._straight_failures >= STRAIGHT_FAILURES:
                raise Paused(f"{STRAIGHT_FAILURES} calls in a row gave no answer; the last: {self._last_failure}")
            row = await self._ledger.begin_call(start)
            try:
                paid = _paid(model, await _send(model, request))
            except CallFailed as error:
                await self._ledger.fail_call(row, error.reason, billed=_billed(error))
                self._failed(error, start.role, throttle)
                raise
            await self._ledger.complete_call(row, paid)
            throttle.answered()
            self._straight_failures = 0
            self._answered.add(start.role)
            return paid

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
        return _paid(model, await _send(model, request))
    except _CutAnswer as error:
        return error.paid
    finally:
        if isinstance(model, Closable):
            await model.aclose()


async def _send(model: LanguageModel, request: Request) -> Reply:
    try:
        async with asyncio.timeout(SLOWEST_CALL):
            return await model.complete(request)
    except CallFailed:
        raise
    except TimeoutError as error:
        raise TransientFailure(model.name, f"no answer within {SLOWEST_CALL:.0f} s") from error
    except Exception as error:  # models are other people's code: one bad call must not end a run
        if hasattr(error, "status_code"):
            raise unforeseen(model.name, error) from None  # what a server wrote may repeat the key
        raise unforeseen(model.name, error) from error


def _pause_before_retry(error: Exception) -> bool | float:
    """Say whether another attempt is worth it, and how long to wait when the provider said so."""
    if not isinstance(error, TransientFailure):
        return False
    return True if error.retry_after is None else min(error.retry_after, LONGEST_WAIT)


def _paid(model: LanguageModel, reply: Reply) -> PaidReply:
    """Only a natural end counts as an answer; what was cut or refused must not become a score."""
    usd = reply.usd
    if usd is None:
        usd = model.price.cost(tokens_in=reply.tokens_in, tokens_out=reply.tokens_out) if model.price else 0.0
    text = well_formed(reply.text)
    paid = PaidReply(text=text, tokens_in=reply.tokens_in, tokens_out=reply.tokens_out, usd=usd)
    if reply.stop_reason != ANSWER:
        raise _CutAnswer(model.name, reply.stop_reason, paid)
    return paid


def _billed(error: CallFailed) -> PaidReply | None:
    return error.paid if isinstance(error, _CutAnswer) else None


def _spent(role: Role, paid: PaidReply) -> Spent:
    rollouts = 1 if role == "target" else 0
    return Spent(calls=1, rollouts=rollouts, tokens_in=paid.tokens_in, tokens_out=paid.tokens_out, usd=paid.usd)


def _worst_case(role: Role, request: Request, model: LanguageModel, dearest: float) -> Spent:
    """Return what a call may cost at most; an application's is the most that it has reported so far."""
    tokens_in = sum(at_most(message.content) for message in request.messages)
    tokens_in += model.overhead if isinstance(model, Laden) else 0
    tokens_in += at_most(json.dumps(request.schema)) + UNSEEN if request.schema else 0
    usd = model.price.cost(tokens_in=tokens_in, tokens_out=request.max_tokens) if model.price else 0.0
    usd = max(usd, dearest) if isinstance(model, ReadsRow) else usd
    rollouts = 1 if role == "target" else 0
    return Spent(calls=1, rollouts=rollouts, tokens_in=tokens_in, tokens_out=request.max_tokens, usd=usd)


def _need_prices(models: Mapping[Role, LanguageModel], purse: Purse) -> None:
    for role, model in models.items():
        if purse.budget.usd is not None and model.price is None and not isinstance(model, ReadsRow):
            raise unpriced(model.name, role)


def unpriced(name: str, role: Role) -> BadInput:
    """Return what is said of a model without a price under a cap in USD."""
    given = "IN,OUT" if role == "target" else f"{role}=IN,OUT"
    cure = f"give it in USD for a million tokens, --price {given}, or cap the run by rollouts instead of usd"
    return BadInput(f"the price of {name} is not known", cure=cure)
