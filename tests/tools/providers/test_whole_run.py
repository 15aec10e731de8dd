"""A whole run over each wire, and its ledger against the provider's own records."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from dataclasses import replace
from pathlib import Path

from tests.tools.providers.conftest import Serve
from tests.tools.providers.scene import WORLD, Speaker

from socratune.evals.laid_out import order_of
from socratune.graphs.engine import optimize
from socratune.memory.records import Budget, digest
from socratune.memory.runs import Home
from socratune.tools.simulator.faults import Faults
from socratune.tools.simulator.wire import Manners

MISHAPS = {
    "openai": Faults(),
    "anthropic": Faults(error=0.005, reset=0.005, cut=0.005, malformed=0.005),
}


async def test_a_run_over_the_wire_improves_and_its_ledger_is_the_providers(
    serve: Serve, speaker: Speaker, tmp_path: Path
) -> None:
    log = tmp_path / "provider.jsonl"
    provider = serve(Manners(log=log, faults=MISHAPS[speaker.provider]))
    order = order_of(WORLD, strength="strong", seed=0, budget=Budget(rollouts=300))
    target, optimizer = speaker.spec(provider), speaker.spec(provider, f"{WORLD}:strong")
    task = replace(order.task, target=target, optimizer=optimizer)
    home = Home(path=tmp_path / ".socratune")
    folder = home.new_run(WORLD)
    result = await optimize(replace(order, task=task), folder, home)
    assert result.status == "improved"
    paid, billed, failed = ledger_of(folder.ledger), log_of(log), failures_of(folder.ledger)
    assert paid == billed
    assert (failed > 0) == (speaker.provider == "anthropic")


def ledger_of(path: Path) -> Counter[tuple[str, int, int, str]]:
    with sqlite3.connect(path) as ledger:
        found = ledger.execute("select model, tokens_in, tokens_out, reply from calls where state = 'completed'")
        return Counter((name_of(model), sent, got, digest(reply)) for model, sent, got, reply in found)


def failures_of(path: Path) -> int:
    with sqlite3.connect(path) as ledger:
        count: int = ledger.execute("select count(*) from calls where state = 'failed'").fetchone()[0]
        return count


def name_of(spec: str) -> str:
    return spec.partition(":")[2].partition("@")[0]


def log_of(path: Path) -> Counter[tuple[str, int, int, str]]:
    lines = map(json.loads, path.read_text().splitlines())
    return Counter(
        (line["model"], line["tokens_in"], line["tokens_out"], line["text"])
        for line in lines
        if line["event"] == "completed"
    )
