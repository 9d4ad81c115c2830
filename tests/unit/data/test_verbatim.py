"""Lines that are sent as they are would have become the same if they had been parsed and written anew."""

from __future__ import annotations

import io

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_fate.data.contract import Contract
from airflow_provider_fate.data.ids import IdRule
from airflow_provider_fate.data.shape import Shape
from airflow_provider_fate.data.source import FileSource, Lines
from airflow_provider_fate.data.verbatim import Verbatim
from airflow_provider_fate.data.writer import Writer
from airflow_provider_fate.errors import FateInputError
from tests.unit.data.test_csv_property import tables

NAMES = ("id", "y", "x")


def found(text, shape=None, names=NAMES, delimiter=",", unique=(0,)):
    columns = (shape or Shape(label="y")).fit(names)
    return Verbatim(columns, unique).find(Lines(text.encode(), names, delimiter, "test"))


def anew(lines, columns, unique=(0,)):
    """The same by way of Arrow."""
    return Writer(columns, unique, None).write(lines.parse(0))


GOOD = ["0", "-1", "1.5", "-0.25", "5.", "007", "1e5", "1E-7", "2.5e+19", "123456789012345678.25", "NaN", "1e-400"]


@pytest.mark.parametrize("number", GOOD)
def test_a_plain_number_stays_as_it_is(number):
    text = f"p1,1,{number}\np2,0,1\n"
    lines = found(text)
    assert lines is not None
    assert (lines.data.decode(), lines.rows, lines.ids[0].to_pylist()) == (text, 2, ["p1", "p2"])


@pytest.mark.parametrize(
    "number",
    [
        " 1", "1 ", "+1", ".5", "nan", "NA", "inf", "-inf", "1e39", "1e20", "1.5.2", "1-2", "--1", "0x10", "1_0",
        "e5", "1e", "-", "1,2", "\u0661", "9" * 39,
    ],
)  # fmt: skip
def test_any_other_number_gets_a_closer_look(number):
    assert found(f"p1,1,2\np2,0,{number}\n") is None


@pytest.mark.parametrize("label", ["1.0", "01", "-0", "+1", "", "NaN", "1e0", "3000000000", "1 "])
def test_only_a_whole_number_as_fate_gets_it_is_a_label(label):
    assert found(f"p1,{label},2\n") is None


@pytest.mark.parametrize("key", ["", " a", "a b", "é", 'a"b', "a\tb", "a\x7f", "a\x00"])
def test_an_id_of_other_letters_gets_a_closer_look(key):
    assert found(f"{key},1,2\n") is None


@pytest.mark.parametrize(
    "text", ["p1,1\n", "p1,1,2,3\n", "p1,1,2\n\np2,0,1\n", "\n", "p1,1,2", "p1,1,2\np2,1\np3,1,2,3\n"]
)
def test_lines_that_are_no_rows_get_a_closer_look(text):
    assert found(text) is None


def test_other_delimiters_become_commas():
    lines = found("p;1;2.5\n", delimiter=";")
    assert lines is not None
    assert lines.data == b"p,1,2.5\n"
    assert found("p;1;2,5\n", delimiter=";") is None


@pytest.mark.parametrize(
    "shape",
    [
        Shape(label="y", ids=IdRule(salt="s")),
        Shape(label="y", ids=IdRule(case="lower")),
        Shape(label="y", na_values=("-999",)),
        Shape(match_id="y"),
    ],
)
def test_what_is_to_be_changed_is_not_left_as_it_is(shape):
    assert found("p1,1,2.5\n", shape) is None


def test_words_for_missing_values_that_are_no_numbers_do_not_matter():
    assert found("p1,1,2.5\n", Shape(label="y", na_values=("NA", "?")))
    assert found("p1,1,NA\n", Shape(label="y", na_values=("NA", "?"))) is None


def test_gaps_are_filled():
    names = ("id", "y", "a", "b", "c")
    lines = found("p1,1,,,\np2,0,1,,2\np3,0,,1,NaN\n", names=names)
    assert lines is not None
    assert lines.data == b"p1,1,NaN,NaN,NaN\np2,0,1,NaN,2\np3,0,NaN,1,NaN\n"
    assert lines.ids[0].to_pylist() == ["p1", "p2", "p3"]
    assert found("p1,,1,2,3\n", names=names) is None
    assert found(",1,1,2,3\n", names=names) is None
    assert found("p1,1,1,,x\n", names=names) is None


