"""What only our own recipe does: pooling, starting anew, stopping in time, and saying where it ends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.graphs.scene import carry_out, home_at, ledger_of, order, overheard

from socratune.evals.laid_out import order_of
from socratune.graphs.result import PLATEAU
from socratune.graphs.socratic import pooled
from socratune.graphs.trials import TURNED_DOWN
from socratune.memory.critiques import Critique, Hypothesis
from socratune.memory.records import Budget, CandidateId, ExampleId
from socratune.tools.sections import rows_of, sections

SIX_HUNDRED = Budget(rollouts=600)


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


def test_a_rule_that_several_critiques_name_has_the_rows_of_all() -> None:
    one, other = critique("Say the unit."), critique("Say the unit.")
    other = replace(other, hypotheses=(replace(other.hypotheses[0], example_ids=(ExampleId("r2"), ExampleId("r1"))),))
    [hypothesis] = pooled([one, other]).hypotheses
    assert hypothesis.example_ids == ("r1", "r2")


def test_a_child_that_is_written_again_is_settled_on_all_of_dev(tmp_path: Path) -> None:
    carry_out(order_of("invoices", strength="weak", seed=3, budget=SIX_HUNDRED), home_at(tmp_path, salt="evals 3\n"))
    with ledger_of(home_at(tmp_path)) as ledger:
        dev = set(ledger.settings()["rows"]["dev"])
        judged = [(event.body["child"], event.body["outcome"]) for event in ledger.events("judged")]
        turned_down = {child for child, outcome in judged if outcome.startswith(TURNED_DOWN)}
        again = [child for child in turned_down if [each for each, _ in judged].count(child) > 1]
        assert again
        assert all(dev <= ledger.rollouts(CandidateId(child)).keys() for child in again)


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
