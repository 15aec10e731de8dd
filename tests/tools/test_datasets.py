from __future__ import annotations

import csv
import hashlib
import io
import json
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from socratune.memory.errors import BadInput
from socratune.tools.datasets import LARGEST_FIELD, columns, fingerprint, group_of, load, read_rows, well_formed

ROWS = [{"ticket": "Where is my parcel?", "queue": "shipping"}, {"ticket": "Refund, please", "queue": "billing"}]
KINDS = {
    "rows.csv": 'ticket,queue\nWhere is my parcel?,shipping\n"Refund, please",billing\n',
    "rows.tsv": "ticket\tqueue\nWhere is my parcel?\tshipping\nRefund, please\tbilling\n",
    "rows.jsonl": "\n\n".join(map(json.dumps, ROWS)),
    "rows.json": json.dumps(ROWS, indent=2),
    "examples.json": json.dumps({"metadata": {}, "examples": ROWS}),
    "numbered.json": json.dumps({"examples": {"1": ROWS[0], "2": ROWS[1]}}),
}
reuse = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def complaint(path: Path, expected: str = "queue") -> str:
    with pytest.raises(BadInput) as caught:
        load(path, inputs=("ticket",), expected=expected)
    said = str(caught.value)
    assert "\n" not in said
    assert said.startswith(str(path))
    return said.removeprefix(str(path))


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_file_gives_the_same_examples(name: str, tmp_path: Path) -> None:
    found = load(written(tmp_path, name, KINDS[name]), inputs=("ticket",), expected="queue")
    assert [(row.id, row.inputs["ticket"], row.expected) for row in found] == [
        ("r1", "Where is my parcel?", "shipping"),
        ("r2", "Refund, please", "billing"),
    ]


@pytest.mark.parametrize("name", KINDS)
def test_a_byte_order_mark_is_no_part_of_a_column(name: str, tmp_path: Path) -> None:
    assert columns(written(tmp_path, name, b"\xef\xbb\xbf" + KINDS[name].encode())) == ("ticket", "queue")


