from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator

import pytest

from socratune.tools.replies import CRITIQUE, FORMS, INSPECTION, JUDGEMENT, PLAN, QUESTION, REWRITE, RewriteReply
from socratune.tools.reply_form import LONGEST_REPLY, Form, NotInForm, form_asked

SYSTEM = 'You route tickets.\n- Braces {"a": 1}, {{ticket}} and <b>tags</b> stay.\n- Quote "so".'
USER = "Which queue?\n\n{{ticket}}"
REWRITTEN = (
    f"<reason>Parcels were missing.</reason>\n<new_system>\n{SYSTEM}\n</new_system>\n<new_user>\n{USER}\n</new_user>"
)
CAUSES = [
    {"label": label, "cause": f"Cause {label}.", "rule": f"Rule {label}.", "examples": ["r1", "r2"]} for label in "ABC"
]
GOOD = {
    "plan/1": json.dumps({"subgoals": [{"cluster": "c1", "goal": "Say where parcels go.", "weight": 0.7}]}),
    "critique/1": json.dumps({"hypotheses": CAUSES}),
    "question/1": json.dumps({"question": "Where would r1 and r2 go?"}),
    "judgement/1": json.dumps({"accepted": ["A"], "advice": ""}),
    "rewrite/1": REWRITTEN,
    "inspection/1": json.dumps(
        {
            "inspections": [
                {
                    "id": "r1",
                    "reasoning": "Parcels are not mentioned.",
                    "label_is_right": True,
                    "followed": True,
                    "prompt_says_it": False,
                    "edit": "Say where parcels go.",
                }
            ]
        }
    ),
    "grade/1": json.dumps(
        {"reasoning": "Short.", "criteria": [{"criterion": 1, "quote": "Hi", "reason": "It greets.", "met": True}]}
    ),
    "preference/1": json.dumps({"reasoning": "Both are short.", "better": "tie"}),
}
every_form = pytest.mark.parametrize("name", list(FORMS))
JSON_FORMS = [name for name in FORMS if name != "rewrite/1"]


def problem(form: Form[object], reply: str) -> str:
    with pytest.raises(NotInForm) as refused:
        form.parse(reply)
    return str(refused.value)


# --- what is in form


@every_form
def test_each_form_reads_its_own_good_example(name: str) -> None:
    assert FORMS[name].parse(GOOD[name])


def test_what_a_form_reads_is_what_was_written() -> None:
    assert PLAN.parse(GOOD["plan/1"]).subgoals[0].weight == 0.7
    assert [each.label for each in CRITIQUE.parse(GOOD["critique/1"]).hypotheses] == ["A", "B", "C"]
    assert QUESTION.parse('{"question": " Why? "}').question == "Why?"
    assert JUDGEMENT.parse('{"accepted": []}').advice == ""
    assert REWRITE.parse(REWRITTEN) == RewriteReply(system=SYSTEM, user=USER, reason="Parcels were missing.")


@pytest.mark.parametrize("name", JSON_FORMS)
@pytest.mark.parametrize(
    "around", ["```json\n{}\n```", "Here it is:\n\n{}\n\nI hope that it helps {{you}}.", "\ufeff{}"]
)
def test_an_object_is_found_inside_a_fence_or_prose(name: str, around: str) -> None:
    assert FORMS[name].parse(around.replace("{}", GOOD[name])) == FORMS[name].parse(GOOD[name])


def test_not_knowing_is_an_answer() -> None:
    assert PLAN.parse('{"subgoals": []}').subgoals == ()
    assert CRITIQUE.parse('{"hypotheses": []}').hypotheses == ()
    assert QUESTION.parse('{"question": ""}').question == ""
    assert JUDGEMENT.parse('{"accepted": []}').accepted == ()
    assert INSPECTION.parse('{"inspections": []}').inspections == ()


def test_a_part_that_was_left_out_is_none_and_a_reason_may_be_missing() -> None:
    assert REWRITE.parse("<new_user>Sort.</new_user>") == RewriteReply(system=None, user="Sort.", reason="")
    assert REWRITE.parse("<reason>So<new_system>Sort.</new_system>") == RewriteReply(
        system="Sort.", user=None, reason=""
    )


def test_a_prompt_keeps_its_own_lines_and_tags() -> None:
    prompt = "\n  Think in <reason>...</reason> first.\n\n"
    reply = f"<reason>Say why.</reason>\n<new_user>\n{prompt}\n</new_user>"
    assert REWRITE.parse(reply) == RewriteReply(system=None, user=prompt, reason="Say why.")


# --- what is not


@every_form
def test_an_empty_or_endless_reply_is_not_read(name: str) -> None:
    assert problem(FORMS[name], " \n\t") == "the reply is empty"
    assert "at most are read" in problem(FORMS[name], "x" * (LONGEST_REPLY + 1))


