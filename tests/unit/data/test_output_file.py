import csv
import hashlib
import io

import fsspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from airflow_provider_fate.data.output_file import file_format, write_file
from airflow_provider_fate.data.output_target import local_file, stored_object
from airflow_provider_fate.errors import FateInputError

SCHEMA = pa.schema([("id", pa.string()), ("x", pa.float32()), ("n", pa.int64()), ("ok", pa.bool_())])
ROWS = [
    {"id": "a", "x": 0.5, "n": 2**40, "ok": True},
    {"id": 'say "x", please', "x": None, "n": None, "ok": None},
    {"id": "", "x": float("inf"), "n": -1, "ok": False},
]


def batches(rows=ROWS, schema=SCHEMA):
    return [pa.RecordBatch.from_pylist([row], schema=schema) for row in rows]


def written(kind, rows=ROWS, schema=SCHEMA):
    sink = io.BytesIO()
    summary = write_file(sink, schema, batches(rows, schema), kind)
    assert summary.size == len(sink.getvalue())
    assert summary.sha256 == hashlib.sha256(sink.getvalue()).hexdigest()
    assert summary.rows == len(rows)
    return sink.getvalue()


def test_parquet_holds_the_same_values_and_types():
    table = parquet.read_table(io.BytesIO(written("parquet")))
    assert table.schema.equals(SCHEMA)
    assert table.to_pylist() == ROWS


def test_csv_is_what_any_reader_expects():
    assert written("csv").decode().splitlines() == [
        "id,x,n,ok",
        "a,0.5,1099511627776,true",
        '"say ""x"", please",,,',
        ",inf,-1,false",
    ]


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('",\n\r ')),
                         min_size=2, max_size=2), max_size=8))  # fmt: skip
def test_csv_is_read_back_as_it_was_written(rows):
    schema = pa.schema([("a,b", pa.string()), ('say "c"', pa.string())])
    text = written("csv", [dict(zip(schema.names, row, strict=True)) for row in rows], schema).decode()
    assert list(csv.reader(io.StringIO(text, newline=""))) == [schema.names, *rows]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_without_rows_has_its_columns(kind):
    content = written(kind, [])
    assert content == b"id,x,n,ok\n" if kind == "csv" else parquet.read_schema(io.BytesIO(content)).equals(SCHEMA)


@pytest.mark.parametrize(
    ("name", "wanted", "kind"),
    [
        ("a.csv", None, "csv"),
        ("s3://c@b/a.PARQUET", None, "parquet"),
        ("a.pq", None, "parquet"),
        ("a.txt", "csv", "csv"),
        ("a.csv", "parquet", "parquet"),
    ],
)
def test_the_format_is_what_is_said_or_what_the_name_ends_in(name, wanted, kind):
    assert file_format(name, wanted) == kind


@pytest.mark.parametrize(("name", "wanted"), [("a", None), ("a.xlsx", None), ("a.csv", "json")])
def test_a_format_that_is_not_known_is_refused(name, wanted):
    with pytest.raises(FateInputError, match="csv"):
        file_format(name, wanted)


# --- all or nothing ---------------------------------------------------------------------------------------------------


class Broken(BaseException):
    """As a kill: no Exception."""


def break_off(target):
    with target as file:
        file.write(b"new")
        raise Broken


def test_a_local_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "new" / "a.csv"
    with local_file(path) as file:
        file.write(b"1")
        file.write(b"2")
        assert not path.exists()
    assert path.read_bytes() == b"12"
    assert [p.name for p in path.parent.iterdir()] == ["a.csv"]


@pytest.mark.parametrize("before", [None, b"old"])
def test_a_local_file_that_is_not_completed_leaves_no_trace(tmp_path, before):
    path = tmp_path / "a.csv"
    if before:
        path.write_bytes(before)
    with pytest.raises(Broken):
        break_off(local_file(path))
    assert [p.read_bytes() for p in tmp_path.iterdir()] == ([before] if before else [])


@pytest.fixture
def memory():
    """A store whose files are visible while they are written."""
    fs = fsspec.filesystem("memory")
    fs.mkdirs("/bucket", exist_ok=True)
    yield fs
    fs.rm("/bucket", recursive=True)


def test_an_object_appears_when_it_is_complete(memory):
    with stored_object(memory, "/bucket/a.csv") as file:
        file.write(b"12")
        assert not memory.exists("/bucket/a.csv")
    assert memory.cat("/bucket/a.csv") == b"12"
    assert memory.ls("/bucket", detail=False) == ["/bucket/a.csv"]


def test_an_object_that_is_not_completed_leaves_the_old_one(memory):
    memory.pipe("/bucket/a.csv", b"old")
    with pytest.raises(Broken):
        break_off(stored_object(memory, "/bucket/a.csv"))
    assert memory.cat("/bucket/a.csv") == b"old"
    assert memory.ls("/bucket", detail=False) == ["/bucket/a.csv"]
