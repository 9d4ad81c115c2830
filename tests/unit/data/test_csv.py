from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_fate.clients.flow.models import UploadMeta
from airflow_provider_fate.data import CsvSummary, check_csv
from airflow_provider_fate.errors import FateDataError


@dataclass(frozen=True)
class Meta:
    """As the client's UploadMeta, as far as the check looks."""

    delimiter: str = ","
    match_id_name: str | None = "id"
    sample_id_name: str | None = None
    label_name: str | None = None
    label_type: str = "int32"
    weight_name: str | None = None
    dtype: Any = "float32"
    header: str | None = None
    input_format: str = "dense"


Check = Callable[..., CsvSummary]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    def run(content: str | bytes, *, allow_duplicate_ids: bool = False, **meta: Any) -> CsvSummary:
        path = tmp_path / "table.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return check_csv(path, meta=Meta(**meta), allow_duplicate_ids=allow_duplicate_ids)

    return run


def test_a_good_file_is_described(check: Check) -> None:
    summary = check("id,y,x0,x1\na,1,0.5,-2e3\nb,0,nan,1\n", label_name="y")
    assert summary == CsvSummary(2, ("id", "y", "x0", "x1"), ("x0", "x1"), 34)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_both_line_endings_and_a_missing_last_one_are_fine(check: Check, ending: str) -> None:
    assert check(ending.join(["id,x", "a,1", "b,2"])).rows == 2


def test_a_file_without_header_line_takes_its_names_from_the_meta_data(check: Check) -> None:
    assert check("a,1\nb,2\n", header="extend_sid,id,x").rows == 2
    with pytest.raises(FateDataError, match="line 1: it has 3 values for 2 columns"):
        check("a,1,2\n", header="extend_sid,id,x")


def test_text_columns_may_hold_text_if_their_type_says_so(check: Check) -> None:
    assert check("id,x,t\na,1,red\n", dtype={"t": "np_object"}).rows == 1


