from __future__ import annotations

import json
from dataclasses import fields
from typing import get_args

from socratune.events import (
    BudgetReached,
    EditJudged,
    FinalTestDone,
    LeaderChanged,
    RunEvent,
    plain_event,
    type_name,
    typed,
)
from socratune.memory.ledger import Event
from socratune.memory.runs import Home
from socratune.standing import opened

from .conftest import Finished


def test_every_event_of_a_run_that_an_embedder_may_want_is_typed(finished: Finished) -> None:
    with opened(Home(path=finished.home).run(finished.id)) as ledger:
        known = {event.kind: typed(event) for event in ledger.events()}
    untold = {kind for kind, event in known.items() if event is None}
    replayed = {"rows", "moves", "recalled", "dialogue", "race", "told", "settled", "planner_failed", "session"}
    replayed |= {"behaviour", "front"}
    assert untold <= replayed
    leader, verdict = known["leader"], known["verdict"]
    assert isinstance(leader, LeaderChanged)
    assert leader.reason
    assert isinstance(verdict, FinalTestDone)
    assert verdict.verdict.status == "improved"


def test_an_edit_brings_its_rules_as_a_tuple() -> None:
    body = {"child": "c", "outcome": "rejected", "accepted": False, "gain": 0.0, "round": 1}
    event = typed(Event(key="judged:1 c", kind="judged", body={**body, "content": {"rules": ["a"], "why": ""}}))
    assert event == EditJudged(child="c", outcome="rejected", accepted=False, gain=0.0, round=1, rules=("a",))


def test_a_cap_says_which_stage_it_cut() -> None:
    event = typed(Event(key="test_cut:", kind="test_cut", body={"cap": "usd"}))
    assert event == BudgetReached(stage="test", cap="usd")


def test_plain_events_carry_their_type_and_are_ready_for_json(finished: Finished) -> None:
    with opened(Home(path=finished.home).run(finished.id)) as ledger:
        told = [plain_event(event) for event in map(typed, ledger.events()) if event]
    assert [each["type"] for each in told][-1] == "run_ended"
    assert len(json.loads(json.dumps(told))) == len(told)


def test_no_record_has_a_field_called_type() -> None:
    records = get_args(RunEvent)
    assert not [record for record in records if "type" in {field.name for field in fields(record)}]
    assert type_name(BudgetReached(stage="test", cap="usd")) == "budget_reached"
