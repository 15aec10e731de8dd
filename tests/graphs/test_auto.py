"""What only our own recipe does: pooling, carrying, looking again, starting anew, and saying where it ends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.graphs.scene import carry_out, home_at, ledger_of, order, overheard

from socratune.evals.laid_out import order_of
from socratune.graphs.context import TURNED_DOWN
from socratune.graphs.result import PLATEAU
from socratune.graphs.socratic import pooled
from socratune.memory.critiques import Critique, Hypothesis
from socratune.memory.ledger import Ledger
from socratune.memory.records import Budget, CandidateId, ExampleId
from socratune.tools.sections import rows_of, sections

SIX_HUNDRED, PLENTY = Budget(rollouts=600), Budget(rollouts=1_300)


def critique(*rules: str) -> Critique:
    found = tuple(
        Hypothesis(label=label, cause="c", rule=rule, example_ids=(ExampleId("r1"),))
        for label, rule in zip("ABC", rules, strict=False)
    )
    return Critique(candidate_id=CandidateId("p"), cluster="c1", hypotheses=found, written_by="critic/1")


def test_pooled_critiques_name_each_rule_once_and_label_it_anew() -> None:
    both = pooled([critique("Say the unit.", "Round up."), critique("Round up.", "No prose.")])
    assert [(each.label, each.rule) for each in both.hypotheses] == [
        ("A", "Say the unit."),
        ("B", "Round up."),
        ("C", "No prose."),
    ]


def looked_at(ledger: Ledger, operator: str) -> list[str]:
    """The children that moves with this operator brought."""
    told = [event.body for event in ledger.events("told") if event.body["move"]["operator"] == operator]
    return [body["child"] for body in told if body["child"]]


def test_a_second_look_settles_on_all_of_dev_a_child_that_fell_short(tmp_path: Path) -> None:
    carry_out(order_of("ticket-routing", strength="weak", seed=1, budget=PLENTY), home_at(tmp_path))
    with ledger_of(home_at(tmp_path)) as ledger:
        [again] = looked_at(ledger, "reconsider")
        first, last = [event.body for event in ledger.events("judged") if event.body["child"] == again]
        seen = len(ledger.rollouts(CandidateId(again)).keys() & set(ledger.settings()["rows"]["dev"]))
        dev = len(ledger.settings()["rows"]["dev"])
    assert (first["outcome"], last["outcome"], seen) == (f"{TURNED_DOWN} 32 rows", "accepted", dev)


def test_rules_that_fell_short_alone_are_carried_into_the_next_edit_of_the_same_prompt(tmp_path: Path) -> None:
    carry_out(order("moderation", budget=PLENTY, seed=2), home_at(tmp_path))
    with ledger_of(home_at(tmp_path)) as ledger:
        short = [e.body["child"] for e in ledger.events("judged") if e.body["outcome"].startswith(TURNED_DOWN)]
        fallen = [each for each in (ledger.candidate(CandidateId(child)) for child in short) if each.lessons]
        later = list(ledger.candidates().values())
    assert [
        (one.id, other.id)
        for one in fallen
        for other in later
        if one.parents == other.parents and one.round < other.round and set(one.lessons) < set(other.lessons)
    ]


def test_a_restart_is_shown_the_rules_that_held_and_none_of_the_failures(tmp_path: Path) -> None:
    made, home = order("local-optimum", budget=SIX_HUNDRED, seed=1), home_at(tmp_path)
    heard = overheard(made)
    carry_out(replace(made, models=heard), home)
    asked = [sections(each.messages[-1].content) for each in heard["optimizer"].requests]
    anew = [seen for seen in asked if "examples" in seen]
    assert anew
    assert all("failures" not in seen for seen in anew)
    assert all(rows_of(seen["accepted"]) for seen in anew if "accepted" in seen)


def test_a_plateau_is_called_a_ceiling_with_what_remains(tmp_path: Path) -> None:
    ended = carry_out(order("unfixable", budget=Budget(rollouts=1_000)), home_at(tmp_path))
    assert ended.stop_reason in PLATEAU
    assert ended.left_over.startswith("A prompting ceiling was reached:")
    assert ended.remaining
    assert ended.as_dict()["remaining"] == [
        {"failures": len(each.example_ids), "signature": each.signature} for each in ended.remaining
    ]


def test_a_run_that_its_budget_ended_speaks_of_no_ceiling(tmp_path: Path) -> None:
    ended = carry_out(order("moderation", budget=Budget(rollouts=160)), home_at(tmp_path))
    assert ended.stop_reason == "budget: rollouts"
    assert (ended.remaining, ended.left_over) == ((), "")
