import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_fate.data.contract import Contract
from airflow_provider_fate.data.convert import NumberFormat
from airflow_provider_fate.data.ids import IdRule
from airflow_provider_fate.data.shape import Shape
from airflow_provider_fate.data.source import FileSource
from airflow_provider_fate.data.stream import TableStream
from airflow_provider_fate.errors import FateDataError, FateInputError


def written(content, shape, delimiter=";"):
    source = FileSource(lambda _: io.BytesIO(content), "f", delimiter)
    return [line.split(",") for line in b"".join(map(bytes, TableStream(source, shape))).decode().splitlines()[1:]]


def table(**columns):
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def test_numbers_with_a_decimal_comma_and_thousands_are_read_as_declared():
    content = b"id;a;b\n1;1,5;1.234\n2;-1.234,25;\n3; NaN;+7\n"
    shape = Shape(dtype={"a": "float32", "b": "float64"}, number_format=NumberFormat(",", "."))
    assert written(content, shape) == [["1", "1.5", "1234"], ["2", "-1234.25", "NaN"], ["3", "NaN", "7"]]


@pytest.mark.parametrize("value", ["1.5", "12.34", "1.2345", "1,5,5", "x"])
def test_a_number_that_is_not_written_as_declared_is_refused(value):
    shape = Shape(number_format=NumberFormat(",", "."))
    with pytest.raises(FateDataError, match=rf"row 2: the value '{value}' .* decimal=',' and thousands='\.'"):
        written(f"id;a\n1;2\n2;{value}\n".encode(), shape)


@pytest.mark.parametrize(("decimal", "thousands"), [(";", ""), (",", ","), (".", "x")])
def test_a_writing_of_numbers_that_cannot_be_is_refused(decimal, thousands):
    with pytest.raises(FateInputError, match=r"decimal|thousands"):
        NumberFormat(decimal, thousands)


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ({"no": 0, "yes": 1}, ("no", "yes")),
        ({False: 0, True: 1}, ("No", "YES")),
        ({-1: 0, 1: 1}, ("-1", "1.0")),
        ({1: 0, 2: 1}, ("1", "2")),
    ],
)
def test_words_and_other_numbers_become_the_labels_that_fate_knows(values, texts):
    content = f"id;y;a\n1;{texts[0]};1\n2;{texts[1]};2\n".encode()
    assert written(content, Shape(label="y", label_values=values)) == [["1", "0", "1"], ["2", "1", "2"]]


def test_a_word_that_was_not_declared_is_named_with_its_row():
    with pytest.raises(FateDataError, match=r"row 3: the value 'maybe' of column 'y' is not one of .*'no', 'yes'"):
        written(b"id;y;a\n1;no;1\n2;yes;1\n3;maybe;1\n", Shape(label="y", label_values={"no": 0, "yes": 1}))


def test_numbers_and_booleans_of_columnar_files_are_converted_too():
    content = table(id=["1", "2"], y=[-1.0, 1.0], a=[True, None])
    assert written(content, Shape(label="y", label_values={-1: 0, 1: 1}, dtype="bool")) == [
        ["1", "0", "1"],
        ["2", "1", "NaN"],
    ]


def test_true_and_false_and_yes_and_no_become_1_and_0():
    content = b"id;a;b\n1;True;no\n2;false;\n"
    assert written(content, Shape(dtype="bool")) == [["1", "1", "0"], ["2", "0", "NaN"]]


def test_dates_become_days():
    content = b"id;a;b\n1;2026-01-31;31.01.1970\n2;2026-02-01T12:00:00;1.2.1970\n"
    shape = Shape(dtype={"a": "date", "b": "date:%d.%m.%Y"})
    assert shape.fate_dtype == {"a": "float32", "b": "float32"}
    assert written(content, shape) == [["1", "20484", "30"], ["2", "20485", "31"]]
    some = pa.array([20484 * 86400, None], pa.timestamp("s"))
    assert written(table(id=["1", "2"], a=some), Shape(dtype="date")) == [["1", "20484"], ["2", "NaN"]]
    with pytest.raises(FateDataError, match=r"row 1: the value '31\.02\.2026' .* written as %d\.%m\.%Y"):
        written(b"id;a\n1;31.02.2026\n", Shape(dtype="date:%d.%m.%Y"))


def test_a_contract_declares_the_same():
    contract = Contract.parse(
        "label: {name: y, map: {no: 0, yes: 1}}\ndecimal: ','\nthousands: '.'\ncolumns:\n  - {name: a, max: 2000}\n"
        "  - {name: b, type: bool}\n  - {name: c, type: 'date:%d.%m.%Y'}\n"
    )
    shape = Shape.of_contract(contract)
    content = b"id;y;a;b;c\n1;no;1.234,5;yes;02.01.1970\n2;yes;1;no;03.01.1970\n"
    assert written(content, shape) == [["1", "0", "1234.5", "1", "1"], ["2", "1", "1", "0", "2"]]


def test_the_way_out_is_named_where_a_conversion_would_help():
    for value, way in [
        ("1,5", r"Csv\(decimal=','\)"),
        ("1,234,567", r"Csv\(thousands=','\)"),
        ("True", "'a': 'bool'"),
        ("2026-01-31", "'a': 'date'"),
    ]:
        with pytest.raises(FateDataError, match=way):
            written(f"id;a\n1;{value}\n".encode(), Shape())
    with pytest.raises(FateDataError, match="strip_ids=True"):
        written(b"id;a\n1 ;2\n", Shape())


def test_ids_that_pandas_took_for_numbers_are_refused_stripped_or_kept():
    content = b"id;a\n1.0;2.0\n-2.0;3.0\n"
    for unique in (True, False):  # plain lines are sent as they are, and this is seen there, too
        source = FileSource(lambda _: io.BytesIO(content), "f", ";")
        with pytest.raises(FateDataError, match=r"row 1: the id .* written with \.0(?s:.*)float_ids='strip'"):
            TableStream(source, Shape(), unique_ids=unique).run()
    assert [row[0] for row in written(content, Shape(ids=IdRule(floats="strip")))] == ["1", "-2"]
    assert [row[0] for row in written(content, Shape(ids=IdRule(floats="keep")))] == ["1.0", "-2.0"]
    numbers = table(id=[1.0, 17.0], a=[1, 2])
    assert [row[0] for row in written(numbers, Shape(ids=IdRule(floats="strip")))] == ["1", "17"]
    with pytest.raises(FateDataError, match=r"row 2: the id .* not a whole number"):
        written(table(id=[1.0, 17.5], a=[1, 2]), Shape(ids=IdRule(floats="strip")))


@pytest.mark.parametrize(("labels", "warns"), [((-1, 1), True), ((1, 2), True), ((0, 1), False), ((0, 2), False)])
def test_labels_that_a_binary_training_refuses_are_told_with_the_way_out(labels, warns, caplog):
    written(f"id;y;a\n1;{labels[0]};1\n2;{labels[1]};2\n".encode(), Shape(label="y"))
    assert (f"label_values={{{labels[0]}: 0, {labels[1]}: 1}}" in caplog.text) == warns
