"""A table of any source becomes the same bytes, and FATE reads from them what was in it."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import sqlite3
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_fate.data.shape import Shape
from airflow_provider_fate.data.source import FileSource, SqlSource
from airflow_provider_fate.data.stream import TableStream
from airflow_provider_fate.errors import FateDataError, FateInputError

ROWS = 5_000
TABLE = pa.table(
    {
        "id": [f"p{i:05d}" for i in range(ROWS)],
        "y": pa.array([i % 2 for i in range(ROWS)], pa.int8()),
        "age": pa.array([20 + i % 60 for i in range(ROWS)], pa.int64()),
        "income": [None if i % 10 == 3 else i / 7 for i in range(ROWS)],
        "score": pa.array([i * 0.1 for i in range(ROWS)], pa.float32()),
    }
)
SHAPE = Shape(label="y")


def stream(source, shape=SHAPE, **options):
    """Header, rows as FATE cuts them, and what the stream says of itself."""
    made = TableStream(source, shape, **options)
    text = b"".join(made).decode()
    assert made.sent is not None
    assert made.sent.size == len(text.encode())
    header, *rows = [line.rstrip().split(",") for line in text.split("\n")[:-1]]
    assert made.sent.columns == tuple(header)
    assert made.sent.rows == len(rows)
    return header, rows, made.sent


@pytest.fixture
def parquet(tmp_path):
    pq.write_table(TABLE, tmp_path / "t.parquet", row_group_size=1_000)
    return FileSource.of_path(tmp_path / "t.parquet")


def csv_text(**options):
    out = io.StringIO()
    writer = csv.writer(out, **options)
    writer.writerow(TABLE.column_names)
    for row in TABLE.to_pylist():
        row["score"] = pa.scalar(row["score"], pa.float32()).cast(pa.string()).as_py()
        writer.writerow("" if value is None else value for value in row.values())
    return out.getvalue()


def same(some, others):
    """Ids and labels letter by letter, numbers as numbers: 1.0 in a text is the number 1 of a column."""
    assert some[0] == others[0]
    for row, other in zip(some[1], others[1], strict=True):
        assert row[:2] == other[:2]
        assert [repr(float(value)) for value in row[2:]] == [repr(float(value)) for value in other[2:]]
    return True


def test_a_file_of_any_format_becomes_the_same_table(tmp_path, parquet):
    expected = stream(parquet)
    files = {
        "plain.csv": csv_text().encode(),
        "quoted.csv": csv_text(quoting=csv.QUOTE_ALL, lineterminator="\n").encode(),
        "bom.csv": b"\xef\xbb\xbf" + csv_text().encode(),
        "old.csv.gz": gzip.compress(csv_text().encode()),
        "old.csv.bz2": bz2.compress(csv_text().encode()),
        "new.csv.zst": pa.compress(csv_text().encode(), codec="zstd", asbytes=True),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        assert same(stream(FileSource.of_path(tmp_path / name)), expected), name
    with pa.OSFile(str(tmp_path / "t.arrow"), "wb") as file, pa.ipc.new_file(file, TABLE.schema) as writer:
        writer.write_table(TABLE)
    assert stream(FileSource.of_path(tmp_path / "t.arrow")) == expected
    (tmp_path / "tabs").write_text(csv_text(delimiter="\t"))
    assert same(stream(FileSource.of_path(tmp_path / "tabs", delimiter="\t")), expected)
    (tmp_path / "latin").write_bytes(csv_text().replace("p00001", "é00001").encode("latin-1"))
    assert stream(FileSource.of_path(tmp_path / "latin", encoding="latin-1"))[1][1][0] == "é00001"


def test_rows_of_a_database_become_the_same_table(tmp_path, parquet):
    place = tmp_path / "db"
    with sqlite3.connect(place) as connection:
        connection.execute("create table t (id text, y int, age int, income real, score real)")
        connection.executemany("insert into t values (?,?,?,?,?)", [tuple(row.values()) for row in TABLE.to_pylist()])
    source = SqlSource(lambda: sqlite3.connect(place), "select * from t where age >= ?", "t", (0,), chunk=700)
    header, rows, _ = stream(source)
    expected = stream(parquet)
    # Without the last column: SQLite has no single precision.
    assert same((header, [row[:4] for row in rows]), (expected[0], [row[:4] for row in expected[1]]))
    assert source.version() is None


def test_values_are_the_ones_of_the_source(parquet):
    header, rows, sent = stream(parquet)
    assert header == ["id", "y", "age", "income", "score"]
    for row, expected in zip(rows, TABLE.to_pylist(), strict=True):
        assert row[0] == expected["id"]
        assert int(row[1]) == expected["y"]
        assert float(row[2]) == expected["age"]
        assert row[3] == "NaN" if expected["income"] is None else float(row[3]) == expected["income"]
        assert pa.scalar(float(row[4]), pa.float32()).as_py() == expected["score"]
    assert sent.features == ("age", "income", "score")


def test_columns_are_chosen_renamed_and_put_in_order(parquet):
    header, rows, _ = stream(parquet, Shape(label="y", columns={"score": "s", "age": "years"}))
    assert header == ["id", "y", "s", "years"]
    assert float(rows[3][3]) == 23


def test_the_order_of_the_source_does_not_matter_where_columns_are_named(tmp_path, parquet):
    shape = Shape(label="y", columns=["age", "income"])
    pq.write_table(TABLE.select(["income", "score", "age", "y", "id"]), tmp_path / "other.parquet")
    assert stream(parquet, shape)[2] == stream(FileSource.of_path(tmp_path / "other.parquet"), shape)[2]


@pytest.mark.parametrize(
    ("values", "kind", "written"),
    [
        (pa.array([True, False, None]), "float32", ["1", "0", "NaN"]),
        (pa.array([Decimal("1.50"), Decimal("-2.25"), None]), "float64", ["1.50", "-2.25", "NaN"]),
        (pa.array(["a", "b", "a"]).dictionary_encode(), "str", ["a", "b", "a"]),
        (pa.array([1.0, 2.0, 3.0]), "int32", ["1", "2", "3"]),
        (pa.array(["1.0", " +2 ", "-3"]), "int64", ["1", "2", "-3"]),
        (pa.array(["1.50", "", " 3 "]), "float32", ["1.50", "NaN", "3"]),
        (pa.array([None, None, None]), "float32", ["NaN", "NaN", "NaN"]),
        (pa.array(["nan", "-nan", "NaN"], pa.large_string()), "float32", ["NaN", "NaN", "NaN"]),
        (pa.array([2**53 + 1, 1, 2], pa.int64()), "int64", ["9007199254740993", "1", "2"]),
    ],
)
def test_types_that_fate_does_not_know_are_written_as_it_does(tmp_path, values, kind, written):
    pq.write_table(pa.table({"id": ["a", "b", "c"], "x": values}), tmp_path / "t.parquet")
    _, rows, _ = stream(FileSource.of_path(tmp_path / "t.parquet"), Shape(dtype=kind))
    assert [row[1] for row in rows] == written


def test_ids_keep_their_text(tmp_path):
    (tmp_path / "t.csv").write_text("id,x\n007,1\n7,2\n1e3,3\n")
    assert [row[0] for row in stream(FileSource.of_path(tmp_path / "t.csv"), Shape())[1]] == ["007", "7", "1e3"]
    pq.write_table(pa.table({"id": [date(2026, 1, 2), date(2026, 1, 3)], "x": [1, 2]}), tmp_path / "t.parquet")
    rows = stream(FileSource.of_path(tmp_path / "t.parquet"), Shape())[1]
    assert [row[0] for row in rows] == ["2026-01-02", "2026-01-03"]


def test_texts_that_mean_missing_are_written_as_fate_reads_them(tmp_path):
    (tmp_path / "t.csv").write_text("id,x\na,NA\nb,-999\nc,1\n")
    shape = Shape(na_values=("NA", "-999"))
    assert [row[1] for row in stream(FileSource.of_path(tmp_path / "t.csv"), shape)[1]] == ["NaN", "NaN", "1"]


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path):
    file = tmp_path / "t.csv"
    file.write_text("id,x\n" + "".join(f"{i},{i}\n" for i in range(200_000)))
    pieces = iter(TableStream(FileSource.of_path(file), Shape()))
    next(pieces)
    with file.open("a") as more:
        more.write("200001,1\n")
    with pytest.raises(FateDataError, match="changed while it was read"):
        list(pieces)


def test_who_stops_listening_stops_the_reading(tmp_path):
    import threading

    file = tmp_path / "t.csv"
    file.write_text("id,x\n" + "".join(f"{i},{i}\n" for i in range(300_000)))
    pieces = iter(TableStream(FileSource.of_path(file), Shape()))
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert "fate-table-stream" not in {thread.name for thread in threading.enumerate()}


def test_more_bytes_than_are_allowed_are_refused(parquet):
    with pytest.raises(FateDataError, match="max_bytes=10,000"):
        stream(parquet, max_bytes=10_000)


def test_a_query_that_returns_no_rows_at_all_is_refused(tmp_path):
    source = SqlSource(lambda: sqlite3.connect(tmp_path / "db"), "create table t (id int)", "query on db")
    with pytest.raises(FateDataError, match="query on db returns no rows"):
        stream(source)


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        (Shape(label="y", columns=["age", "y"]), "'y' is the id, label or weight as well"),
        (Shape(label="id"), "'id' cannot be two of"),
        (Shape(label="y", dtype="bool"), "'20' of column 'age' is not one of the values of the type 'bool'"),
        (Shape(label="y", dtype="float16"), "'float16' is not a type that FATE reads"),
        (Shape(label="y", dtype={"agee": "int32"}), "'agee', which is not a feature.*\n.*'age'"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(parquet, shape, says):
    with pytest.raises(FateInputError, match=f"(?s){says}"):
        stream(parquet, shape)
