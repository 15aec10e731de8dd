"""What only our own recipe does: pooling, starting anew, stopping in time, and saying where it ends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.graphs.scene import carry_out, home_at, ledger_of, order, overheard, record, stopped_at
from tests.graphs.scripted import BETTER, RULE, scripted_order, with_model

from socratune.graphs.engine import Watch
from socratune.graphs.result import PLATEAU
from socratune.graphs.socratic import pooled
from socratune.graphs.state import NOT_WORTH
from socratune.graphs.trials import REFUSED, TURNED_DOWN
from socratune.memory.critiques import Critique, Hypothesis
from socratune.memory.ledger import Event, Ledger
from socratune.memory.records import Budget, CandidateId, ExampleId
from socratune.tools.models import Request, ScriptedModel
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


def written_again(ledger: Ledger) -> tuple[CandidateId, list[str]]:
    """A child that was judged more than once, and what came of it each time."""
    found = dict[CandidateId, list[str]]()
    for event in ledger.events("judged"):
        found.setdefault(event.body["child"], []).append(event.body["outcome"])
    return next((child, outcomes) for child, outcomes in found.items() if len(outcomes) > 1)


def test_a_child_that_is_written_again_is_settled_on_all_of_dev_also_in_a_replay(tmp_path: Path) -> None:
    made, home = order("house-arithmetic", budget=SIX_HUNDRED, seed=4), home_at(tmp_path / "whole")
    heard = overheard(made)
    asked_before = dict[str, int]()

    def note(event: Event) -> None:
        asked_before[event.key] = sum(len(model.requests) for model in heard.values())

    undisturbed = record(carry_out(replace(made, models=heard), home, Watch(listeners=(note,))))
    with ledger_of(home) as ledger:
        child, outcomes = written_again(ledger)
        assert outcomes[0].startswith(TURNED_DOWN)
        assert outcomes[1:] == ["accepted"]
        assert set(ledger.settings()["rows"]["dev"]) <= ledger.rollouts(child).keys()
        second = [event.key for event in ledger.events("proposal") if event.body["child"] == child][1]
    for calls in (3, 40):
        cut = home_at(tmp_path / str(calls))
        stopped_at(asked_before[second] + calls, made, cut, tmp_path / "log")
        assert record(carry_out(made, cut)) == undisturbed


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
    assert replace(ended, stop_reason=NOT_WORTH).left_over.startswith("Little is left to gain. Failures that remain")
    assert ended.remaining
    assert ended.as_dict()["remaining"] == [
        {"failures": len(each.example_ids), "signature": each.signature} for each in ended.remaining
    ]


def test_who_writes_what_the_run_knows_costs_no_call(tmp_path: Path) -> None:
    def stubborn(request: Request) -> str:
        """Answer otherwise under the better prompt, and no better."""
        asked = request.messages[-1].content
        return f"{asked.split()[-1]}{'!' if RULE in asked else ''}"

    target = ScriptedModel(answer=stubborn, name="scripted:stubborn")
    carry_out(with_model(scripted_order(), "target", target), home_at(tmp_path))
    with ledger_of(home_at(tmp_path)) as ledger:
        refused = {
            event.key.removeprefix("judged:") for event in ledger.events("judged") if event.body["outcome"] == REFUSED
        }
        told = {
            f"{event.key.removeprefix('told:').split('.')[0]} {event.body['child']}": event.body["cost"]
            for event in ledger.events("told")
        }
        assert ledger.rollouts(BETTER.id)
    assert refused
    assert {told[each] for each in refused} == {0.0}


def test_a_run_that_its_budget_ended_speaks_of_no_ceiling(tmp_path: Path) -> None:
    ended = carry_out(order("moderation", budget=Budget(rollouts=160)), home_at(tmp_path))
    assert ended.stop_reason == "budget: rollouts"
    assert (ended.remaining, ended.left_over) == ((), "")