def test_a_limit_reads_the_first_rows_only(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.csv", "ticket,queue\na,b\nragged\n")
    assert len(load(path, inputs=("ticket",), expected="queue", limit=1)) == 1


def test_values_that_are_not_text_become_their_json(tmp_path: Path) -> None:
    row = '{"ticket": {"a": [1, "é"]}, "n": 3, "f": 0.5, "yes": true, "none": null, "queue": "x"}'
    values = read_rows(written(tmp_path, "rows.jsonl", row))[0].values
    assert tuple(values.values()) == ('{"a":[1,"é"]}', "3", "0.5", "true", "", "x")


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json"])
def test_a_lone_surrogate_becomes_the_replacement_character(name: str, tmp_path: Path) -> None:
    row = r'{"ticket": "a\ud800b", "pair": "\ud83d\ude42", "deep": ["\udfff"], "queue": "x"}'
    values = read_rows(written(tmp_path, name, f"[{row}]" if name == "rows.json" else row))[0].values
    assert tuple(values.values()) == ("a\ufffdb", "🙂", '["\ufffd"]', "x")


def test_a_lone_surrogate_in_a_csv_file_becomes_the_replacement_character(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.csv", b"ticket,queue\n\xed\xa0\x80,x\n")
    assert read_rows(path)[0].values["ticket"] == "\ufffd"


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_well_formed_text_is_kept(text: str) -> None:
    assert well_formed(text) == text


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("rows.csv", "", ": the file has no rows"),
        ("rows.csv", "ticket,queue\n", ": the file has no rows"),
        ("rows.json", "  ", ": the file has no rows"),
        ("rows.json", "[]", ": the file has no rows"),
        ("rows.csv", "ticket,queue\na,b\nc\n", ":3: 1 cells under a header of 2"),
        ("rows.csv", 'ticket,queue\n"a\nb",c\nd,e,f\n', ":4: 3 cells under a header of 2"),
        ("rows.csv", 'ticket,queue\n"a,b\nc,d\n', ":2: not valid CSV"),
        ("rows.csv", "ticket,ticket\na,b\n", ":1: the header names 'ticket' twice"),
        ("rows.csv", "ticket,label\na,b\n", ":2: no column 'queue'; it has 'ticket', 'label'"),
        ("rows.csv", "ticket,queue\na,b\n\nc, \n", ":4: column 'queue' is empty"),
        ("rows.csv", b"ticket,queue\na,b\0\n", ":2: not a text file (it holds NUL bytes)"),
        ("rows.csv", "ticket,queue\na,b\n".encode("utf-16"), ":1: not a text file"),
        ("rows.csv", b"ticket,queue\nna\xefve,b\n", ":2: not UTF-8 (byte 0xef)"),
        ("rows.jsonl", '{"ticket": "a", "queue": "b"}\n{"ticket": "a"', ":2: not valid JSON"),
        ("rows.jsonl", '{"ticket": "a", "queue": "b"}\n{"ticket": "a"}', ":2: no column 'queue'"),
        ("rows.jsonl", '{"ticket": "a", "queue": null}', ":1: column 'queue' is empty"),
        ("rows.jsonl", "[1, 2]", ":1: '[1,2]' is not an object"),
        ("rows.jsonl", '{"ticket": NaN}', ":1: the number NaN is out of range"),
        ("rows.jsonl", '{"ticket": 1e400}', ":1: the number 1e400 is out of range"),
        ("rows.jsonl", '{"ticket": 1, "ticket": 2}', ":1: an object names 'ticket' twice"),
        ("rows.jsonl", '{"ticket": ' + "9" * 5000 + "}", ":1: "),
        ("rows.json", '[\n{"ticket": "a"},\n{"ticket" "b"}\n]', ":3: not valid JSON"),
        ("rows.json", '{"ticket": "a"}', ": holds no list of rows"),
        ("rows.json", '[{"ticket": "a", "queue": "b"}, {"ticket": "a"}]', ": row 2: no column 'queue'"),
        ("rows.json", "[" * 100_000, ": nested too deep"),
        ("rows.jsonl", '{"ticket": ' + "[" * 100_000, ": nested too deep"),
        ("rows.tsv", "ticket\tqueue", ": the file has no rows"),
        ("rows.tsv", 'ticket\tqueue\n"a\nb"\tc\nd, e\n', ":4: 1 cells under a header of 2"),
        ("rows.tsv", "ticket\tticket\na\tb\n", ":1: the header names 'ticket' twice"),
        ("rows.parquet", b"PAR1", ": not a parquet file"),
        ("rows.xlsx", b"PK", ": unknown kind of file '.xlsx'"),
    ],
)
def test_a_fault_is_named_in_one_line_with_its_place(
    name: str, content: str | bytes, said: str, tmp_path: Path
) -> None:
    assert complaint(written(tmp_path, name, content)).startswith(said)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").mkdir()
    assert (
        complaint(tmp_path / "rows.csv")
        == complaint(tmp_path / "none.csv")
        == ": there is no such file; check the path"
    )


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_a_field_may_be_large_but_not_endless(name: str, tmp_path: Path) -> None:
    for size in (LARGEST_FIELD, LARGEST_FIELD + 1):
        row = {"ticket": "x" * size, "queue": "y"}
        content = f"ticket,queue\n{row['ticket']},y\n" if name == "rows.csv" else json.dumps(row)
        path = written(tmp_path, name, content)
        if size == LARGEST_FIELD:
            assert load(path, inputs=("ticket",), expected="queue")[0].inputs["ticket"] == row["ticket"]
        else:
            assert "262144" in complaint(path) or "256 KiB" in complaint(path)