# The row and column are what the error names; the last is part of its message or its way out.
BAD: dict[str, tuple[str | bytes, dict[str, Any], int | None, str | None, str]] = {
    "empty file": (b"", {}, None, None, "the file is empty"),
    "only a header": ("id,x\n", {}, None, None, "a header and no rows"),
    "byte order mark": (b"\xef\xbb\xbfid,x\na,1\n", {}, 1, None, "byte order mark"),
    "utf-16": ("id,x\na,1\n".encode("utf-16"), {}, 1, None, "UTF-16"),
    "latin-1": ("id,x\nä,1\n".encode("latin-1"), {}, 2, None, "not UTF-8: byte 0xe4 at position 1"),
    "gzip": (b"\x1f\x8b\x08\x00rest", {}, 1, None, "gzip"),
    "quoted delimiter": ('id,x,z\na,"1,5",2\n', {}, 2, "x", "quoted"),
    "quoted id": ('id,x\n"a",1\n', {}, 2, "id", "quoted"),
    "quoted names": ('"id","x"\na,1\n', {}, 1, '"id"', "quoted"),
    "row too long": ("id,x\na,1\nb,2,3\n", {}, 3, None, "3 values for 2 columns; FATE would drop"),
    "row too short": ("id,x,z\na,1\n", {}, 2, None, "2 values for 3 columns"),
    "stripped tabs": ("id\tx\tz\na\t1\t\n", {"delimiter": "\t"}, 2, None, "strips the white space"),
    "wrong delimiter": ("id;x\na;1\n", {}, 1, None, "separated by a semicolon and not by a comma"),
    "tabs for commas": ("id\tx\na\t1\n", {}, 1, None, "set delimiter='\\t'"),
    "duplicate id": ("id,x\na,1\nb,1\na,2\n", {}, 4, "id", "line 2 and again in line 4"),
    "empty id": ("id,x\n,1\n", {}, 2, "id", "is empty"),
    "spaces around an id": ("id,x\n a,1\n", {}, 2, "id", "spaces around it"),
    "missing match id": ("key,x\na,1\n", {}, 1, "id", "no column 'id', which match_id_name names"),
    "other case": ("ID,x\na,1\n", {}, 1, "id", "Did you mean 'ID'"),
    "missing label": ("id,x\na,1\n", {"label_name": "y"}, 1, "y", "no column 'y', which label_name names"),
    "no match id named": ("id,x\na,1\n", {"match_id_name": None}, None, None, "Set match_id_name"),
    "text for a number": ("id,x\na,red\n", {}, 2, "x", "is not a number"),
    "decimal comma": ("id;x\na;1,5\n", {"delimiter": ";"}, 2, "x", "is not a number"),
    "missing number": ("id,x,z\na,,1\n", {}, 2, "x", "Write NaN"),
    "infinite in FATE": ("id,x\na,1e39\n", {}, 2, "x", "too large"),
    "label with a point": ("id,y\na,1.0\n", {"label_name": "y"}, 2, "y", "not a whole number"),
    "label that wraps": ("id,y\na,3000000000\n", {"label_name": "y"}, 2, "y", "not a whole number"),
    "truth values": ("id,x\na,0\n", {"dtype": "bool"}, 2, "x", "every text for true"),
    "blank line": ("id,x\na,1\n\nb,2\n", {}, 3, None, "is blank"),
    "blank last line": ("id,x\na,1\n\n", {}, 3, None, "is blank"),
    "old Mac line ends": ("id,x\ra,1\rb,2\r", {}, 1, None, "carriage return"),
    "line break in a value": ("id,x\na\rb,1\n", {}, 2, None, "carriage return"),
    "nameless column": (",id,x\n0,a,1\n", {}, 1, "", "has no name"),
    "two of a name": ("id,x,x\na,1,2\n", {}, 1, "x", "two columns are named 'x'"),
    "spaces in a name": ("id, x\na,1\n", {}, 1, " x", "with spaces"),
    "NUL bytes": (b"id,x\na,1\0\n", {}, 2, None, "NUL"),
    "sample id behind": ("x,id,sid\n1,a,s\n", {"sample_id_name": "sid"}, 1, "sid", "is not the first"),
    "a format FATE 2.2 lost": ("id,x\na,1\n", {"input_format": "tag"}, None, None, "reads only dense"),
    "one column for both ids": ("id,x\na,1\n", {"sample_id_name": "id"}, 1, "id", "both sample id and match id"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_fate_would_misread_is_refused(check: Check, name: str) -> None:
    content, meta, row, column, text = BAD[name]
    with pytest.raises(FateDataError) as caught:
        check(content, **meta)
    assert text.lower() in str(caught.value).lower()
    assert (caught.value.row, caught.value.column) == (row, column)
    assert caught.value.hint


def test_the_clients_meta_data_is_what_is_checked_by(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("id,y,x\na,1,2\n")
    assert check_csv(path, meta=UploadMeta(match_id_name="id", label_name="y")).features == ("x",)


def test_a_guest_may_have_an_id_twice_if_that_is_meant(check: Check) -> None:
    assert check("id,x\na,1\na,2\n", allow_duplicate_ids=True).rows == 2


def test_sample_ids_are_unique_whatever_is_meant(check: Check) -> None:
    text = "sid,id,x\ns,a,1\ns,b,2\n"
    with pytest.raises(FateDataError, match="'s' stands in line 2"):
        check(text, sample_id_name="sid", allow_duplicate_ids=True)
    assert check("sid,id,x\ns,a,1\nt,a,2\n", sample_id_name="sid").rows == 2


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    with path.open("w") as file:
        file.write("id,x0,x1,x2\n")
        file.writelines(f"person-{number:012d},{number}.5,1e-3,-7\n" for number in range(100_000))
    tracemalloc.start()
    assert check_csv(path, meta=Meta()).rows == 100_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3_000_000  # 8 bytes a row for the ids, and some for sorting them


def as_fate_reads(text: str, delimiter: str) -> list[dict[str, str]]:
    """What FATE 2.2 makes of a file: its uploader's and reader's way of cutting lines, retold."""
    header, *lines = text.split("\n")[:-1]
    names = header.strip().split(delimiter)
    return [dict(zip(names, line.rstrip().split(delimiter), strict=False)) for line in lines]


CELL = st.text(alphabet='ab1.,;" \t-\r', max_size=4) | st.floats(allow_nan=False, width=32).map(repr)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(st.tuples(st.text(alphabet='abc "', max_size=3), CELL, CELL), min_size=1, max_size=4),
    delimiter=st.sampled_from([",", ";", "\t"]),
)
def test_a_file_that_passes_is_read_by_fate_as_it_was_written(
    check: Check, rows: list[tuple[str, str, str]], delimiter: str
) -> None:
    text = "".join(delimiter.join(cells) + "\n" for cells in [("id", "x0", "x1"), *rows])
    try:
        summary = check(text, delimiter=delimiter)
    except FateDataError:
        return
    read = as_fate_reads(text, delimiter)
    assert summary.rows == len(read) == len(rows)
    for written, found in zip(rows, read, strict=True):
        assert found["id"] == written[0]
        assert [float(found["x0"]), float(found["x1"])] == [float(written[1]), float(written[2])]
    assert len({row[0] for row in rows}) == len(rows)
