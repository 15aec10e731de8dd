from __future__ import annotations

from pathlib import Path

import pytest

from socratune.memory.errors import BadInput
from socratune.memory.records import Prompt
from socratune.tools.datasets import Row
from socratune.tools.guess import draft, roles
from socratune.tools.task_files import load_task

ROWS = "id,ticket,queue\n1,lost parcel,shipping\n2,refund,billing\n"


def drafted(folder: Path, prompt: str, rows: str = ROWS) -> tuple[str, str]:
    (folder / "prompts").mkdir(exist_ok=True)
    (folder / "prompts" / "ticket.md").write_text(prompt)
    (folder / "rows.csv").write_text(rows)
    text, notes = draft(folder / "prompts" / "ticket.md", folder / "rows.csv", folder=folder)
    return text, "\n".join(notes)


def labelled(*labels: str) -> str:
    return "ticket,queue\n" + "".join(
        f'x{n},"{label.replace(chr(34), chr(34) * 2)}"\n' for n, label in enumerate(labels)
    )


def test_a_draft_is_a_task_file(tmp_path: Path) -> None:
    text, _ = drafted(tmp_path, "Which queue? {ticket}\n")
    (tmp_path / "task.yaml").write_text(text)
    loaded = load_task(tmp_path / "task.yaml")
    assert loaded.task.prompt == Prompt(user="Which queue? {{ticket}}")
    assert (loaded.task.name, loaded.task.metric, loaded.task.variables) == ("ticket", "exact", ("ticket",))
    assert loaded.task.target == "openai:gpt-4.1-mini"


def test_what_cannot_be_guessed_stands_with_a_comment(tmp_path: Path) -> None:
    text, _ = drafted(tmp_path, "{{ticket}}")
    assert "target: openai:gpt-4.1-mini  # the model that will run this prompt\n" in text
    assert "prompt: file://prompts/ticket.md\n" in text
    assert "data: rows.csv\n" in text


def test_each_guess_is_said_with_its_reason(tmp_path: Path) -> None:
    assert drafted(tmp_path, "Which queue? {{ ticket }}")[1].split("\n") == [
        "prompt: a user message, since it names columns",
        "placeholders: written as {{ ticket }}, and written back so",
        "expected: queue, by its name",
        "inputs: ticket, which the prompt names",
        "metric: exact, since there are 2 different short answers",
    ]


def test_a_prompt_that_names_no_column_is_a_system_message(tmp_path: Path) -> None:
    text, notes = drafted(tmp_path, "Sort the mail.")
    assert "system: file://prompts/ticket.md\n" in text
    assert "inputs: ticket, the other columns" in notes
    (tmp_path / "task.yaml").write_text(text)
    assert load_task(tmp_path / "task.yaml").task.variables == ("ticket",)


def test_the_last_column_left_is_expected_when_no_name_tells(tmp_path: Path) -> None:
    _, notes = drafted(tmp_path, "{{a}} {{label}}", "a,b,c,label\n1,2,3,4\n")
    assert "expected: c, the last column that the prompt does not name" in notes


@pytest.mark.parametrize(
    ("labels", "metric"),
    [
        (("(A)", "(B)", "(A)"), "choice"),
        (("A", "E"), "choice"),
        (('{"a": 1}', '{"a": 2}'), "json"),
        (("7", "-1,200.5", "$3"), "numeric"),
        (("yes", "no"), "exact"),
        (tuple(f"label {n}" for n in range(21)), "f1"),
        (("a sentence that is much longer than any label would be", "no"), "f1"),
    ],
)
def test_the_metric_fits_the_expected_answers(labels: tuple[str, ...], metric: str, tmp_path: Path) -> None:
    text, notes = drafted(tmp_path, "{{ticket}}", labelled(*labels))
    assert f"metric: {metric}\n" in text
    assert f"metric: {metric}" in notes
    (tmp_path / "task.yaml").write_text(text)
    assert load_task(tmp_path / "task.yaml").task.metric == metric


def test_a_prompt_file_elsewhere_is_copied_into_the_task_file(tmp_path: Path) -> None:
    folder = tmp_path / "tasks"
    folder.mkdir()
    (tmp_path / "ticket.md").write_text("Which\nqueue? {{ticket}}\n")
    (tmp_path / "rows.csv").write_text(ROWS)
    text, notes = draft(tmp_path / "ticket.md", tmp_path / "rows.csv", folder=folder)
    assert "prompt: |\n  Which\n  queue? {{ticket}}\n" in text
    assert notes[-1].endswith("move it there, or pass it with --data")


@pytest.mark.parametrize(
    ("prompt", "rows", "said"),
    [
        (" \n", ROWS, "the prompt is empty"),
    ],
)
def test_what_no_task_can_be_made_of_is_refused(prompt: str, rows: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=said):
        drafted(tmp_path, prompt, rows)


def test_a_column_that_nobody_filled_in_holds_no_answers() -> None:
    rows = [Row(place="", values={"ticket": text, "queue": " "}) for text in ("a", "b")]
    assert roles(rows, ()) == (("ticket",), None, "rubric")


@pytest.mark.parametrize(
    ("prompt", "rows"),
    [("Say more: {{ticket}}", "ticket\na\n"), ("Say more.", "id,ticket\n1,a\n"), ("{{ticket}}", "id,ticket\n1,a\n")],
)
def test_rows_with_inputs_alone_are_given_a_rubric_to_be_written(prompt: str, rows: str, tmp_path: Path) -> None:
    text, notes = drafted(tmp_path, prompt, rows)
    assert "# what a good answer does, a criterion between semicolons" in text
    assert "a rubric that a judge reads, since no answers are given" in notes
    (tmp_path / "task.yaml").write_text(text)
    loaded = load_task(tmp_path / "task.yaml")
    assert (loaded.task.metric, loaded.task.variables, loaded.examples[0].expected) == ("rubric", ("ticket",), "")
