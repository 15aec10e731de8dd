from __future__ import annotations

from dataclasses import replace

from socratune.memory.records import Prompt
from socratune.memory.talk import Card, Requirement
from socratune.tools.draft_check import broken, held, shortfalls

CARD = Card(
    goal="Route tickets.",
    inputs=("ticket",),
    output="The queue alone.",
    labels=("billing", "sales"),
    requirements=(
        Requirement(id="R1", text="Refunds go to billing."),
        Requirement(id="R2", text="No prices.", kept=True),
    ),
)
GOOD = Prompt(
    user="Answer billing or sales.\n- A refund is for\n  billing.\n- Never mention prices.\n\nTicket: {{ticket}}"
)
COVERS = {"R1": "A refund is for billing.", "R2": "Never mention prices."}


def test_a_draft_that_meets_its_card_has_no_shortfalls() -> None:
    assert shortfalls(GOOD, COVERS, CARD, before=None) == ()


def test_each_thing_that_a_draft_forgets_is_named() -> None:
    poor = Prompt(user="Answer billing. {{text}}")
    assert shortfalls(poor, {"R1": "Refunds!"}, CARD, before=None) == (
        "the user part does not hold {{ticket}}",
        "{{text}} is no input",
        "label 'sales' does not stand in the prompt",
        "requirement R1 is met by no words of the prompt (Refunds go to billing.)",
        "requirement R2 is met by no words of the prompt (No prices.)",
    )


def test_a_revision_keeps_the_parts_and_the_variables_it_found() -> None:
    system = Prompt(system="Route it.")
    assert broken(Prompt(system="Route it well."), CARD, before=system) == ()
    assert broken(GOOD, CARD, before=system) == ("the system part is gone", "the user part is new")
    assert broken(replace(GOOD, user="No place for it."), CARD, before=GOOD) == (
        "the user part does not hold {{ticket}}",
    )


def test_only_what_was_asked_for_later_is_held_and_only_to_the_letter() -> None:
    assert held(GOOD, COVERS, CARD) == ("Never mention prices.",)
    assert held(GOOD, {"R2": "never MENTION prices"}, CARD) == ()
