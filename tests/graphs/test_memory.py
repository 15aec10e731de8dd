"""What one run leaves to the next, and what it must not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.graphs.scene import carry_out, home_at, ledger_of, order, overheard, record, split_of, text_of

from socratune.graphs.engine import Order, Watch
from socratune.memory.ledger import Event
from socratune.memory.lessons import Lessons
from socratune.memory.records import Lesson
from socratune.memory.runs import Home
from socratune.tools.models import Request
from socratune.tools.sections import rows_of, sections


class Died(Exception):
    """What a process meets that ends in the middle of a run."""


@contextmanager
def lessons_of(home: Home) -> Iterator[Lessons]:
    """What is remembered at `home`."""
    lessons = Lessons.open(home.memory)
    try:
        yield lessons
    finally:
        lessons.close()


def learned(home: Home) -> list[Lesson]:
    """All that is remembered at `home`, in an order of its own."""
    with lessons_of(home) as lessons:
        return sorted(lessons.all(), key=lambda lesson: lesson.id)


def groups(order: Order, rows: set[str]) -> set[str]:
    """The fingerprints of these rows."""
    return {row.group for row in order.examples if row.id in rows}


def test_what_a_run_taught_is_written_once_though_its_end_is_replayed(tmp_path: Path) -> None:
    undisturbed, home, made = home_at(tmp_path / "undisturbed"), home_at(tmp_path / "home"), order(memory=True)
    carry_out(made, undisturbed)

    def die(event: Event) -> None:
        if event.kind == "ended":
            raise Died

    with pytest.raises(Died):
        carry_out(made, home, Watch(listeners=(die,)))
    assert not learned(home)
    first = carry_out(made, home)
    assert learned(home) == learned(undisturbed) != []
    assert record(carry_out(made, home)) == record(first)
    assert learned(home) == learned(undisturbed)


def test_what_was_forgotten_after_a_run_does_not_come_back_when_it_is_read_again(tmp_path: Path) -> None:
    home, made = home_at(tmp_path), order(memory=True)
    carry_out(made, home)
    with lessons_of(home) as lessons:
        lessons.forget([lesson.id for lesson in lessons.all()])
    carry_out(made, home)
    assert not learned(home)


def memories(request: Request) -> set[str]:
    """What a request to an agent says that memory holds."""
    return {str(row["text"]) for row in rows_of(sections(text_of(request)).get("memory", ""))}


def test_a_later_run_recalls_what_was_learned_and_records_it_before_it_is_used(tmp_path: Path) -> None:
    home, later = home_at(tmp_path), order(memory=True, seed=1)
    carry_out(order(memory=True), home, name="first")
    known = {lesson.text for lesson in learned(home)}
    recorded: set[str] = set()
    used: set[str] = set()

    def listen(event: Event) -> None:
        if event.kind == "recalled":
            recorded.update(lesson["text"] for lesson in event.body["content"]["lessons"])

    def check(request: Request) -> None:
        assert memories(request) <= recorded
        used.update(memories(request))

    heard = overheard(later, before=check)
    carry_out(replace(later, models=heard), home, Watch(listeners=(listen,)), name="second")
    assert used
    assert used <= known


def test_without_memory_nothing_is_recalled_or_written_but_the_seals(tmp_path: Path) -> None:
    home, made = home_at(tmp_path), order(memory=False)
    carry_out(order(memory=True), home, name="first")
    before, heard = learned(home), overheard(made)
    with lessons_of(home) as lessons:
        sealed = lessons.sealed_groups()
    result = carry_out(replace(made, models=heard), home, name="second")
    with ledger_of(home, "second") as ledger:
        assert not ledger.events("recalled")
    with lessons_of(home) as lessons:
        assert lessons.sealed_groups() == sealed | groups(made, set(split_of(home, "second")["test"]))
    assert result.verdict is not None
    assert learned(home) == before
    assert not any(memories(request) for request in heard["optimizer"].requests)


def test_a_run_that_did_not_open_its_rows_seals_nothing(tmp_path: Path) -> None:
    home = home_at(tmp_path)
    assert carry_out(order("null-ideal"), home).verdict is None
    with lessons_of(home) as lessons:
        assert not lessons.sealed_groups()


def test_a_file_that_grew_never_lets_a_tested_row_into_the_search(tmp_path: Path) -> None:
    home, whole = home_at(tmp_path), order()
    half = replace(whole, examples=whole.examples[::2])
    carry_out(half, home, name="first")
    tested = groups(whole, set(split_of(home, "first")["test"]))
    assert tested
    for name, seed in (("second", 0), ("third", 1)):
        carry_out(order(seed=seed), home, name=name)
        sides = split_of(home, name)
        assert not tested & groups(whole, {*sides["train"], *sides["dev"]})
        tested |= groups(whole, set(sides["test"]))