CONTRACT = """
match_id: {name: id, pattern: "p[0-9]+"}
label: y
columns:
  - {name: x, min: 0, max: 10, max_missing: 0.5}
  - {name: n, type: int32, values: [1, 2, 30]}
  - {name: t, type: str, pattern: "[a-z]+"}
"""


@pytest.mark.parametrize(
    ("row", "good"),
    [
        ("p1,1,0,1,a", True),
        ("p1,1,10.0,30,abc", True),
        ("q1,1,5,1,a", False),
        ("p1,1,10.5,1,a", False),
        ("p1,1,-1e-9,1,a", False),
        ("p1,1,5,3,a", False),
        ("p1,1,5,1,A", False),
        ("p1,1,NaN,1,a", False),  # is counted
        ("p1,1,,1,a", False),
    ],
)
def test_a_contract_is_kept(row, good):
    shape = Shape.of_contract(Contract.parse(CONTRACT, "test"))
    lines = found(f"p0,0,1,2,b\n{row}\n", shape, ("id", "y", "x", "n", "t"), unique=())
    assert (lines is not None) == good


def test_ids_are_found_in_any_column():
    names = ("sid", "id", "x")
    shape = Shape(sample_id="sid")
    lines = found("1,a,2\n22,bb,3\n", shape, names, unique=(0, 1))
    assert lines is not None
    assert {index: ids.to_pylist() for index, ids in lines.ids.items()} == {0: ["1", "22"], 1: ["a", "bb"]}
    only = found("1\n22\n", Shape(), ("id",))
    assert only is not None
    assert only.ids[0].to_pylist() == ["1", "22"]


@pytest.mark.parametrize("width", [1, 49, 50, 51, 300, 498])
def test_tables_may_be_wide(width):
    names = ("id", "y", *(f"x{i}" for i in range(width)))
    row = ",".join(["p1", "1", *(["1.5"] * width)]) + "\n"
    assert found(row * 20, names=names)
    assert found(row * 20 + row.replace(",1.5\n", "\n"), names=names) is None


def test_tables_may_be_too_wide():
    names = ("id", *(f"x{i}" for i in range(500)))
    assert found(",".join(["p", *(["1"] * 500)]) + "\n", Shape(), names) is None


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(tables())
def test_what_is_left_as_it_is_would_have_been_written_so(table):
    delimiter, content = table
    try:
        head, *blocks = FileSource(lambda _: io.BytesIO(content), "generated", delimiter).batches(None)
        assert isinstance(head, pa.RecordBatch)
        columns = Shape(label="y").fit(head.schema.names)
    except FateInputError:
        return
    for lines in blocks:
        if isinstance(lines, Lines) and (good := Verbatim(columns, (0,)).find(lines)):
            written = anew(lines, columns)
            assert bytes(written.data) == good.data
            assert (written.rows, written.ids[0].to_pylist()) == (good.rows, good.ids[0].to_pylist())


NUMBERS = st.floats(width=32, allow_infinity=False, allow_nan=False).map(str)
ROWS = st.lists(
    st.tuples(
        st.from_regex(r"[!#-+\--~]{1,5}", fullmatch=True),
        st.sampled_from(["0", "1", "-2", "17"]),
        st.one_of(st.sampled_from([*GOOD, ""]), NUMBERS),
    ),
    min_size=1,
    max_size=6,
)


@settings(deadline=None)
@given(ROWS)
def test_plain_rows_are_written_so(rows):
    lines = Lines("".join(",".join(row) + "\n" for row in rows).encode(), NAMES, ",", "test")
    columns = Shape(label="y").fit(NAMES)
    good = Verbatim(columns, (0,)).find(lines)
    if good is None:
        assert any(abs(float(row[2] or 0)) > 1e19 for row in rows)
        return
    assert good.data == bytes(anew(lines, columns).data)
    assert good.data == lines.data or any(not row[2] for row in rows)


@pytest.mark.parametrize("number", [number for number in GOOD if float(number) < 1e9 or number == "NaN"])
def test_numbers_are_compared_with_a_contract_however_they_are_written(number):
    shape = Shape.of_contract(Contract.parse("columns: [{name: x, min: -5, max: 1.0e+9}]", "test"))
    assert found(f"p1,{number}\n", shape, ("id", "x"))
    shape = Shape.of_contract(Contract.parse("columns: [{name: x, min: -5, values: [7]}]", "test"))
    assert (found(f"p1,{number}\n", shape, ("id", "x")) is not None) == (number in ("007", "NaN"))
