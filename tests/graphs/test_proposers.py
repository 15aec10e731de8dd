"""What each proposer writes, and what it keeps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.graphs.scene import carry_out, home_at, ledger_of, order, overheard, text_of

from socratune.graphs.proposers.past import HISTORY_TOKENS
from socratune.graphs.proposers.phrases import Text
from socratune.graphs.proposers.reflect import changed_words
from socratune.graphs.recipe import Evidence
from socratune.graphs.recipes import RECIPES
from socratune.memory.records import Budget, Candidate, Prompt
from socratune.memory.runs import Home
from socratune.tools import tokens
from socratune.tools.models import Request
from socratune.tools.search.greedy import Greedy
from socratune.tools.search.policy import Move, Start
from socratune.tools.sections import sections

CAP = Budget(rollouts=250)


def ran(folder: Path, recipe: str, *, world: str = "ticket-routing") -> tuple[Home, Sequence[Request], list[Candidate]]:
    """Carry out a recipe; return what the optimizer was asked, and the candidates in order."""
    made, home = order(world, budget=CAP), home_at(folder)
    heard = overheard(made)
    carry_out(replace(made, models=heard, task=replace(made.task, recipe=recipe)), home)
    with ledger_of(home) as ledger:
        found = sorted(ledger.candidates().values(), key=lambda each: each.round)
    return home, heard["optimizer"].requests, found


@given(text=st.text(alphabet="ab .!?;\n", max_size=60))
def test_phrases_are_put_together_again_to_the_letter(text: str) -> None:
    assert str(Text.cut(text)) == text


@given(text=st.text(alphabet="ab .!?;\n", min_size=1, max_size=60), place=st.integers(0, 20))
def test_a_phrase_that_is_taken_out_takes_one_border_with_it(text: str, place: int) -> None:
    cut = Text.cut(text)
    left = cut.without(place % len(cut.phrases))
    assert len(left.phrases) == len(cut.phrases) - 1
    assert len(left.borders) == max(0, len(left.phrases) - 1)


def test_changed_words_count_what_goes_and_what_comes() -> None:
    before = Prompt(user="Say the word.\n\n{{word}}")
    assert changed_words(before, before) == 0
    assert changed_words(before, Prompt(user="Say the whole word.\n\n{{word}}")) == 1
    assert changed_words(before, Prompt(user="Shout the word.\n\n{{word}}")) == 2


def test_phrase_edits_keep_placeholders_and_never_write_a_known_prompt_twice(tmp_path: Path) -> None:
    _, _, found = ran(tmp_path, "plum-annealing")
    edited = [each for each in found if each.operator == "phrase"]
    assert edited
    assert all("{{ticket}}" in each.prompt.instructions for each in edited)
    assert len({each.id for each in found}) == len(found)


def test_no_set_of_worked_examples_is_tried_twice_and_both_parts_come_from_the_parents(tmp_path: Path) -> None:
    _, _, found = ran(tmp_path, "miprov2")
    sets = [
        frozenset(demo.output + str(demo.inputs) for demo in c.prompt.demos) for c in found if c.operator == "demos"
    ]
    assert len(sets) > 2
    assert len(set(sets)) == len(sets)
    by_id = {each.id: each for each in found}
    for joined in (each for each in found if each.operator == "join"):
        instruction, demos = (by_id[parent].prompt for parent in joined.parents)
        assert joined.prompt == replace(instruction, demos=demos.demos)


def test_a_set_of_worked_examples_shows_varied_answers(tmp_path: Path) -> None:
    _, _, found = ran(tmp_path, "few-shot")
    (shown,) = [each.prompt.demos for each in found if each.operator == "demos" and each.round == 1]
    assert len({demo.output for demo in shown}) > 2


def histories(asked: Sequence[Request]) -> list[list[dict[str, object]]]:
    """The history section of each request that has one."""
    found = (sections(text_of(request)).get("history", "") for request in asked)
    return [[json.loads(line) for line in text.splitlines()] for text in found if text]


def test_a_history_is_sorted_by_score_capped_and_inside_its_tokens_in_every_call(tmp_path: Path) -> None:
    shown = histories(ran(tmp_path, "opro")[1])
    assert max(map(len, shown)) > 2
    for history in shown:
        scores = [float(str(entry["score"])) for entry in history]
        assert scores == sorted(scores)
        assert len(history) <= RECIPES["opro"].evidence.history
        assert sum(tokens.estimate(json.dumps(entry["prompt"])) for entry in history) <= 1.2 * HISTORY_TOKENS


def test_a_history_without_scores_does_not_tell_them_by_its_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blind = replace(RECIPES["opro"], name="blind", evidence=Evidence(examples=3, scores=False))
    monkeypatch.setitem(RECIPES, "blind", blind)
    _, asked, found = ran(tmp_path, "blind")
    rounds = {each.prompt.instructions: each.round for each in found}
    for history in histories(asked):
        assert not any("score" in entry for entry in history)
        ages = [rounds[_instructions(entry["prompt"])] for entry in history]
        assert ages == sorted(ages)


def _instructions(parts: object) -> str:
    assert isinstance(parts, dict)
    return Prompt(**parts).instructions


def test_ancestors_are_shown_with_their_scores_oldest_first(tmp_path: Path) -> None:
    home, asked, _ = ran(tmp_path, "promptagent")
    shown = [sections(text_of(request)) for request in asked]
    lines = [[json.loads(line) for line in each["lineage"].splitlines()] for each in shown if "lineage" in each]
    with ledger_of(home) as ledger:
        seed = ledger.candidate(ledger.settings()["root"]).prompt
    assert lines
    for line in lines:
        assert 2 <= len(line) <= 5
        assert all("score" in entry for entry in line)
    assert any(_instructions(line[0]["prompt"]) == seed.instructions for line in lines)


def test_the_moves_of_a_round_restyle_in_different_ways(tmp_path: Path) -> None:
    _, asked, _ = ran(tmp_path, "evoprompt")
    styles = [found["style"] for found in (sections(text_of(request)) for request in asked) if "style" in found]
    assert len(set(styles[:3])) == 3


def test_induction_is_shown_labelled_rows_and_nothing_that_the_target_said(tmp_path: Path) -> None:
    _, asked, _ = ran(tmp_path, "ape")
    shown = [found for found in (sections(text_of(request)) for request in asked) if "examples" in found]
    assert shown
    for found in shown:
        assert len(found["examples"].splitlines()) == RECIPES["ape"].evidence.examples
        assert "failures" not in found


class FromTheRoot(Greedy):
    """Edits the user's own prompt for ever, whoever leads."""

    def ask(self, n: int, *, subgoals: int) -> list[Move]:
        return [replace(move, parents=(self._root,)) for move in super().ask(n, subgoals=subgoals)]

    def __init__(self, start: Start) -> None:
        super().__init__(start)
        self._root = start.root


def test_a_dialogue_over_a_prompt_that_does_not_lead_is_held_over_its_own_failures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooted = replace(RECIPES["mars"], name="rooted", search=FromTheRoot)
    monkeypatch.setitem(RECIPES, "rooted", rooted)
    home, _, found = ran(tmp_path, "rooted", world="invoices")
    with ledger_of(home) as ledger:
        leaders = [event.body["front"][0] for event in ledger.events("front")]
        root = ledger.settings()["root"]
        failed = {
            row for row, rollout in ledger.rollouts(root).items() if rollout.reward is not None and rollout.reward < 1
        }
    beside = [each for each in found if each.parents == (root,) and leaders[each.round - 1] != root]
    assert beside
    assert all(each.evidence and set(each.evidence) <= failed for each in beside)
