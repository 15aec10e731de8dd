"""Whole chats, at a real terminal and through a pipe, with a simulated model."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from socratune.memory.ledger import Ledger
from socratune.memory.runs import Home
from socratune.memory.talk import Talk
from socratune.orders import SavedOrder
from socratune.tools.task_form import read_document
from socratune.tools.yaml_edits import dump

from .conftest import Command, Ran, lay_out, run, tickets
from .typist import PROGRAM, Typist

MODELS = ("--target", "sim:ticket-routing", "--optimizer", "sim:ticket-routing:strong")
WISH = "Route a support ticket of a shop for coffee machines to the right queue."
ROWS = tickets(0, 40)
SPLIT = """\
prompt: "Which queue? {{ticket}}"
data: {train: train.csv, test: test.csv}
expected: queue
metric: exact
"""
DRAFTED = "Draft, not tested"
QUESTION = "What should be known about this"
Says = Callable[..., Ran]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder whose rows are divided as in any other test."""
    (tmp_path / ".socratune").mkdir()
    (tmp_path / ".socratune" / "salt").write_text("tests\n")
    return tmp_path


@pytest.fixture
def says(place: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> Says:
    """Hold a chat in this process: options, then the blocks that are said."""

    def chat(*blocks: str, words: tuple[str | Path, ...] = MODELS) -> Ran:
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{block}\n\n" for block in blocks)))
        return command("chat", *words)

    return chat


def answer_all(typist: Typist, skip: Callable[[str], None]) -> None:
    while typist.wait_for(QUESTION, DRAFTED) == QUESTION:
        skip("skip")


def talk_in(place: Path) -> Talk:
    chat = Home(path=place / ".socratune").chat("last")
    return Talk(Ledger.open(chat.ledger, chat.id))


def calls(place: Path) -> int:
    return sum(spent.calls for spent in talk_in(place).ledger.spent().values())


# --- at a terminal


def test_a_sentence_and_forty_pasted_rows_end_in_an_improved_prompt(place: Path) -> None:
    with Typist("chat", *MODELS, folder=place) as typist:
        typist.wait_for("Say in one sentence")
        typist.paste(ROWS)
        typist.wait_for("Kept 40 rows: ticket, queue")
        typist.enter(WISH)
        answer_all(typist, typist.enter)
        typist.enter("/run")
        typist.wait_for("Improved by")
        typist.wait_for("/accept")
        typist.enter("/diff")
        typist.wait_for("+- ")
        typist.enter("/accept")
        typist.wait_for("Accepted. Proven to be better")
        typist.wait_for(">")
        typist.press("\x04")
        assert typist.ended() == 0
    current = talk_in(place).current()
    assert current is not None
    assert (current.status, "{{ticket}}" in current.prompt.instructions) == ("improved", True)


def test_a_chat_that_was_killed_between_two_questions_goes_on_at_the_second(place: Path) -> None:
    with Typist("chat", *MODELS, folder=place) as typist:
        typist.wait_for("Say in one sentence")
        typist.enter(WISH)
        typist.wait_for("what goes in?")
        typist.enter("A ticket.")
        typist.wait_for("what a good answer is?")
        typist.kill()
    asked = calls(place)
    with Typist("chat", "--thread", "last", folder=place) as typist:
        assert typist.wait_for("what goes in?", "what a good answer is?", "Say in one") == "what a good answer is?"
        assert calls(place) == asked
        typist.enter("The right queue.")
        typist.wait_for("the exact form of an answer?")
        typist.wait_for(">")
        typist.press("\x04")
        typist.wait_for("Come back with: socratune chat --thread")
        assert typist.ended() == 3
    assert [turn.words for turn in talk_in(place).turns()] == [WISH, "A ticket.", "The right queue."]


def test_ctrl_c_stops_a_run_and_not_the_chat_and_another_session_goes_on_with_it(place: Path) -> None:
    with Typist("chat", *MODELS, "--concurrency", "1", folder=place, term="dumb") as typist:
        typist.wait_for("Say in one sentence")
        typist.type_lines(f"{WISH}\n{ROWS}")
        answer_all(typist, typist.type_lines)
        typist.enter("/run")
        typist.wait_for("round 1")
        typist.press("\x03")
        typist.wait_for("The run is stopped. /run goes on with it.")
        typist.kill()
    with Typist("chat", "--thread", "last", folder=place, term="dumb") as typist:
        typist.wait_for(DRAFTED)
        typist.enter("/run")
        typist.wait_for("Going on with")
        typist.wait_for("Improved by")
        typist.enter("/quit")
        assert typist.ended() == 3
    assert len(Home(path=place / ".socratune").runs()) == 1


def test_a_dumb_terminal_takes_lines(place: Path) -> None:
    with Typist("chat", *MODELS, folder=place, term="dumb") as typist:
        typist.wait_for("ends with an empty one")
        typist.type_lines(f"{WISH}\n{ROWS}")
        typist.wait_for("Kept 40 rows")
        answer_all(typist, typist.type_lines)
        typist.enter("/examples")
        typist.wait_for("40 rows; 20 of them may be read")
        typist.enter("/quit")
        assert typist.ended() == 3
        assert "\x1b" not in typist.shown


# --- through a pipe


def test_a_whole_chat_goes_through_a_pipe(place: Path) -> None:
    script = f"{WISH}\n{ROWS}\n" + "skip\n\n" * 4 + "/run\n/accept\n/cost\n"
    ended = subprocess.run(
        [*PROGRAM, "chat", *MODELS], input=script, cwd=place, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Accepted. Proven to be better on rows that chose nothing." in ended.stdout
    assert "chat" in ended.stdout.rpartition("what")[2]


def test_without_rows_a_draft_is_called_a_draft_and_no_run_is_made(says: Says, place: Path) -> None:
    ran = says(WISH, "tickets", *["skip"] * 4, "/run", "/accept", "/save router.md")
    assert DRAFTED in ran.out
    assert "Without rows nothing can be proven" in " ".join(ran.out.split())
    assert "without rows nothing can be tried or proven; paste at least 12" in ran.out
    assert "No run has proven it to be better." in ran.out
    assert (place / "router.md").read_text().startswith(WISH)
    assert ran.code == 0


def test_too_few_rows_are_refused_before_a_call(says: Says) -> None:
    ran = says(WISH, tickets(0, 5), *["skip"] * 5, "/run")
    assert "5 rows with different inputs prove nothing" in ran.out
    assert "may be read" not in ran.out
    assert ran.code == 3


def test_a_rule_goes_into_the_prompt_and_undo_takes_it_back(says: Says, place: Path) -> None:
    says(WISH, *["skip"] * 5, "never mention prices", "/why")
    first, second = talk_in(place).versions()
    assert "never mention prices" in second.prompt.instructions
    says("/undo", words=("--thread", "last"))
    card = talk_in(place).card()
    assert talk_in(place).versions() == (first,)
    assert card is not None
    assert card.requirements == ()


def test_what_was_asked_for_is_locked_in_the_next_run(says: Says, place: Path) -> None:
    ran = says(f"{WISH}\n{ROWS}", *["skip"] * 4, "never mention prices", "the answers are stiff", "/run rollouts=5")
    assert "Noted for the next /run: the answers are stiff" in ran.out
    task = read_document(next((place / ".socratune" / "chats").glob("*/task-0.yaml"))).form
    assert task.constraints.locked == ("never mention prices",)
    assert "Found wrong by the user: the answers are stiff" in task.goal


def test_what_cannot_be_used_is_said_and_the_chat_goes_on(says: Says) -> None:
    broken = "ticket,queue\n" + "a,b\n" * 5 + "one, two,b"
    ran = says(broken, "/nope", "/help", "/undo", "/diff", "/examples", "/save", WISH)
    for told in (
        "3 cells under a header of 2",
        "unknown command '/nope'",
        "no earlier prompt",
        "no prompt yet",
        "no rows",
    ):
        assert told in ran.out
    assert QUESTION in ran.out


def test_rows_without_answers_are_graded_by_the_card(says: Says, place: Path) -> None:
    bare = "\n".join(json.dumps({"ticket": row["ticket"]}) for row in csv.DictReader(io.StringIO(ROWS)))
    answers = [*["skip"] * 2, "Names one queue.", *["skip"] * 2]
    judge = "sim:ticket-routing:weak"
    ran = says(f"{WISH}\n{bare}", *answers, "/run rollouts=40", "/cost", words=(*MODELS, "--judge", judge))
    assert "no column holds answers, so a judge is to grade them by the card" in ran.out
    assert "judge" in ran.out.rpartition("what")[2]
    task = read_document(next((place / ".socratune" / "chats").glob("*/task-0.yaml"))).form
    assert (task.metric, task.inputs) == ({"name": "rubric", "rubric": "- Names one queue."}, ("ticket",))
    (run_folder,) = Home(path=place / ".socratune").runs()
    assert SavedOrder.read(run_folder).load().task.judge == judge


# --- about a file


def test_a_promptfoo_file_is_improved_and_its_prompt_written_back(says: Says, place: Path) -> None:
    (place / "prompt.txt").write_text("Which queue?\n\n{{ticket}}\n")
    tests = [
        {"vars": {"ticket": row["ticket"]}, "assert": [{"type": "equals", "value": row["queue"]}]}
        for row in csv.DictReader(io.StringIO(ROWS))
    ]
    file = place / "promptfooconfig.yaml"
    content = {"prompts": ["file://prompt.txt"], "providers": ["openai:gpt-4.1-mini"], "tests": tests}
    file.write_text(dump(content))
    ran = says(tickets(40, 50), WISH, *["skip"] * 4, "/run rollouts=150", "/accept", words=(file, *MODELS))
    assert "the rows of this task stand in promptfooconfig.yaml; add them there" in ran.out
    assert "Improved by" in ran.out
    assert (ran.code, f"Written to {place / 'prompt.txt'}." in ran.out) == (0, True)
    assert (place / "prompt.txt").read_text() != "Which queue?\n\n{{ticket}}\n"
    says("never mention prices", "/accept", "/undo", words=("--thread", "last"))
    assert "never mention prices" not in (place / "prompt.txt").read_text()


def test_a_split_that_the_person_chose_is_kept(says: Says, place: Path) -> None:
    (place / "train.csv").write_text(ROWS)
    (place / "test.csv").write_text(tickets(40, 80))
    file = place / "task.yaml"
    file.write_text(SPLIT)
    ran = says(tickets(80, 90), WISH, *["skip"] * 4, "/run rollouts=40", words=(file, *MODELS))
    assert "the rows of this task stand in train.csv and test.csv; add them there" in ran.out
    (run_folder,) = Home(path=place / ".socratune").runs()
    sides = [row.side for row in SavedOrder.read(run_folder).load().examples]
    assert (sides.count("train"), sides.count("test")) == (40, 40)
    elsewhere = says(words=(file, *MODELS, "--home", place / "elsewhere" / ".socratune"))
    assert (elsewhere.code, "start the chat in the folder of the task file" in elsewhere.err) == (2, True)


def test_the_prompt_of_a_task_file_is_improved_and_written_back(says: Says, place: Path) -> None:
    file = lay_out(place, rows=100)
    before = file.read_text()
    ran = says("Fewer tickets should go to the wrong queue.", *["skip"] * 3, "/run", "/accept", words=(file,))
    assert "Improved by" in ran.out
    assert f"Written to {file}." in ran.out
    assert ran.code == 0
    after = file.read_text()
    assert after != before
    assert after.startswith("# The desk's own notes stay where they are.")
    undone = says("/undo", words=("--thread", "last"))
    assert file.read_text() == before
    assert undone.code == 3


def test_a_prompt_that_somebody_else_changed_is_not_overwritten(says: Says, place: Path) -> None:
    file = place / "prompt.md"
    file.write_text("Which queue?\n\n{ticket}\n")
    says(WISH, *["skip"] * 5, "never mention prices", words=(file, *MODELS))
    file.write_text("My own new words: {ticket}\n")
    ran = says("/accept", words=("--thread", "last"))
    assert "the prompt there is not one of this chat's" in ran.out
    assert (file.read_text(), ran.code) == ("My own new words: {ticket}\n", 3)


def test_a_prompt_file_keeps_its_placeholders(says: Says, place: Path) -> None:
    file = place / "prompt.md"
    file.write_text("Which queue?\n\n{ticket}\n")
    says(WISH, *["skip"] * 5, "never mention prices", "/accept", words=(file, *MODELS))
    assert file.read_text() == "Which queue?\n\n- never mention prices\n\n{ticket}\n"


def test_an_unchanged_prompt_is_not_accepted(says: Says, place: Path) -> None:
    (place / "prompt.md").write_text("Which queue?\n\n{ticket}\n")
    ran = says("/accept", words=("prompt.md", *MODELS))
    assert ("your own prompt stands unchanged" in ran.out, ran.code) == (True, 3)


def test_a_named_file_brings_its_rows(says: Says, place: Path) -> None:
    (place / "tickets.csv").write_text(ROWS)
    ran = says("Route tickets; the rows are in tickets.csv.", "/examples")
    assert "Kept 40 rows: ticket, queue" in ran.out


# --- at the door


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "names no target; pass --target"),
        (("--thread", "nowhere"), "no chat 'nowhere'"),
        (("task.yaml", "--thread", "last"), "leave out FILE"),
        (("--target", "sim:nowhere"), "nowhere"),
        (("missing.yaml",), "there is no such file"),
        (("rows.csv", *MODELS), "holds rows, not a prompt; pass it with --data"),
    ],
)
def test_a_chat_that_cannot_begin_says_why_and_leaves_nothing(
    says: Says, place: Path, words: tuple[str, ...], told: str
) -> None:
    ran = says(words=words)
    assert (ran.code, told in ran.err) == (2, True), ran.err
    assert not list((place / ".socratune").glob("chats/*-*"))


def test_nobody_pays_without_having_been_asked(says: Says, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    ran = says(WISH, words=("--target", "openai:gpt-4.1-mini", "--budget", "1"))
    assert ran.code == 2
    told = " ".join(ran.err.split())
    assert "nobody is here to be asked; pass --yes" in told
    assert "api.openai.com is sent what you say" in told
    assert "talk and runs together: never more than 1.00 USD" in told
    assert calls(place) == 0
    assert "sk-test" not in ran.out + ran.err


def test_a_spent_budget_pauses_the_chat_and_a_new_one_goes_on(says: Says, place: Path) -> None:
    ran = says(WISH, words=(*MODELS, "--budget", "calls=1"))
    assert ran.code == 3
    ran = says("skip", words=("--thread", "last"))
    assert (ran.code, "the calls budget is used up" in ran.err, "--budget CAPS" in ran.err) == (4, True, True)
    assert QUESTION in says(words=("--thread", "last", "--budget", "calls=9")).out


def test_two_terminals_do_not_share_a_chat(says: Says, place: Path) -> None:
    says(WISH)
    with Home(path=place / ".socratune").chat("last").held():
        assert run("chat", "--thread", "last").code == 2
