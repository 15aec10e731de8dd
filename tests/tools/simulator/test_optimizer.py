import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.tools.simulator.asking import (
    BARE,
    CASES,
    RULES,
    WORLD,
    Json,
    Strength,
    answer,
    failures,
    hypotheses,
    request_for,
    rewrite,
)

from socratune.memory.records import Message
from socratune.tools.models import Reply, Request
from socratune.tools.replies import (
    CRITIQUE,
    FORMS,
    INSPECTION,
    JUDGEMENT,
    PLAN,
    QUESTION,
    REWRITE,
    CritiqueReply,
    InspectedRow,
)
from socratune.tools.reply_form import NotInForm
from socratune.tools.sections import lines, seal
from socratune.tools.simulator.optimizer import NOT_IN_FORM, SimulatedOptimizer
from socratune.tools.tokens import estimate


async def critique(rows: Sequence[Json], strength: Strength = "strong", repeat: int = 0, **parts: str) -> CritiqueReply:
    body = {"prompt": BARE, **parts, "failures": lines(rows)}
    request = request_for(CRITIQUE.name, repeat, **body)
    repair = (*request.messages, Message(role="assistant", content="?"), Message(role="user", content="Again."))
    return CRITIQUE.parse(await answer(replace(request, messages=repair), strength))


async def test_strong_critic_names_the_rules_behind_failures_that_it_never_saw_in_a_file() -> None:
    found = await critique(failures(5, ["refund", "cancel", "warranty"]))
    named = [WORLD.conveyed(hypothesis.rule) for hypothesis in found.hypotheses]
    assert [hypothesis.label for hypothesis in found.hypotheses] == ["A", "B", "C"]
    assert set().union(*named) >= {"refund", "cancel", "warranty"}
    for rules, hypothesis in zip(named, found.hypotheses, strict=True):
        assert all(any(example.startswith(rule) for rule in (*rules, "")) for example in hypothesis.examples)


async def test_weak_critic_names_two_at_most_and_is_sometimes_wrong() -> None:
    replies = [await critique(failures(3), "weak", repeat) for repeat in range(60)]
    assert all(1 <= len(reply.hypotheses) <= 2 for reply in replies)
    wrong = [not WORLD.conveyed(h.rule) for reply in replies for h in reply.hypotheses]
    assert 0.1 < sum(wrong) / len(wrong) < 0.6


async def test_rule_that_the_prompt_conveys_is_not_blamed() -> None:
    conveying = BARE.replace("Which", f"{RULES['refund'].says} {RULES['format'].says}\n\nWhich")
    found = await critique(failures(6, ["refund"]), prompt=conveying)
    assert not any(WORLD.conveyed(hypothesis.rule) for hypothesis in found.hypotheses)


async def test_noise_is_not_always_recognised() -> None:
    noise = [{"id": "r1", "inputs": {"ticket": "Where is it?"}, "expected": "a", "answer": "b", "feedback": ""}]
    conveying = f"<user>\n{RULES['format'].says}\n\n{{{{ticket}}}}\n</user>"
    replies = [await critique(noise, "weak", repeat, prompt=conveying) for repeat in range(200)]
    silent = sum(not reply.hypotheses for reply in replies)
    assert 90 < silent < 150


async def test_critic_without_failures_says_that_it_does_not_know() -> None:
    assert (await critique([])).hypotheses == ()


async def test_judge_is_right_as_often_as_the_world_says() -> None:
    right = 0
    for repeat in range(400):
        parts = {"prompt": BARE, "failures": lines(failures(2)), "question": "Why?"}
        request = request_for(JUDGEMENT.name, repeat, hypotheses=lines(hypotheses("refund")), **parts)
        right += "A" in JUDGEMENT.parse(await answer(request)).accepted
    assert 0.92 < right / 400 < 0.98


async def test_judge_rejects_a_cause_that_its_failures_do_not_show() -> None:
    parts = {"prompt": BARE, "failures": lines(failures(2, ["cancel"])), "question": "Why?"}
    wrong = [{**hypotheses("refund")[0], "examples": ["cancel0"]}]
    replies = [
        JUDGEMENT.parse(await answer(request_for(JUDGEMENT.name, repeat, hypotheses=lines(wrong), **parts)))
        for repeat in range(200)
    ]
    rejected = [reply for reply in replies if not reply.accepted]
    assert len(rejected) > 180
    assert all("cancel0" in reply.advice for reply in rejected)