@pytest.mark.parametrize(
    ("form", "reply", "said"),
    [
        (PLAN, "I have no idea.", "there is no JSON object"),
        (PLAN, '{"subgoals": [', "broken or cut"),
        (PLAN, '{"subgoals": [{"cluster": "c1", "goal": "g", "weight": 1.5}]}', "subgoals.0.weight"),
        (PLAN, '{"subgoals": [{"cluster": "c1", "goal": "g", "weight": NaN}]}', "subgoals.0.weight"),
        (PLAN, '{"subgoals": [{"cluster": "", "goal": "g", "weight": 1}]}', "subgoals.0.cluster"),
        (PLAN, '{"goals": []}', "subgoals: Field required"),
        (CRITIQUE, json.dumps({"hypotheses": CAUSES + CAUSES[:1]}), "hypotheses"),
        (CRITIQUE, json.dumps({"hypotheses": [CAUSES[0] | {"label": "D"}]}), "hypotheses.0.label"),
        (CRITIQUE, json.dumps({"hypotheses": [CAUSES[0] | {"examples": []}]}), "hypotheses.0.examples"),
        (CRITIQUE, json.dumps({"hypotheses": [CAUSES[0] | {"rule": " "}]}), "hypotheses.0.rule"),
        (QUESTION, json.dumps({"question": "x" * 4_001}), "question"),
        (QUESTION, '{"question": "\\ud800"}', "question"),
        (JUDGEMENT, '{"accepted": "A"}', "accepted"),
        (INSPECTION, '{"inspections": [{"id": "r1", "reasoning": "None."}]}', "inspections.0.label_is_right"),
        (REWRITE, "I would add a rule.", "neither <new_system> nor <new_user>"),
        (REWRITE, "<new_user>Sort {{x}}", "<new_user> and </new_user> do not both stand"),
        (REWRITE, "Sort {{x}}</new_user>", "<new_user> and </new_user> do not both stand"),
        (REWRITE, "</new_user>Sort<new_user>", "<new_user> and </new_user> do not both stand"),
        (REWRITE, "<new_user>Or so:</new_user> no: <new_user>Sort.</new_user>", "more than once"),
        (REWRITE, "<new_user>Write </new_user> when done.</new_user>", "more than once"),
    ],
)
def test_the_reason_tells_an_agent_what_to_mend(form: Form[object], reply: str, said: str) -> None:
    assert said in problem(form, reply)


def test_a_number_of_thousands_of_digits_is_refused_like_any_other() -> None:
    huge = '{"subgoals": [{"cluster": "c", "goal": "g", "weight": ' + "1" * 5_000 + "}]}"
    assert "broken or cut" in problem(PLAN, huge)


@pytest.mark.parametrize("name", JSON_FORMS)
@pytest.mark.parametrize("opening", ["[", '{"a":', '{"subgoals":['])
def test_deep_nesting_is_refused(name: str, opening: str) -> None:
    assert problem(FORMS[name], '{"a":' + opening * 20_000)


def test_a_rewrite_that_was_cut_anywhere_never_yields_a_cut_prompt() -> None:
    for end in range(len(REWRITTEN)):
        try:
            read = REWRITE.parse(REWRITTEN[:end])
        except NotInForm:
            continue
        assert read == RewriteReply(system=SYSTEM, user=None, reason="Parcels were missing.")
        assert "</new_system>" in REWRITTEN[:end]
        assert "<new_user>" not in REWRITTEN[:end]


@pytest.mark.parametrize("name", JSON_FORMS)
def test_an_object_that_was_cut_anywhere_is_refused(name: str) -> None:
    for end in range(len(GOOD[name])):
        assert problem(FORMS[name], GOOD[name][:end])


# --- two thousand damaged replies

Damage = Callable[[str, random.Random], str]
JUNK = [
    "{",
    "}",
    "[",
    "]",
    '"',
    "\\",
    "<",
    ">",
    "</new_user>",
    "<new_user>",
    "<new_system>",
    "\x00",
    "\ud800",
    "é",
    "null",
]
DAMAGES: list[Damage] = [
    lambda text, chance: text[: chance.randrange(len(text))],
    lambda text, chance: text[chance.randrange(len(text)) :],
    lambda text, _: f"```\n{text}\n```\n```\n{text}",
    lambda text, chance: text.replace(chance.choice(text), "", 1),
    lambda text, chance: text.replace(chance.choice(text), chance.choice(JUNK)),
    lambda text, chance: _put(text, chance.choice(JUNK) * chance.choice([1, 2, 5_000]), chance),
    lambda text, chance: _put(text, text, chance),
    lambda text, chance: text * chance.choice([2, 50]),
    lambda text, chance: "".join(chance.sample(text, len(text))),
]


def _put(text: str, more: str, chance: random.Random) -> str:
    place = chance.randrange(len(text) + 1)
    return text[:place] + more + text[place:]


def damaged(text: str, number: int) -> Iterator[str]:
    chance = random.Random(number)  # noqa: S311  # a seed, so that a failure can be repeated
    for _ in range(number):
        worse = text
        for damage in chance.choices(DAMAGES, k=chance.choice([1, 1, 2, 3])):
            worse = damage(worse, chance) or text
        yield worse


@every_form
def test_whatever_happens_to_a_reply_it_is_read_or_refused(name: str) -> None:
    refused = 0
    for reply in damaged(GOOD[name], 400):
        try:
            FORMS[name].parse(reply)
        except NotInForm:
            refused += 1
    assert refused > 100


def test_the_longest_reply_is_read_in_no_time() -> None:
    began = time.monotonic()
    for filling in ("{", '{"a":', "<new_user>", "</reason><reason>", "\\" * 2, '"', "\n "):
        flood = (filling * LONGEST_REPLY)[: LONGEST_REPLY - 100]
        for form in FORMS.values():
            problem(form, flood + ".")
        REWRITE.parse(f"<new_system>{flood.replace('new_user', 'reason')}</new_system>")
    assert time.monotonic() - began < 2


# --- asking


@every_form
def test_a_request_says_which_form_it_asks_for(name: str) -> None:
    assert form_asked(f"You help.\n\n{FORMS[name].instructions}") == name


def test_a_request_without_a_form_asks_for_none() -> None:
    assert form_asked("Which queue?") is None
    assert form_asked("He said: Reply form: plan/1") is None