def test_more_rows_than_allowed_are_refused_with_the_cure(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.csv", "ticket,queue\n" + "a,b\n" * 100_001)
    assert "more than 100000 rows; read the first with `limit: 100000`" in complaint(path)


def test_spaces_around_a_name_in_the_header_do_not_count(tmp_path: Path) -> None:
    assert columns(written(tmp_path, "rows.csv", "ticket, queue\na,b\n")) == ("ticket", "queue")


def test_a_column_without_a_name_is_left_out(tmp_path: Path) -> None:
    assert columns(written(tmp_path, "rows.csv", ",ticket,queue\n0,a,b\n")) == ("ticket", "queue")


@reuse
@given(cells=st.lists(st.tuples(st.text(), st.text().filter(str.strip)), min_size=1, max_size=5))
def test_a_csv_file_gives_back_every_value(cells: list[tuple[str, str]], tmp_path: Path) -> None:
    clean = [tuple(cell.replace("\0", "").replace("\r", "") for cell in row) for row in cells]
    kept = [row for row in clean if row[1].strip()]
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([("ticket", "queue"), *kept, ("last", "row")])
    found = load(written(tmp_path, "rows.csv", buffer.getvalue()), inputs=("ticket",), expected="queue")
    assert [(row.inputs["ticket"], row.expected) for row in found] == [*kept, ("last", "row")]


@reuse
@given(values=st.lists(st.text(), min_size=1, max_size=5), kind=st.sampled_from(["rows.json", "rows.jsonl"]))
def test_a_json_file_gives_back_every_value(values: list[str], kind: str, tmp_path: Path) -> None:
    rows = [{"ticket": value, "queue": "x"} for value in values]
    text = json.dumps(rows) if kind == "rows.json" else "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    found = load(written(tmp_path, kind, text), inputs=("ticket",), expected="queue")
    assert [row.inputs["ticket"] for row in found] == values


@reuse
@given(content=st.binary(max_size=200), name=st.sampled_from(["rows.csv", "rows.json", "rows.jsonl"]))
def test_any_bytes_load_or_are_refused_in_one_line(content: bytes, name: str, tmp_path: Path) -> None:
    path, said = written(tmp_path, name, content), ""
    try:
        read_rows(path)
    except BadInput as error:
        said = str(error)
    assert "\n" not in said


def test_case_spacing_and_prose_marks_make_no_new_group() -> None:
    assert group_of(["Where is  my parcel?"]) == group_of(["where is my parcel"])
    assert len(group_of(["x"])) == 12


@pytest.mark.parametrize(
    ("one", "other"), [("[ ( ] )", "( [ ) ]"), ("5 - 3", "5 + 3"), ("1.5", "15"), ("!", "?"), ("", " ")]
)
def test_what_is_more_than_spelling_makes_a_new_group(one: str, other: str) -> None:
    assert group_of([one]) != group_of([other])


def test_which_column_holds_a_value_counts_for_the_group() -> None:
    assert group_of(["a", "b"]) != group_of(["b", "a"])


def test_the_fingerprint_is_the_hash_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.csv", KINDS["rows.csv"])
    assert fingerprint(path) == hashlib.sha256(KINDS["rows.csv"].encode()).hexdigest()


def test_a_tsv_file_keeps_quotes_that_are_text_and_reads_those_that_close_a_cell(tmp_path: Path) -> None:
    lines = [
        "ticket\tqueue",
        '"Lost" is what it says\tshipping',
        '5" tube\treturns',
        '"two\nlines, a\ttab, a ""quote"""\tsales',
    ]
    for ending in ("\n", "\r\n"):
        found = read_rows(written(tmp_path, "rows.tsv", ending.join(lines) + ending))
        assert [row.values["ticket"] for row in found] == [
            '"Lost" is what it says',
            '5" tube',
            'two\nlines, a\ttab, a "quote"',
        ]
        assert [row.values["queue"] for row in found] == ["shipping", "returns", "sales"]
    assert found[2].place.endswith("rows.tsv:4")


def parquet_file(folder: Path, **columns: list[object]) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    path = folder / "rows.parquet"
    pytest.importorskip("pyarrow.parquet").write_table(pyarrow.table(columns), path)
    return path


def test_the_cells_of_a_parquet_file_become_text_as_those_of_json_do(tmp_path: Path) -> None:
    path = parquet_file(
        tmp_path,
        ticket=["Where is my parcel?", "a\ud7ffé"],
        n=[3, None],
        when=[date(2026, 1, 2), date(2026, 1, 3)],
        price=[Decimal("1.50"), Decimal("2.00")],
        tags=[["a", "é"], []],
        queue=["shipping", "billing"],
        __index_level_0__=[7, 8],
    )
    first, second = read_rows(path)
    assert first.place == f"{path}: row 1"
    assert tuple(first.values.values()) == ("Where is my parcel?", "3", "2026-01-02", "1.50", '["a","é"]', "shipping")
    assert second.values["n"] == ""
    assert [row.expected for row in load(path, inputs=("ticket",), expected="queue", limit=1)] == ["shipping"]


def test_a_parquet_cell_without_text_is_named_with_its_row(tmp_path: Path) -> None:
    said = complaint(parquet_file(tmp_path, ticket=[b"\x00", b"\xff"], queue=["a", "b"]))
    assert said == ": row 1: column 'ticket' holds bytes; write it as text"
    assert "row 2: column 'queue' is empty" in complaint(parquet_file(tmp_path, ticket=["a", "b"], queue=["a", None]))
    assert "out of range" in complaint(parquet_file(tmp_path, ticket=[float("nan")], queue=["a"])).lower()


def test_a_parquet_file_without_the_package_names_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = parquet_file(tmp_path, ticket=["a"], queue=["b"])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert complaint(path).startswith(": parquet files need the package pyarrow; pip install 'socratune[parquet]'")