async def inspect(rows: Sequence[Json], strength: Strength = "strong", **parts: str) -> Sequence[InspectedRow]:
    request = request_for(INSPECTION.name, 0, **{"prompt": BARE, **parts}, failures=lines(rows))
    return INSPECTION.parse(await answer(request, strength)).inspections


async def test_inspector_names_for_nearly_each_failure_a_rule_behind_it() -> None:
    found = await inspect(failures(20))
    named = [row for row in found if WORLD.conveyed(row.edit) & {row.id.rstrip("0123456789"), "format"}]
    assert [row.id for row in found] == [row["id"] for row in failures(20)]
    assert 90 <= len(named) < 100
    assert all(row.label_is_right and not row.prompt_says_it for row in named)


async def test_where_nothing_is_missing_the_strong_inspector_doubts_the_label_and_the_weak_one_often_does_not() -> None:
    said = f"<user>\n{RULES['refund'].says} {RULES['format'].says}\n\n{{{{ticket}}}}\n</user>"
    expected: Sequence[tuple[Strength, int, int]] = (("strong", 45, 50), ("weak", 20, 40))
    for strength, low, high in expected:
        found = await inspect(failures(50, ["refund"]), strength, prompt=said)
        doubted = [row for row in found if not row.label_is_right]
        assert low <= len(doubted) <= high
        assert all(row.prompt_says_it and not row.edit for row in doubted)
        assert not any(WORLD.conveyed(row.edit) for row in found)


async def test_question_names_evidence_and_takes_up_advice() -> None:
    reply = await answer(request_for(QUESTION.name, hypotheses=lines(hypotheses("refund")), advice="Ask about money."))
    question = QUESTION.parse(reply).question
    assert "refund0" in question
    assert "angry customers" in question
    assert "Ask about money." in question
    assert QUESTION.parse(await answer(request_for(QUESTION.name, hypotheses="(none)"))).question == ""


async def test_plan_follows_the_size_of_the_clusters() -> None:
    clusters = [
        {"cluster": "c1", "count": 2, "signature": "expected a, answered b", "examples": []},
        {"cluster": "c2", "count": 6, "signature": "no answer", "examples": []},
    ]
    plan = PLAN.parse(await answer(request_for(PLAN.name, clusters=lines(clusters))))
    assert [(step.cluster, step.weight) for step in plan.subgoals] == [("c2", 0.75), ("c1", 0.25)]
    assert PLAN.parse(await answer(request_for(PLAN.name, clusters="(none)"))).subgoals == ()


async def test_rewriter_adds_a_line_for_each_rule_and_keeps_everything_else() -> None:
    reply = await rewrite(hypotheses=lines(hypotheses("refund", "cancel")))
    rules = f"- {RULES['refund'].says}\n- {RULES['cancel'].says}"
    assert (reply.system, reply.user) == (None, f"Which queue?\n\n{rules}\n\n{{{{ticket}}}}")
    assert RULES["refund"].says.rstrip(".") in reply.reason


async def test_rewriter_prefers_the_system_part_and_continues_its_list() -> None:
    prompt = "<system>\nRoute tickets.\n\n- Be brief.\n</system>\n<user>\n{{ticket}}\n</user>"
    reply = await rewrite(prompt=prompt, hypotheses=lines(hypotheses("refund")))
    assert reply.system == f"Route tickets.\n\n- Be brief.\n- {RULES['refund'].says}"
    assert reply.user == "{{ticket}}"


async def test_rewriter_does_not_say_a_thing_twice() -> None:
    once = (await rewrite(hypotheses=lines(hypotheses("refund")))).user
    twice = await rewrite(prompt=f"<user>\n{once}\n</user>", hypotheses=lines(hypotheses("refund")))
    assert twice.user == once


