"""What a call may cost at most, before it is sent, and what it did cost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from socratune.memory.calls import PaidReply
from socratune.memory.errors import BadInput, unmarked
from socratune.memory.ledger import Spent
from socratune.memory.records import Role
from socratune.memory.usage import Usage
from socratune.tools.models import UNSEEN, Laden, LanguageModel, ReadsRow, Request
from socratune.tools.purse import Phase, Purse
from socratune.tools.tokens import at_most

NOTHING = Spent()


@dataclass(slots=True, kw_only=True)
class Bill:
    """What a call has cost and is not booked yet."""

    phase: Phase
    due: Spent = NOTHING


def paid_for(model: LanguageModel, used: Usage, text: str = "") -> PaidReply:
    """Return what came of a call, at what it cost."""
    usd = used.usd
    if usd is None:
        usd = model.price.of(used) if model.price else 0.0
    return PaidReply(
        text=text, tokens_in=used.tokens_in, tokens_out=used.tokens_out, tokens_cached=used.tokens_cached, usd=usd
    )


def spent_on(role: Role, paid: PaidReply) -> Spent:
    """Return what a call adds to what a run has used."""
    return Spent(
        calls=1,
        rollouts=1 if role == "target" else 0,
        tokens_in=paid.tokens_in,
        tokens_out=paid.tokens_out,
        tokens_cached=paid.tokens_cached,
        usd=paid.usd,
    )


def worst_case(
    role: Role, request: Request, model: LanguageModel, *, is_kept: bool = False, dearest: float = 0.0
) -> Spent:
    """Return what a call may cost at most; an application's is the most that it has reported so far, `dearest` in USD.

    Input that the provider is asked to keep may all be billed as that, tools and schema included.
    """
    tokens_in = sum(at_most(message.content) for message in request.messages)
    tokens_in += model.overhead if isinstance(model, Laden) else 0
    tokens_in += at_most(json.dumps(request.schema)) + UNSEEN if request.schema else 0
    price, written = model.price, tokens_in if is_kept else 0
    usd = price.cost(tokens_in=tokens_in, tokens_out=request.max_tokens, tokens_written=written) if price else 0.0
    usd = max(usd, dearest) if isinstance(model, ReadsRow) else usd
    rollouts = 1 if role == "target" else 0
    return Spent(calls=1, rollouts=rollouts, tokens_in=tokens_in, tokens_out=request.max_tokens, usd=usd)


def need_prices(models: Mapping[Role, LanguageModel], purse: Purse) -> None:
    """Raise `BadInput` when a cap in USD would not hold; what an application costs only it can say."""
    if purse.budget.usd is None:
        return
    unknown = {r: m.name for r, m in models.items() if m.price is None and not isinstance(m, ReadsRow)}
    if unknown:
        raise unpriced(unknown)


def unpriced(models: Mapping[Role, str]) -> BadInput:
    """Return what is said of models without a price, by role, under a cap in USD."""
    options = " ".join(f"--price {'' if role == 'target' else f'{role}='}IN,OUT" for role in models)
    names = list(dict.fromkeys(map(unmarked, models.values())))
    problem = f"the price of {names[0]} is not known"
    if len(names) > 1:
        problem = f"the prices of {', '.join(names[:-1])} and {names[-1]} are not known"
    cure = f"give it in USD for a million tokens, {options}, or cap the run by rollouts instead of usd"
    return BadInput(problem, cure=cure)
