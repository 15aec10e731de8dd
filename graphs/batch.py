"""A batch: many runs, some of them at once, none of which ends another. Plain asyncio over runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from socratune.graphs.result import Result

Work = Callable[[], Awaitable[Result]]
Outcome = Result | BaseException
"""How one run ended: with its result, or with what kept it from one."""


async def carry_out_all(work: Mapping[str, Work], *, at_once: int, ended: Callable[[str, Outcome], None]) -> None:
    """Carry out all runs, at most `at_once` together, in their order; tells of each as it ends.

    A run that fails is an outcome like any other.
    """
    free = asyncio.Semaphore(at_once)

    async def one(name: str) -> None:
        async with free:
            [outcome] = await asyncio.gather(work[name](), return_exceptions=True)
        ended(name, outcome)

    await asyncio.gather(*map(one, work))