async def test_rewriter_keeps_to_the_limit_and_drops_the_rule_with_least_evidence() -> None:
    found = hypotheses("refund", "cancel")
    found[0] = {**found[0], "examples": ["refund0"]}
    limit = estimate("Which queue?\n\n{{ticket}}") + 16
    reply = await rewrite(hypotheses=lines(found), limits=json.dumps({"max_tokens": limit, "locked": []}))
    assert reply.user is not None
    assert WORLD.conveyed(reply.user) == {"cancel"}
    assert estimate(reply.user) <= limit


async def test_strong_rewriter_infers_rules_from_failures_and_the_weak_one_two_at_most() -> None:
    strong = await rewrite(failures=lines(failures(5)))
    assert len(WORLD.conveyed(strong.user or "") & set(CASES)) >= 4
    weak = [
        await answer(request_for(REWRITE.name, n, prompt=BARE, failures=lines(failures(5))), "weak") for n in range(30)
    ]
    assert all(len(WORLD.conveyed(text)) <= 2 for text in weak)


async def test_weak_rewriter_forgets_a_rule_now_and_then() -> None:
    kept = 0
    for repeat in range(200):
        request = request_for(REWRITE.name, repeat, prompt=BARE, hypotheses=lines(hypotheses("refund")))
        kept += "refund" in WORLD.conveyed(await answer(request, "weak"))
    assert 160 < kept < 195


async def test_memory_recalls_a_rule_and_what_was_tried_in_vain_is_not_guessed_again() -> None:
    rows = failures(6, ["refund"])
    recalled = await critique(rows, "weak", memory=lines([{"text": RULES["refund"].says}]))
    assert [(h.rule, len(h.examples)) for h in recalled.hypotheses] == [(RULES["refund"].says, 6)]
    tried = lines([{"rule": distractor.says} for distractor in WORLD.file.distractors])
    replies = [await critique(rows, "weak", repeat, tried=tried) for repeat in range(20)]
    assert all(WORLD.conveyed(h.rule) for reply in replies for h in reply.hypotheses)


@pytest.mark.parametrize("strength", ["strong", "weak"])
@pytest.mark.parametrize("form", list(FORMS))
async def test_marks_change_nothing_and_another_repeat_or_seed_draws_anew(form: str, strength: Strength) -> None:
    parts = {"prompt": BARE, "failures": lines(failures(2)), "hypotheses": lines(hypotheses("refund", "cancel"))}
    request = request_for(form, 0, **parts)
    sealed = [replace(request, messages=seal(request.messages, secret)) for secret in (b"one", b"two")]
    replies = {await answer(asked, strength) for asked in (request, *sealed)}
    assert len(replies) == 1
    if form == CRITIQUE.name:
        others = {
            await answer(replace(request, repeat=repeat), strength, seed) for repeat in range(3) for seed in (1, 2)
        }
        assert len(others) > 1


@pytest.mark.parametrize("form", list(FORMS))
async def test_only_the_weak_one_misses_the_form_and_never_when_asked_again(form: str) -> None:
    parts = {"prompt": BARE, "failures": lines(failures(1)), "hypotheses": lines(hypotheses("refund"))}
    missed = 0
    for repeat in range(300):
        request = request_for(form, repeat, **parts)
        FORMS[form].parse(await answer(request, "strong"))
        text = await answer(request, "weak")
        if text == NOT_IN_FORM:
            missed += 1
            with pytest.raises(NotInForm):
                FORMS[form].parse(text)
            again = (*request.messages, Message(role="assistant", content=text), Message(role="user", content="Again."))
            FORMS[form].parse(await answer(replace(request, messages=again), "weak"))
    assert 1 <= missed <= 18


async def test_request_without_a_form_gets_words() -> None:
    request = Request(messages=(Message(role="user", content="Hello"),), max_tokens=10)
    assert await answer(request) == NOT_IN_FORM


async def test_log_is_told_and_the_name_carries_the_strength() -> None:
    told: list[tuple[Request, Reply]] = []
    model = SimulatedOptimizer(world=WORLD, strength="weak", seed=1, log=lambda *call: told.append(call))
    request = request_for(PLAN.name, clusters="(none)")
    reply = await model.complete(request)
    assert told == [(request, reply)]
    assert model.name == "sim:ticket-routing:weak"
    assert model.price.output == 15
