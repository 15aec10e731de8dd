from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from socratune.memory.embedding import embed
from socratune.memory.index import BATCH, LessonIndex
from socratune.memory.lessons import SHORTLIST, Lessons
from socratune.memory.records import Lesson

NAMES = [f"animal {n}" for n in range(SHORTLIST + 10)]
ASKED = "animal 7 among all the animals"


def lessons(names: list[str] = NAMES) -> list[Lesson]:
    return [Lesson(id=each, kind="error", text=each, task="t", run="r", gate="g", gain=0.0) for each in names]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Lessons]:
    """The owner of an index that is large enough to be asked."""
    with closing(Lessons.open(tmp_path / "memory.db", index=tmp_path / "index")) as made:
        made.add(lessons())
        yield made


def owner(tmp_path: Path) -> Lessons:
    return Lessons.open(tmp_path / "memory.db", index=tmp_path / "index")


def ids(found: list[Lesson]) -> list[str]:
    return [each.id for each in found]


def test_the_index_and_the_exact_scan_find_the_same(store: Lessons, tmp_path: Path) -> None:
    with closing(Lessons.open(tmp_path / "memory.db")) as scan:
        for asked in (ASKED, "animal 31", "33"):
            assert store.nearest(asked, k=4) == scan.nearest(asked, k=4) != []


def test_one_process_owns_the_index_until_it_closes(tmp_path: Path) -> None:
    first = LessonIndex.open(tmp_path / "index")
    assert first is not None
    assert LessonIndex.open(tmp_path / "index") is None
    first.close()
    second = LessonIndex.open(tmp_path / "index")
    assert second is not None
    second.close()


def test_the_owner_finds_what_others_write_meanwhile(store: Lessons, tmp_path: Path) -> None:
    assert store.nearest(ASKED, k=1)
    with closing(Lessons.open(tmp_path / "memory.db", index=tmp_path / "index")) as other:
        other.add(lessons(["animal 7 among all the animals there are"]))
    assert ids(store.nearest(ASKED, k=1)) == ["animal 7 among all the animals there are"]


def test_the_next_owner_finds_what_the_last_one_wrote(store: Lessons, tmp_path: Path) -> None:
    before = store.nearest(ASKED, k=4)
    store.close()
    with closing(owner(tmp_path)) as second:
        second.add(lessons(["zebra crossing"]))
    with closing(owner(tmp_path)) as third:
        assert ids(third.nearest("zebra crossing", k=1)) == ["zebra crossing"]
        assert third.nearest(ASKED, k=4) == before


def test_what_was_forgotten_while_another_owned_the_index_leaves_it_too(store: Lessons, tmp_path: Path) -> None:
    store.close()
    with closing(Lessons.open(tmp_path / "memory.db")) as scan:
        scan.forget(["animal 7"])
    owner(tmp_path).close()
    index = LessonIndex.open(tmp_path / "index")
    assert index is not None
    assert index.ids() == set(NAMES) - {"animal 7"}
    index.close()


def test_an_index_that_cannot_be_read_is_built_again(store: Lessons, tmp_path: Path) -> None:
    before = store.nearest(ASKED, k=4)
    store.close()
    for file in (tmp_path / "index").rglob("*.sqlite3"):
        file.write_bytes(b"not a database" * 1000)
    with closing(owner(tmp_path)) as rebuilt:
        assert rebuilt.nearest(ASKED, k=4) == before
        rebuilt.add(lessons(["zebra crossing"]))
        assert ids(rebuilt.nearest("zebra crossing", k=1)) == ["zebra crossing"]
    assert len(list((tmp_path / "index").glob("built-*"))) == 1


def test_many_records_are_written_in_batches(tmp_path: Path) -> None:
    index = LessonIndex.open(tmp_path / "index")
    assert index is not None
    names = [f"word{n}" for n in range(2 * BATCH + 1)]
    index.add(names, [embed(each) for each in names])
    assert len(index) == len(names)
    assert index.nearest(embed("word7"), k=1) == ["word7"]
    index.remove([])
    index.remove(["word7", "never there"])
    assert len(index) == len(names) - 1
    index.close()


def test_an_empty_index_is_near_to_nothing(tmp_path: Path) -> None:
    index = LessonIndex.open(tmp_path / "index")
    assert index is not None
    assert index.nearest(embed("anything"), k=3) == []
    index.close()


def test_no_text_is_in_the_index(store: Lessons, tmp_path: Path) -> None:
    text = "Xylophone mortgages confuse everybody"
    store.add([Lesson(id="plain", kind="error", text=text, task="t", run="r", gate="g", gain=0.0)])
    store.close()
    kept = b"".join(file.read_bytes() for file in (tmp_path / "index").rglob("*") if file.is_file())
    assert b"plain" in kept
    assert b"Xylophone" not in kept
