"""CSV files are cut where their lines end, however large, and however they are written."""

from __future__ import annotations

import csv
import io

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_fate.data.source import FileSource, Lines, delimited, faults
from airflow_provider_fate.errors import FateDataError


@pytest.fixture
def small_blocks(monkeypatch):
    """Files of some lines have several blocks."""
    for module in (delimited, faults):
        monkeypatch.setattr(module, "BLOCK", 64)


def read(content, delimiter=","):
    """The rows, and how many of them were lines as they are."""
    head, *items = FileSource(lambda _: io.BytesIO(content), "f.csv", delimiter).batches(None)
    rows, plain = [], 0
    for item in items:
        batch = item.parse(len(rows)) if isinstance(item, Lines) else item
        plain += batch.num_rows if isinstance(item, Lines) else 0
        rows += [[value.decode() for value in row.values()] for row in batch.to_pylist()]
    return head.schema.names, rows, plain


def numbered(count, end="\n"):
    return "".join(f"{n},value-{n}{end}" for n in range(count)).encode()


EXPECTED = [[str(n), f"value-{n}"] for n in range(50)]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("cut", [0, 1, 2])
def test_plain_lines_are_not_parsed(small_blocks, end, mark, cut):
    content = mark + f"a,b{end}".encode() + numbered(50, end)
    assert read(content[: len(content) - min(cut, len(end))]) == (["a", "b"], EXPECTED, 50)


def test_old_line_ends_and_empty_lines_are_understood(small_blocks):
    assert read(b"a,b\r" + numbered(50, "\r")) == (["a", "b"], EXPECTED, 0)
    assert read(b"\n\na,b\n\n" + numbered(50, "\n\n\r\n"))[1] == EXPECTED
    assert read(b"a,b\n")[1] == []
    assert read(b"a,b")[1] == []
    assert read(b"a,b\n\n\n")[1] == []


@pytest.mark.parametrize("where", range(0, 50, 7))
def test_from_the_first_quote_on_lines_are_parsed(small_blocks, where):
    lines = numbered(50).splitlines(keepends=True)
    lines[where] = f'{where},"a ""quoted"" value,\nin two lines"\n'.encode()
    expected = [*EXPECTED[:where], [str(where), 'a "quoted" value,\nin two lines'], *EXPECTED[where + 1 :]]
    names, rows, plain = read(b'"a",b\n' + b"".join(lines))
    assert (names, rows) == (["a", "b"], expected)
    assert plain <= where


@pytest.mark.parametrize("quoted_row", [None, 0, 9, 30])
@pytest.mark.parametrize("bad_row", [1, 8, 29, 48])
def test_a_ragged_row_is_named(small_blocks, quoted_row, bad_row):
    lines = numbered(50).splitlines(keepends=True)
    if quoted_row is not None:
        lines[quoted_row] = b'q,"a\nb"\n'
    lines[bad_row] = b"\n1,2,3\n"  # an empty line is no row
    with pytest.raises(FateDataError, match=rf"^row {bad_row + 1} of f.csv has 3 values for 2 columns") as caught:
        read(b"a,b\n\n" + b"".join(lines))
    assert caught.value.row == bad_row + 1


@pytest.mark.parametrize("value", ["x" * 200, '"' + "x" * 200, "x" * 50 + "\r" + "x" * 200])
def test_a_row_may_not_be_longer_than_a_block(small_blocks, value):
    with pytest.raises(FateDataError, match=r"^f.csv has a row of more than 0 KiB"):
        read(b"a,b\n" + numbered(3) + f"9,{value}\n".encode() + numbered(3))


def test_a_header_with_a_line_break(small_blocks):
    assert read(b'"a\nb",c\n' + numbered(50)) == (["a\nb", "c"], EXPECTED, 50)


VALUES = st.text(st.sampled_from('ab1 é",;\n'), max_size=12)


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(VALUES, VALUES), max_size=12),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_it_is_read_as_python_reads_it(small_blocks, rows, end, quoting):
    out = io.StringIO()
    csv.writer(out, lineterminator=end, quoting=quoting).writerows([("a", "b"), *rows])
    assert read(out.getvalue().encode())[1] == [list(row) for row in rows]


def test_a_batch_of_nothing_has_its_columns():
    batch = Lines(b"\n", ["a", "b"], ",", "f.csv").parse(0)
    assert isinstance(batch, pa.RecordBatch)
    assert (batch.num_rows, batch.schema.names) == (0, ["a", "b"])
