from __future__ import annotations

import json

from socratune.memory.records import Message
from socratune.tools.chat_forms import CARD, CHAT_FORMS, DRAFT, FEEDBACK, INTERVIEW, TOPICS
from socratune.tools.models import Request
from socratune.tools.sections import lines, section
from socratune.tools.simulator.optimizer import SimulatedOptimizer
from socratune.tools.simulator.world import load_world

WORLD = load_world("ticket-routing")
WISH: dict[str, object] = {"words": "Route tickets."}
ROWS = lines(
    [
        {"columns": ["ticket", "queue"], "expected": "queue", "count": 40, "answers": ["billing", "sales"]},
    ]
)


async def answer(form: str, **parts: str) -> str:
    body = "\n\n".join(section(name, text) for name, text in parts.items())
    system = Message(role="system", content=f"You help.\n\n{CHAT_FORMS[form].instructions}")
    request = Request(messages=(system, Message(role="user", content=body)), max_tokens=1_000)
    return (await SimulatedOptimizer(world=WORLD, strength="strong", seed=1).complete(request)).text


async def test_it_asks_about_each_open_topic_once_and_then_no_more() -> None:
    turns: list[dict[str, object]] = [WISH]
    asked = []
    while (reply := INTERVIEW.parse(await answer("interview/1", said=lines(turns), rows=ROWS))).question:
        asked.append(reply.topic)
        turns.append({"topic": reply.topic, "question": reply.question, "answer": "(skipped)"})
    assert asked == [topic for topic in TOPICS if topic not in ("inputs", "answer")]


async def test_rows_without_answers_leave_open_what_a_good_answer_is() -> None:
    bare = lines([{"columns": ["ticket"], "count": 40, "metric": "rubric"}])
    reply = INTERVIEW.parse(await answer("interview/1", said=lines([WISH]), rows=bare))
    assert reply.topic == "answer"


async def test_its_card_holds_the_words_of_the_person_and_no_others() -> None:
    said = lines([WISH, {"topic": "hard", "question": "?", "answer": "Refunds go to billing."}, skipped()])
    card = CARD.parse(await answer("card/1", said=said, rows=ROWS))
    assert (card.goal, card.inputs, card.labels) == ("Route tickets.", ("ticket",), ("billing", "sales"))
    assert [(each.text, each.quote) for each in card.requirements] == [("Refunds go to billing.",) * 2]


def skipped() -> dict[str, object]:
    return {"topic": "never", "question": "?", "answer": "(skipped)"}


async def test_its_draft_meets_the_card_and_a_revision_only_adds() -> None:
    head = {"goal": "Route tickets.", "inputs": ["ticket"], "labels": ["billing", "sales"]}
    first = (
        DRAFT.parse(await answer("draft/1", card=lines([head, {"id": "R1", "text": "Be brief."}]))).prompt.user or ""
    )
    assert all(text in first for text in ("Route tickets.", "billing, sales", "Be brief.", "{{ticket}}"))
    wanted = lines([head, {"id": "R1", "text": "Be brief."}, {"id": "R2", "text": "No prices."}])
    reply = DRAFT.parse(await answer("draft/1", card=wanted, prompt=f"<user>\n{first}\n</user>"))
    assert [line for line in (reply.prompt.user or "").splitlines() if line not in first] == ["- No prices."]
    assert reply.covers == {"R1": "Be brief.", "R2": "No prices."}


async def test_it_tells_remarks_apart() -> None:
    card = lines([{"goal": "Route tickets."}])
    kinds = {
        "never mention prices": "constraint",
        "that one is wrong": "critique",
        "why is it so long?": "question",
        "thanks!": "other",
    }
    for remark, kind in kinds.items():
        reply = FEEDBACK.parse(await answer("feedback/1", remark=remark, card=card))
        assert (reply.kind, reply.text) == (kind, remark)
    assert json.loads(await answer("feedback/1", remark="why?", card=card))["answer"]
