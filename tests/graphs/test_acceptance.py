"""What each published method is known for, as far as a simulated world can show it; by the rows of systems.md.

Figures are of the simulator: they say that the machinery works, not how well a method does with a real model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import mean

import pytest
from tests.graphs.scene import FOUR_HUNDRED, carry_out, home_at, ledger_of, order, overheard, record, text_of

from socratune.graphs.engine import Order
from socratune.graphs.proposers.reflect import changed_words
from socratune.graphs.recipe import Agent, Recipe
from socratune.graphs.recipes import RECIPES, recipe_named
from socratune.memory.errors import BadInput
from socratune.memory.records import Budget, Candidate, CandidateId, Prompt
from socratune.memory.runs import Home
from socratune.tools.replies import JUDGEMENT, PLAN, QUESTION
from socratune.tools.reply_form import form_asked
from socratune.tools.sections import sections
from socratune.tools.simulator.world import load_world

SMALL = Budget(rollouts=200)
WORLD = load_world("ticket-routing")
SEEDS = range(3)
Named = Callable[[str, Recipe], str]
FALSE_RULE = "Give a short reason for your choice."


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Named:
    """Make a variant of a recipe known by a name of its own."""

    def add(name: str, recipe: Recipe) -> str:
        monkeypatch.setitem(RECIPES, name, replace(recipe, name=name))
        return name

    return add


def order_for(recipe: str, *, seed: int = 0, budget: Budget = FOUR_HUNDRED, shuffled: bool = False) -> Order:
    """A run of a recipe on the tickets."""
    made = order(seed=seed, budget=budget)
    settings = replace(made.settings, shuffle_errors=shuffled)
    return replace(made, task=replace(made.task, recipe=recipe), settings=settings)


def accuracy(prompt: Prompt) -> float:
    """How well a prompt does on all rows, worked out and not sampled."""
    return WORLD.expected_accuracy(prompt, order().examples)


def reached(recipe: str, folder: Path, *, shuffled: bool = False) -> float:
    """The mean accuracy of the best prompts over the seeds."""
    name = f"{recipe}-{shuffled}"
    runs = [
        carry_out(order_for(recipe, seed=seed, shuffled=shuffled), home_at(folder / f"{name}-{seed}", salt=f"{seed}"))
        for seed in SEEDS
    ]
    return mean(accuracy(result.best.prompt) for result in runs)


def candidates(home: Home) -> Mapping[CandidateId, Candidate]:
    """All that a run wrote."""
    with ledger_of(home) as ledger:
        return ledger.candidates()


def test_s008_one_key_swaps_the_heuristics_and_nothing_else(tmp_path: Path) -> None:
    family = [recipe for name, recipe in RECIPES.items() if name.split("-")[0] == "plum"]
    assert len(family) == 5
    assert len({replace(each, name="", search=family[0].search) for each in family}) == 1
    records = [record(carry_out(order_for(each.name, budget=SMALL), home_at(tmp_path / each.name))) for each in family]
    assert len({str(each.keys()) for each in records}) == 1
    assert len({str(each["splits"]) for each in records}) == 1


@pytest.mark.proof
def test_s019_errors_of_other_rows_are_worth_less_than_true_ones(tmp_path: Path) -> None:
    assert reached("protegi", tmp_path) > reached("protegi", tmp_path, shuffled=True) + 0.02


@pytest.mark.parametrize("recipe", ["rewrite-best-of-n", "protegi", "pe2"])
def test_s031_an_edit_that_changes_nothing_on_its_failures_sees_no_dev_row(tmp_path: Path, recipe: str) -> None:
    home = home_at(tmp_path)
    carry_out(order_for(recipe, budget=SMALL), home)
    with ledger_of(home) as ledger:
        changed = {event.body["child"]: event.body["changed"] for event in ledger.events("behaviour")}
        dev = set(ledger.settings()["rows"]["dev"])
        scored = {each for each in ledger.candidates() if dev & set(ledger.rollouts(each))}
        edited = {each.id for each in ledger.candidates().values() if each.evidence}
    assert changed
    assert not {child for child, count in changed.items() if not count} & scored
    assert edited & scored <= set(changed), "every scored edit has its behaviour on record"


def test_s033_more_inductions_from_five_rows_are_never_worse_on_dev(tmp_path: Path, named: Named) -> None:
    found = []
    for n in (1, 3, 6):
        once = replace(RECIPES["ape"], moves=n, rounds=1, proposers=("induce",))
        home = home_at(tmp_path / str(n))
        carry_out(order_for(named(f"ape-{n}", once)), home)
        with ledger_of(home) as ledger:
            dev = ledger.settings()["rows"]["dev"][:24]
            scores = [ledger.rollouts(each) for each in ledger.candidates()]
            found.append(max(sum(own[row].reward or 0 for row in dev) for own in scores if set(dev) <= set(own)))
    assert found == sorted(found)
    assert found[-1] > found[0]


@pytest.mark.parametrize("off", [(), ("planner",), ("teacher",), ("critic",)])
def test_s037_an_agent_of_the_dialogue_that_is_left_out_is_not_asked(
    tmp_path: Path, named: Named, off: tuple[Agent, ...]
) -> None:
    mars = replace(RECIPES["mars"], without=frozenset(off))
    made = order_for(named(f"mars-without-{off}", mars), budget=SMALL)
    heard = overheard(made)
    result = carry_out(replace(made, models=heard), home_at(tmp_path))
    forms = {form_asked(text_of(request)) for request in heard["optimizer"].requests}
    # Without a teacher there is no question that the critic could judge.
    silent = {"planner": {PLAN.name}, "teacher": {QUESTION.name, JUDGEMENT.name}, "critic": {JUDGEMENT.name}}
    left = {PLAN.name, QUESTION.name, JUDGEMENT.name}.difference(*(silent[each] for each in off))
    assert forms & {PLAN.name, QUESTION.name, JUDGEMENT.name} == left
    assert result.changes, "the others find an edit all the same"


def test_s042_recipes_swap_by_name_over_the_same_rows_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    homes = {name: home_at(tmp_path / name) for name in ("ape", "opro", "pe2", "textgrad", "protegi", "gepa")}
    results = {name: carry_out(order_for(name, budget=SMALL), home) for name, home in homes.items()}
    rows = set()
    for home in homes.values():
        with ledger_of(home) as ledger:
            rows.add(str(ledger.settings()["rows"]))
    assert len(rows) == 1
    assert len({str(result.as_dict().keys()) for result in results.values()}) == 1
    with pytest.raises(BadInput, match="unknown recipe 'greater'"):
        recipe_named("greater")


@pytest.mark.proof
def test_s055_instruction_and_examples_both_change_and_critique_pays(tmp_path: Path, named: Named) -> None:
    full = RECIPES["promptwizard"]
    without = named("wizard-without", replace(full, proposers=("mutate", "demos")))
    assert reached("promptwizard", tmp_path) > reached(without, tmp_path) + 0.1
    written = candidates(home_at(tmp_path / "promptwizard-False-0", salt="0")).values()
    assert len({each.prompt.instructions for each in written}) > 2
    assert len({str(each.prompt.demos) for each in written}) > 2


@pytest.mark.proof
def test_s067_without_its_scores_the_history_leads_less_far(tmp_path: Path, named: Named) -> None:
    opro = RECIPES["opro"]
    blind = named("opro-blind", replace(opro, evidence=replace(opro.evidence, scores=False)))
    assert reached("opro", tmp_path) > reached(blind, tmp_path) + 0.02


def test_s094_no_edit_by_checklist_goes_past_its_step(tmp_path: Path) -> None:
    home = home_at(tmp_path)
    carry_out(order_for("pe2", budget=SMALL), home)
    found, step = candidates(home), RECIPES["pe2"].step
    edits = [each for each in found.values() if each.operator == "checklist"]
    assert edits
    assert step is not None
    assert all(changed_words(found[each.parents[0]].prompt, each.prompt) <= step for each in edits)


def test_s094_an_edit_past_its_step_is_refused_and_said_so(tmp_path: Path, named: Named) -> None:
    home = home_at(tmp_path)
    made = order_for(named("pe2-long", replace(RECIPES["pe2"], step=12)), budget=SMALL)
    longer = overheard(made, answer=lambda _, said: said.replace("</new_user>", f" {'More words. ' * 9}</new_user>"))
    carry_out(replace(made, models=longer), home)
    with ledger_of(home) as ledger:
        assert ledger.events("over_step")
        assert not [each for each in ledger.candidates().values() if each.operator == "checklist"]


def test_s094_a_planted_wrong_instruction_is_amended_within_three_steps(tmp_path: Path, named: Named) -> None:
    made = order_for(named("pe2-three", replace(RECIPES["pe2"], rounds=3)))
    wrong = replace(made.task.prompt, user=f"- {FALSE_RULE}\n{made.task.prompt.user}")
    home = home_at(tmp_path)
    result = carry_out(replace(made, task=replace(made.task, prompt=wrong)), home)
    assert FALSE_RULE in result.seed.prompt.instructions
    assert FALSE_RULE not in result.best.prompt.instructions


def test_every_writer_is_told_what_its_section_is(tmp_path: Path) -> None:
    for recipe in ("random", "pe2", "opro", "miprov2"):
        made = order_for(recipe, budget=SMALL)
        heard = overheard(made)
        carry_out(replace(made, models=heard), home_at(tmp_path / recipe))
        for request in heard["optimizer"].requests:
            instructions = request.messages[0].content
            shown = sections(text_of(request))
            assert not [name for name in shown if f"- {name}" not in instructions and name != "goal"], shown.keys()
