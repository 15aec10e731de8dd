from __future__ import annotations

from pathlib import Path

import pytest

from socratune.memory.errors import BadInput
from socratune.tools.pasted import files_named, is_prompt, taken_apart

TICKETS = [{"ticket": "I want my money back, now.", "queue": "billing"}, {"ticket": "It\nleaks.", "queue": "returns"}]
SHAPES = {
    "csv": 'ticket,queue\n"I want my money back, now.",billing\n"It\nleaks.",returns\n',
    "tsv": 'ticket\tqueue\nI want my money back, now.\tbilling\n"It\nleaks."\treturns',
    "json lines": '{"ticket": "I want my money back, now.", "queue": "billing"}\n'
    '{"ticket": "It\\nleaks.", "queue": "returns"}',
    "csv of another system": '\r\nticket,queue\r\n"I want my money back, now.",billing\r\n"It\nleaks.",returns\r\n',
}


@pytest.mark.parametrize("shape", list(SHAPES))
def test_rows_are_recognised_in_each_shape(shape: str) -> None:
    pasted = taken_apart(SHAPES[shape])
    assert ([dict(row) for row in pasted.rows], pasted.words) == (TICKETS, "")


def test_lines_with_an_arrow_are_rows() -> None:
    pasted = taken_apart("It leaks. => returns\nMoney back! => billing")
    assert [dict(row) for row in pasted.rows] == [
        {"input": "It leaks.", "expected": "returns"},
        {"input": "Money back!", "expected": "billing"},
    ]


def test_words_before_the_rows_stay_words() -> None:
    pasted = taken_apart(f"Route tickets, please.\nHere they are:\n\n{SHAPES['csv']}")
    assert len(pasted.rows) == 2
    assert pasted.words == "Route tickets, please.\nHere they are:"


@pytest.mark.parametrize(
    "words",
    [
        "Route a ticket to billing, sales or returns.",
        "Be polite, please\nand short, too\nbut never rude, never.",
        'Answer with {"queue": "billing"}.',
        "Say a -> b when it rains",
        "ticket,queue",
        "skip",
        "",
    ],
)
def test_words_are_never_taken_for_rows(words: str) -> None:
    pasted = taken_apart(words)
    assert (pasted.rows, pasted.words) == ((), words)


def test_a_broken_row_is_named_and_not_dropped() -> None:
    rows = "ticket,queue\n" + "a,b\n" * 5 + "one, two,b\n"
    with pytest.raises(BadInput, match="pasted rows, row 6: 3 cells under a header of 2"):
        taken_apart(rows)
    with pytest.raises(BadInput, match="pasted rows, line 2: not valid JSON"):
        taken_apart('{"a": "1", "b": "2"}\n{"a": "1", "b"')


def test_only_files_that_are_there_are_named(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,b\n")
    (tmp_path / "prompt.md").write_text("x\n")
    words = 'The rows are in "rows.csv", the prompt in prompt.md. Not in other.csv.'
    found = files_named(words, tmp_path)
    assert found == {tmp_path / "rows.csv": "rows", tmp_path / "prompt.md": "prompt"}


def test_a_prompt_has_lines_or_a_placeholder() -> None:
    assert is_prompt("Which queue? {{ticket}}")
    assert is_prompt("You route.\n\nAnswer with a queue.")
    assert not is_prompt("Route tickets to a queue.")
