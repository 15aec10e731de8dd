import re

from hypothesis import given
from hypothesis import strategies as st

from socratune.memory.records import Example, ExampleId
from socratune.tools.simulator.rows import RowIndex, without


def row(name: str, *values: str) -> Example:
    inputs = {f"input{number}": value for number, value in enumerate(values)}
    return Example(id=ExampleId(name), inputs=inputs, expected=name, group=name)


def test_row_that_stands_last_is_meant() -> None:
    index = RowIndex.of([row("a", "Where is it?"), row("b", "Who are you?")])
    found = index.find("For example 'Where is it?' is shipping. Now: Who are you? Answer briefly.")
    assert found is not None
    assert found.id == "b"


def test_longer_of_two_rows_that_end_together_is_meant() -> None:
    index = RowIndex.of([row("a", "I want a refund"), row("b", "Please, I want a refund")])
    found = index.find("Ticket: Please, I want a refund")
    assert found is not None
    assert found.id == "b"


def test_all_inputs_must_occur() -> None:
    index = RowIndex.of([row("kids", "kids", "What the hell"), row("market", "market", "What the hell")])
    found = index.find("Channel: kids\nPost: What the hell")
    assert found is not None
    assert found.id == "kids"
    assert index.find("Channel: books\nPost: What the hell") is None


def test_row_without_a_word_or_glued_to_one_is_found() -> None:
    index = RowIndex.of([row("a", "?!"), row("b", "tail of it")])
    assert index.find("Is it ?!") is not None
    assert index.find("<b>x_tail of it</b>") is not None


def test_empty_rows_are_never_found() -> None:
    assert RowIndex.of([row("a", "")]).find("anything") is None


def test_taking_out_leaves_other_occurrences() -> None:
    assert without("kids: the kids channel. Channel: kids", ["kids"]) == "kids: the kids channel. Channel: "


@given(text=st.text(min_size=1, max_size=80), before=st.text(max_size=20), after=st.text(max_size=20))
def test_row_is_found_whatever_stands_around_it(text: str, before: str, after: str) -> None:
    found = RowIndex.of([row("a", text)]).find(f"{before}{text}{after}")
    assert found is not None


SHORT = st.text(alphabet="ab .", min_size=1, max_size=12)


@given(values=st.lists(SHORT, min_size=1, max_size=6), pieces=st.lists(SHORT, max_size=6), gap=st.integers(0, 900))
def test_row_that_ends_last_is_found_however_long_the_message(values: list[str], pieces: list[str], gap: int) -> None:
    rows = [row(str(number), value) for number, value in enumerate(values)]
    message = (" " + "x. " * gap).join([*values, *pieces])
    index = RowIndex.of(rows)
    found = index.find(message)
    ends = [
        (match.start() + len(known.anchor), known.length, known.example.id)
        for known in index.rows
        for match in re.finditer(r"\b\w", message)
        if message.startswith(known.anchor, match.start()) and known.example.inputs["input0"] in message
    ]
    if ends:
        assert found is not None
        assert (max(ends)[:2]) == next(end[:2] for end in sorted(ends, reverse=True) if end[2] == found.id)
