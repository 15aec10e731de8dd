"""The chat's graph, from the first words to a remark, with a scripted optimizer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tests.fakes import CENTS, UNCAPPED

from socratune.graphs.chat import MOST_QUESTIONS, chat_graph, rows_named
from socratune.graphs.chat_engine import ChatOrder, advance
from socratune.memory.errors import BudgetExhausted
from socratune.memory.ledger import Ledger, Spent
from socratune.memory.records import Budget, Prompt
from socratune.memory.runs import RunFolder
from socratune.memory.talk import SKIPPED, Requirement, RowsSeen, Talk, Version
from socratune.tools.chat_forms import CARD, DRAFT, FEEDBACK, INTERVIEW, TOPICS
from socratune.tools.models import Reply, Request, ScriptedModel
from socratune.tools.price import Price
from socratune.tools.reply_form import form_asked
from socratune.tools.sections import rows_of, sections

WISH = "Route tickets. Refunds go to billing."
ROWS = RowsSeen(
    columns=("ticket", "queue"), expected="queue", count=40, labels=("billing", "sales"), train=frozenset({"r1"})
)
NOT_IN_FORM = "I would rather talk about the weather."


@dataclass(slots=True)
class Optimizer:
    """Plays the agents of a chat; `replies` stand in for some of its forms, the last one for good."""

    replies: dict[str, list[str]] = field(default_factory=dict)
    forms: list[str] = field(default_factory=list)
    sent: list[dict[str, str]] = field(default_factory=list)
    name: str = "scripted"
    price: Price | None = CENTS

    async def complete(self, request: Request) -> Reply:
        text = "\n".join(message.content for message in request.messages)
        form, found = form_asked(text) or "", sections(text)
        self.forms.append(form)
        self.sent.append(found)
        scripted = self.replies.get(form)
        said = _said(form, found) if not scripted else scripted.pop(0) if len(scripted) > 1 else scripted[0]
        return await ScriptedModel(answer=lambda _: said).complete(request)


def _said(form: str, found: Mapping[str, str]) -> str:
    if form == INTERVIEW.name:
        done = [str(row.get("topic")) for row in rows_of(found["said"])]
        topic = next(topic for topic in TOPICS if topic not in done)
        return json.dumps({"topic": topic, "question": f"{topic}?", "reason": "I ask because it is open."})
    if form == CARD.name:
        quotes = [
            {"text": "Refunds: billing.", "quote": "refunds go  to billing"},
            {"text": "Be kind.", "quote": "kind"},
        ]
        card = {"goal": "Route.", "inputs": ["ticket"], "output": "a queue", "requirements": quotes, "metric": "guess"}
        return json.dumps(card)
    if form == FEEDBACK.name:
        return json.dumps({"kind": "constraint", "text": "Never mention prices."})
    return drafted(*(str(row["text"]) for row in rows_of(found["card"])[1:]))


def drafted(*rules: str) -> str:
    covers = "\n".join(json.dumps({"id": f"R{n}", "text": rule}) for n, rule in enumerate(rules, 1))
    return f"<covers>\n{covers}\n</covers>\n<new_user>\n{' '.join(rules)} billing sales {{{{ticket}}}}\n</new_user>"


@dataclass(slots=True)
class Session:
    """A chat that a test talks in; each word opens everything anew, as a new process would."""

    folder: RunFolder
    optimizer: Optimizer
    rows: RowsSeen = field(default_factory=RowsSeen)
    budget: Budget = UNCAPPED

    async def say(self, *words: str) -> int:
        """Say these words, one turn after another, and return the turn that waits for more."""
        turn = await self.go()
        for each in words:
            with opened(self.folder) as ledger:
                await Talk(ledger).say(turn, each)
            turn = await self.go()
        return turn

    async def go(self) -> int:
        with opened(self.folder) as ledger:
            order = ChatOrder(
                optimizer="scripted",
                budget=self.budget,
                runs_spent=Spent(),
                rows=self.rows,
                model=self.optimizer,
            )
            return await advance(order, ledger, self.folder)


@contextmanager
def opened(folder: RunFolder) -> Iterator[Ledger]:
    """The ledger of a chat, as one process holds it."""
    ledger = Ledger.open(folder.ledger, folder.id)
    ledger.begin_run({})
    ledger.take_over()
    yield ledger
    ledger.close()


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(path=tmp_path)


def talk_in(folder: RunFolder) -> Talk:
    return Talk(Ledger.open(folder.ledger, folder.id))


async def test_a_wish_becomes_questions_a_card_and_a_draft(folder: RunFolder) -> None:
    chat = Session(folder, Optimizer())
    assert await chat.say(WISH, *[SKIPPED] * MOST_QUESTIONS) == 1 + MOST_QUESTIONS + 1
    talk = talk_in(folder)
    assert [turn.topic for turn in talk.turns()] == ["", *list(TOPICS)[:MOST_QUESTIONS]]
    card, current = talk.card(), talk.current()
    assert card is not None
    assert card.requirements == (
        Requirement(id="R1", text="Refunds: billing.", quote="refunds go  to billing"),
        Requirement(id="R2", text="Be kind."),
    )
    assert card.metric == "exact"
    assert current is not None
    assert current.prompt == Prompt(user="Refunds: billing. Be kind. billing sales {{ticket}}")
    assert chat.optimizer.forms == [*[INTERVIEW.name] * MOST_QUESTIONS, CARD.name, DRAFT.name]


async def test_a_session_that_comes_back_is_asked_the_same_and_pays_nothing(folder: RunFolder) -> None:
    chat = Session(folder, Optimizer())
    turn = await chat.say(WISH, "A ticket.")
    asked, paid = talk_in(folder).asked(turn), len(chat.optimizer.forms)
    again = Session(folder, Optimizer(replies={INTERVIEW.name: [NOT_IN_FORM]}))
    assert await again.go() == turn
    assert talk_in(folder).asked(turn) == asked
    assert (len(chat.optimizer.forms), again.optimizer.forms) == (paid, [])


async def test_words_that_were_kept_before_a_crash_are_not_asked_for_again(folder: RunFolder) -> None:
    chat = Session(folder, Optimizer())
    turn = await chat.say(WISH)
    await talk_in(folder).say(turn, "A ticket.")
    assert await chat.go() == turn + 1


@pytest.mark.parametrize(
    "reply", [json.dumps({"question": ""}), NOT_IN_FORM, json.dumps({"topic": "weather", "question": "Does it rain?"})]
)
async def test_the_interview_ends_when_nothing_useful_is_asked(folder: RunFolder, reply: str) -> None:
    await Session(folder, Optimizer(replies={INTERVIEW.name: [reply]})).say(WISH)
    assert talk_in(folder).current() is not None


async def test_a_topic_is_asked_about_once(folder: RunFolder) -> None:
    asked = json.dumps({"topic": "hard", "question": "Which are hard?", "reason": "It matters."})
    chat = Session(folder, Optimizer(replies={INTERVIEW.name: [asked]}))
    await chat.say(WISH, "Those with two problems.")
    assert chat.optimizer.forms[-1] == DRAFT.name


async def test_a_card_that_cannot_be_read_is_written_from_the_words_alone(folder: RunFolder) -> None:
    replies = {INTERVIEW.name: ['{"question": ""}'], CARD.name: [NOT_IN_FORM]}
    await Session(folder, Optimizer(replies=replies), rows=ROWS).say(WISH)
    card = talk_in(folder).card()
    assert card is not None
    assert (card.goal, card.inputs, card.labels) == (WISH, ("ticket",), ("billing", "sales"))


@pytest.mark.parametrize("reply", [json.dumps({"goal": "Be kind.", "inputs": ["x"], "output": ""}), NOT_IN_FORM])
async def test_a_card_for_rows_without_answers_is_judged_by_a_rubric(folder: RunFolder, reply: str) -> None:
    rows = RowsSeen(columns=("ticket",), count=40, metric="rubric", train=frozenset({"r1"}))
    replies = {INTERVIEW.name: ['{"question": ""}'], CARD.name: [reply]}
    chat = Session(folder, Optimizer(replies=replies), rows=rows)
    await chat.say(WISH)
    card = talk_in(folder).card()
    assert card is not None
    assert (card.metric, card.inputs) == ("rubric", ("ticket",))
    assert rows_of(chat.optimizer.sent[0]["rows"]) == [{"columns": ["ticket"], "count": 40, "metric": "rubric"}]


async def test_a_draft_that_forgets_something_is_sent_back_with_what_it_forgot(folder: RunFolder) -> None:
    forgetful = "<covers>\n</covers><new_user>Route it.</new_user>"
    replies = {INTERVIEW.name: ['{"question": ""}'], DRAFT.name: [forgetful, drafted("Refunds: billing.", "Be kind.")]}
    chat = Session(folder, Optimizer(replies=replies))
    await chat.say(WISH)
    problems = [str(row["problem"]) for row in rows_of(chat.optimizer.sent[-1]["problems"])]
    assert problems[0] == "the user part does not hold {{ticket}}"
    assert problems[-1].startswith("requirement R2 is met by no words")
    current = talk_in(folder).current()
    assert current is not None
    assert current.covers == {"R1": "Refunds: billing.", "R2": "Be kind."}


async def test_a_draft_without_its_variables_is_never_shown(folder: RunFolder) -> None:
    replies = {INTERVIEW.name: ['{"question": ""}'], DRAFT.name: ["<new_user>Route it.</new_user>"]}
    chat = Session(folder, Optimizer(replies=replies))
    turn = await chat.say(WISH)
    talk = talk_in(folder)
    assert talk.current() is None
    assert talk.replied(turn - 1).startswith("No usable prompt was written")
    chat.optimizer.replies.pop(DRAFT.name)
    await chat.say("Just name the queue.")
    assert talk.current() is not None


async def test_a_prompt_that_the_person_brought_is_not_rewritten_unasked(folder: RunFolder) -> None:
    mine = Prompt(system="You route tickets.")
    await talk_in(folder).keep_version("yours", Version(turn=0, prompt=mine, origin="yours"))
    chat = Session(folder, Optimizer(replies={INTERVIEW.name: ['{"question": ""}']}), rows=ROWS)
    await chat.say(WISH)
    current = talk_in(folder).current()
    assert current is not None
    assert current.prompt == mine
    assert DRAFT.name not in chat.optimizer.forms


async def reviewed(folder: RunFolder, kind: str, *, rows: RowsSeen, words: str = "It is too long.") -> Session:
    """A chat with a draft, in which a remark was made and taken for a kind."""
    remark = json.dumps({"kind": kind, "text": "Keep it short.", "answer": "Nobody knows."})
    replies = {INTERVIEW.name: ['{"question": ""}'], FEEDBACK.name: [remark]}
    chat = Session(folder, Optimizer(replies=replies), rows=rows)
    await chat.say(WISH, words)
    return chat


async def test_a_constraint_is_written_into_the_prompt_and_may_not_leave_it(folder: RunFolder) -> None:
    chat = await reviewed(folder, "constraint", rows=ROWS, words="never long!")
    talk = talk_in(folder)
    card, current = talk.card(), talk.current()
    assert card is not None
    assert card.requirements[-1] == Requirement(id="R3", text="Keep it short.", quote="never long!", kept=True)
    assert current is not None
    assert "Keep it short." in current.prompt.instructions
    chat.optimizer.replies[DRAFT.name] = ["<new_user>Route. {{ticket}}</new_user>"]
    turn = await chat.say("never blue!")
    assert talk.current() == current
    assert talk.replied(turn - 1)
    assert "the locked text 'Keep it short.' is gone" in chat.optimizer.sent[-1]["problems"]


async def test_a_critique_is_noted_for_the_next_run_and_without_rows_mended_at_once(folder: RunFolder) -> None:
    chat = await reviewed(folder, "critique", rows=ROWS)
    talk = talk_in(folder)
    card = talk.card()
    assert card is not None
    assert (card.notes, len(talk.versions())) == (("Keep it short.",), 1)
    assert "Found wrong by the user: Keep it short." in card.brief
    await replace(chat, rows=RowsSeen()).say("Still too long.")
    card = talk.card()
    assert card is not None
    assert (card.requirements[-1].kept, len(talk.versions())) == (False, 2)


async def test_a_remark_on_a_sealed_row_reaches_no_agent_of_a_run(folder: RunFolder) -> None:
    await reviewed(folder, "critique", rows=ROWS, words="Row 12 is wrong, it belongs to sales.")
    talk = talk_in(folder)
    card = talk.card()
    assert card is not None
    assert (card.notes, len(card.requirements)) == ((), 2)
    assert "Row 12 is sealed" in talk.replied(2)


async def test_a_remark_on_a_train_row_is_kept(folder: RunFolder) -> None:
    await reviewed(folder, "critique", rows=ROWS, words="Row 1 is wrong.")
    card = talk_in(folder).card()
    assert card is not None
    assert card.notes == ("Keep it short.",)


@pytest.mark.parametrize(
    ("words", "rows"),
    [("Row 3 and rows #4", ("r3", "r4")), ("r7, R7", ("r7",)), ("train-r3, test row 4", ("train-r3", "test-r4"))],
)
def test_rows_are_named_in_many_ways(words: str, rows: tuple[str, ...]) -> None:
    assert rows_named(words) == rows


@pytest.mark.parametrize(("kind", "told"), [("question", "Nobody knows."), ("other", "Nothing to keep")])
async def test_what_asks_for_no_change_changes_nothing(folder: RunFolder, kind: str, told: str) -> None:
    await reviewed(folder, kind, rows=ROWS)
    talk = talk_in(folder)
    card = talk.card()
    assert card is not None
    assert (len(card.requirements), card.notes, len(talk.versions())) == (2, (), 1)
    assert talk.replied(2).startswith(told)


async def test_a_remark_is_not_lost_to_a_reply_that_cannot_be_read(folder: RunFolder) -> None:
    replies = {INTERVIEW.name: ['{"question": ""}'], FEEDBACK.name: [NOT_IN_FORM]}
    await Session(folder, Optimizer(replies=replies), rows=ROWS).say(WISH, "It sounds stiff.")
    card = talk_in(folder).card()
    assert card is not None
    assert card.notes == ("It sounds stiff.",)


async def test_a_spent_budget_stops_the_chat_where_it_is(folder: RunFolder) -> None:
    chat = Session(folder, Optimizer(), budget=Budget(calls=1))
    turn = await chat.say(WISH)
    with pytest.raises(BudgetExhausted):
        await chat.say("A ticket.")
    assert await replace(chat, budget=Budget(calls=2)).go() == turn + 1


def test_the_graph_is_drawn_as_it_was_reviewed() -> None:
    reviewed = Path(__file__).with_name("chat.mmd").read_text("utf-8")
    assert chat_graph().get_graph().draw_mermaid() == reviewed
