"""One suite over every way in which lessons are kept: by exact scan, with the index, and beside another's index."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from socratune.memory.lessons import FLOOR, MOST_RECALLED, SHORTLIST, Lessons
from socratune.memory.records import Lesson

Store = Callable[[], Lessons]


def lesson(text: str, *, usefulness: float = 1.0) -> Lesson:
    return Lesson(
        id=text[:40],
        kind="lesson",
        text=text,
        task="desk",
        run="run-1",
        gate="round 1",
        gain=0.1,
        usefulness=usefulness,
    )


UNITS = lesson("State the units of every measure.")
REFUNDS = lesson("Refunds go to the billing queue.")
PARCELS = lesson("Damaged parcels go to returns.")
# More than the shortlist, so that an index is asked where there is one.
CROWD = [lesson(f"Number {n}: animals of kind {n * n} are counted {n} times.") for n in range(SHORTLIST + 10)]


@pytest.fixture(params=["scan", "index", "another's index"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Open the same memory, as often as asked, each time after the one before was closed."""
    where, folder = tmp_path / "memory.db", tmp_path / "index"
    with ExitStack() as ended:
        if request.param == "another's index":
            ended.enter_context(closing(Lessons.open(where, index=folder)))
        last: list[Lessons] = []

        def reopen() -> Lessons:
            while last:
                last.pop().close()
            last.append(Lessons.open(where, index=None if request.param == "scan" else folder))
            return last[0]

        yield reopen
        while last:
            last.pop().close()


@pytest.fixture
def store(opened: Store) -> Lessons:
    return opened()


def test_adding_the_same_lesson_twice_keeps_one(store: Lessons) -> None:
    store.add([UNITS, UNITS])
    store.add([UNITS])
    assert store.nearest("units", k=5) == [UNITS] == store.all()


def test_nothing_is_recalled_from_an_empty_memory(store: Lessons) -> None:
    store.add([])
    assert store.nearest("units", k=5) == []
    assert store.latest() == 0


def test_what_has_nothing_to_say_is_not_recalled(store: Lessons) -> None:
    store.add([UNITS, REFUNDS])
    assert store.nearest("sarcasm in film reviews", k=5) == []


@pytest.mark.parametrize("crowd", [[], CROWD])
def test_the_most_similar_comes_first(store: Lessons, crowd: list[Lesson]) -> None:
    store.add([*crowd, UNITS, REFUNDS, PARCELS])
    assert store.nearest("a refund goes to billing", k=1) == [REFUNDS]
    assert store.nearest("damaged parcels go to returns, like refunds", k=2) == [PARCELS, REFUNDS]


def test_no_call_recalls_more_than_asked_or_than_an_agent_can_use(store: Lessons) -> None:
    store.add(CROWD)
    assert len(store.nearest("animals are counted", k=3)) == 3
    assert len(store.nearest("animals are counted", k=100)) == MOST_RECALLED


@pytest.mark.parametrize("crowd", [[], CROWD])
def test_a_run_does_not_see_what_was_learned_after_it_began(store: Lessons, crowd: list[Lesson]) -> None:
    store.add([*crowd, PARCELS])
    began = store.latest()
    store.add([REFUNDS])
    assert REFUNDS in store.nearest("refunds to billing", k=8)
    assert REFUNDS not in store.nearest("refunds to billing", k=8, as_of=began)
    assert store.nearest("damaged parcels", k=1, as_of=began) == [PARCELS]


def test_the_number_of_a_forgotten_entry_is_never_given_again(store: Lessons) -> None:
    store.add([PARCELS, UNITS])
    began = store.latest()
    store.forget([UNITS.id])
    store.add([REFUNDS])
    assert store.latest() > began
    assert store.nearest("refunds to billing", k=8, as_of=began) == []


def test_what_helped_is_recalled_before_what_did_not(store: Lessons) -> None:
    twin = lesson("Refunds go to the billing queue!")
    store.add([REFUNDS, twin])
    assert store.nearest("refunds to billing", k=1) == [twin]  # the later of two that are alike
    store.judge("run-2", {REFUNDS.id: True, twin.id: False})
    assert [each.usefulness for each in store.nearest("refunds to billing", k=2)] == [1.1, 0.9]


def test_usefulness_moves_once_a_run_however_often_its_end_is_replayed(store: Lessons) -> None:
    store.add([REFUNDS])
    for run in ("run-2", "run-2", "run-3"):
        store.judge(run, {REFUNDS.id: True})
    assert store.all()[0].usefulness == pytest.approx(1.2)
    assert store.heard_from("run-3")
    assert not store.heard_from("run-4")


def test_usefulness_has_a_ceiling(store: Lessons) -> None:
    store.add([lesson("Refunds go to billing.", usefulness=1.95)])
    store.judge("run-2", {"Refunds go to billing.": True})
    assert store.all()[0].usefulness == 2.0


def test_what_falls_below_the_floor_is_forgotten(store: Lessons) -> None:
    store.add([REFUNDS, lesson("Greet the customer.", usefulness=FLOOR + 0.05)])
    store.judge("run-2", {"Greet the customer.": False})
    assert store.all() == [REFUNDS]
    assert store.nearest("greet the customer", k=5) == []


@pytest.mark.parametrize("crowd", [[], CROWD])
def test_nothing_is_left_of_what_was_forgotten(store: Lessons, crowd: list[Lesson]) -> None:
    store.add([*crowd, REFUNDS, PARCELS])
    assert store.forget([REFUNDS.id, "unknown"]) == 1
    assert store.forget([]) == 0
    shown = repr([store.all(), store.nearest(REFUNDS.text, k=8), store.nearest("", k=8)])
    assert REFUNDS.text not in shown
    assert PARCELS.text in shown


def test_entries_are_listed_newest_first_and_by_kind(store: Lessons) -> None:
    error = Lesson(id="e", kind="error", text="billing for sales", task="desk", run="r", gate="plan", gain=0.0)
    store.add([UNITS, error, REFUNDS])
    assert store.all() == [REFUNDS, error, UNITS]
    assert store.all("error") == [error]


def test_rows_that_were_tested_stay_sealed(opened: Store) -> None:
    store = opened()
    assert store.sealed_groups() == frozenset()
    store.seal(["b", "a", "a"], "run-1")
    store.seal(["b", "c"], "run-2")
    store.seal([], "run-3")
    assert opened().sealed_groups() == {"a", "b", "c"}


def test_memory_outlives_the_process(opened: Store) -> None:
    opened().add([*CROWD, REFUNDS])
    assert opened().nearest("refunds to billing", k=1) == [REFUNDS]


def test_a_deleted_index_changes_no_answer(opened: Store, tmp_path: Path) -> None:
    store = opened()
    store.add(CROWD)
    before = store.nearest("number 7 of animals of kind 49", k=8)
    store.close()
    if (tmp_path / "index").exists():
        shutil.rmtree(tmp_path / "index")
    assert opened().nearest("number 7 of animals of kind 49", k=8) == before
