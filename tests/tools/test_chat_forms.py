from __future__ import annotations

import json

import pytest

from socratune.tools.chat_forms import CARD, CHAT_FORMS, DRAFT, FEEDBACK, INTERVIEW
from socratune.tools.reply_form import NotInForm, form_asked

DRAFTED = '<covers>\n{"id": "R1", "text": "Say <covers>."}\n</covers>\n<new_user>\nSay <covers>. {{x}}\n</new_user>'
GOOD = {
    "interview/1": '{"topic": "hard", "question": "Who gets it?", "reason": "Two desks could take it."}',
    "card/1": json.dumps({"goal": "Route.", "inputs": ["ticket"], "output": "", "requirements": [{"text": "Short."}]}),
    "draft/1": DRAFTED,
    "feedback/1": '{"kind": "constraint", "text": "No prices."}',
}


@pytest.mark.parametrize("name", list(CHAT_FORMS))
def test_each_form_reads_its_own_good_example_and_no_other(name: str) -> None:
    assert CHAT_FORMS[name].parse(GOOD[name])
    for other in set(GOOD) - {name}:
        with pytest.raises(NotInForm):
            CHAT_FORMS[name].parse(GOOD[other])


@pytest.mark.parametrize("name", list(CHAT_FORMS))
def test_a_request_names_its_form(name: str) -> None:
    assert form_asked(f"You help.\n\n{CHAT_FORMS[name].instructions}") == name


def test_a_draft_gives_the_prompt_to_the_letter_and_what_it_covers() -> None:
    reply = DRAFT.parse(DRAFTED)
    assert reply.prompt.user == "Say <covers>. {{x}}"
    assert reply.covers == {"R1": "Say <covers>."}
    assert DRAFT.parse("<new_user>{{x}}</new_user>").covers == {}


def test_what_cannot_be_used_is_not_in_form() -> None:
    for form, reply in (
        (CARD, '{"goal": "", "inputs": ["x"], "output": ""}'),
        (CARD, '{"goal": "Route.", "inputs": [], "output": ""}'),
        (CARD, '{"goal": "Route.", "inputs": ["{{x}}"], "output": ""}'),
        (FEEDBACK, '{"kind": "praise", "text": "x"}'),
        (DRAFT, "<covers>\n{broken}\n</covers><new_user>x</new_user>"),
    ):
        with pytest.raises(NotInForm):
            form.parse(reply)


def test_enough_is_an_answer() -> None:
    assert INTERVIEW.parse('{"question": ""}').question == ""
