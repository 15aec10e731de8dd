"""A comparison: the runs of several recipes, one after the other, that all open the same sealed rows once."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from socratune.graphs.batch import Outcome, Work, outcome_of
from socratune.graphs.context import OptimizeDeps, candidate_of
from socratune.graphs.engine import Order, Watch, optimize, prepared
from socratune.graphs.result import Result, result_of
from socratune.graphs.stages import open_seal
from socratune.memory.errors import BudgetExhausted, Interrupted, Paused
from socratune.memory.runs import Home, RunFolder


async def carry_out_in_turn(work: Mapping[str, Work], *, ended: Callable[[str, Outcome], None]) -> None:
    """Carry out runs in their order and tell of each as it ends.

    A run that fails is an outcome like any other; after one that was paused or interrupted none is begun.
    """
    for name, run in work.items():
        outcome = await outcome_of(run)
        ended(name, outcome)
        if isinstance(outcome, Paused | Interrupted):
            return


async def optimize_and_score(order: Order, folder: RunFolder, home: Home, watch: Watch) -> Result:
    """Carry out a run as `optimize` does; where it ends with the seed, the seed is scored on the sealed rows, too.

    Else a run that found nothing would have no score to be compared.
    """
    result = await optimize(order, folder, home, watch)
    if result.verdict is not None:
        return result
    async with prepared(order, folder, home, watch) as deps:
        await _score_seed(deps)
        return result_of(deps.search.ledger, cached=result.cached)


async def _score_seed(deps: OptimizeDeps) -> None:
    search = deps.search
    rows = await open_seal(deps, finalist=search.root)
    try:
        await search.evaluator.score(candidate_of(search, search.root), rows, phase="test")
    except BudgetExhausted as error:
        await search.journal.record("test_cut", "", {"cap": error.cap})
