"""Trouble stops a run with its cause and never becomes a score; what was paid for is kept."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.graphs.scene import (
    Overheard,
    carry_out,
    home_at,
    keys,
    ledger_of,
    models,
    order,
    overheard,
    record,
    stopped_at,
    text_of,
)

from socratune.memory.errors import FinalFailure, Paused, TransientFailure
from socratune.memory.records import Role
from socratune.memory.tables import calls
from socratune.tools.models import LanguageModel, Request
from socratune.tools.template import messages


def test_an_optimizer_that_cannot_be_read_pauses_the_run_after_five_proposals(tmp_path: Path) -> None:
    home, made = home_at(tmp_path), order()
    mute = models(made) | {"optimizer": Overheard(model=models(made)["optimizer"], answer=lambda *_: "Let me see.")}
    with pytest.raises(Paused, match=r"5 proposals in a row failed.*not in the asked form"):
        carry_out(replace(made, models=mute), home)
    with ledger_of(home) as ledger:
        proposals = [event.body for event in ledger.events("proposal")]
        assert [event.body["content"] for event in ledger.events("paused")] == [proposals[-1]["content"]]
        assert not ledger.events("test_opened", "ended", "judged")
    assert len(proposals) == 5
    assert not any(proposal["child"] for proposal in proposals)


def test_a_paused_run_goes_on_to_the_end_when_the_optimizer_is_well_again(tmp_path: Path) -> None:
    home, made = home_at(tmp_path), order()
    mute = models(made) | {"optimizer": Overheard(model=models(made)["optimizer"], answer=lambda *_: "Let me see.")}
    for _ in range(2):
        with pytest.raises(Paused):
            carry_out(replace(made, models=mute), home)
    result = carry_out(made, home)
    assert result.status == "improved"
    assert result.proposals_failed == 10


def raising(error: Callable[[], Exception]) -> Callable[[Request], None]:
    """A hook that fails every call."""

    def fail(_: Request) -> None:
        raise error()

    return fail


@pytest.mark.parametrize("kind", [TransientFailure, FinalFailure])
def test_a_target_that_never_answers_pauses_the_run(tmp_path: Path, kind: type[Exception]) -> None:
    home, made = home_at(tmp_path), order()
    hook = raising(
        lambda: (
            TransientFailure("sim", "overloaded", retry_after=0.001)
            if kind is TransientFailure
            else FinalFailure("sim", "wrong key")
        )
    )
    with pytest.raises(Paused, match="calls in a row gave no answer"):
        carry_out(replace(made, models=overheard(made, before=hook)), home)
    with ledger_of(home) as ledger:
        assert not ledger.rollouts(made.task.prompt.id)
        assert not ledger.events("test_opened", "ended")
    assert carry_out(made, home).status == "improved"


def unlucky(request: Request) -> bool:
    """One request in twenty, always the same."""
    return zlib.crc32(text_of(request).encode()) % 20 == 0


def test_calls_that_fail_never_become_scores(tmp_path: Path) -> None:
    home, made = home_at(tmp_path), order()

    def fail(request: Request) -> None:
        if unlucky(request):
            raise FinalFailure("sim", "refused")

    players: dict[Role, LanguageModel] = models(made)
    players["target"] = Overheard(model=players["target"], before=fail)
    result = carry_out(replace(made, models=players), home)
    assert result.status in ("improved", "promising")  # too many rows without an answer are no proof
    assert result.failed["target"] > 5
    rows = {row.id: row for row in made.examples}
    with ledger_of(home) as ledger:
        scored = [
            Request(messages=messages(each.prompt, rows[row].inputs), max_tokens=1)
            for each in ledger.candidates().values()
            for row in ledger.rollouts(each.id)
        ]
    assert len(scored) > 200
    assert not any(map(unlucky, scored))


@pytest.mark.parametrize("number", [5, 380])
def test_an_interrupted_run_keeps_what_it_paid_for_and_ends_the_same(tmp_path: Path, number: int) -> None:
    home, log, made = home_at(tmp_path / "home"), tmp_path / "log", order()
    stopped_at(number, made, home, log)
    answered = keys(log)
    with ledger_of(home) as ledger:
        completed = ledger._read(sa.select(calls.c.key).where(calls.c.state == "completed"))
    assert sorted(answered) == sorted(row.key for row in completed)
    assert len(answered) < number + made.settings.concurrency
    resumed = record(carry_out(replace(made, models=models(made, log=log)), home))
    assert resumed == record(carry_out(made, home_at(tmp_path / "undisturbed")))
    assert len(keys(log)) == len(set(keys(log)))
