import pytest

from airflow_provider_fate.data.contract import Contract
from airflow_provider_fate.data.shape import Shape
from airflow_provider_fate.data.source import FileSource
from airflow_provider_fate.data.stream import TableStream
from airflow_provider_fate.errors import FateDataError, FateInputError

CONTRACT = """
match_id: {name: id, from: customer, pattern: "[0-9]{3}"}
label: {name: y, values: [0, 1]}
rows: {min: 2, max: 4}
columns:
  - age
  - {name: income, from: INCOME, type: float64, min: 0, max: 1000, max_missing: 0.4}
  - {name: region, type: int32, values: [1, 2, 3]}
"""
GOOD = "INCOME,age,customer,region,y,more\n10,30,001,1,0,x\n,40,002,2,1,x\n20.5,50,003,3,1,x\n"


def send(tmp_path, text, contract=CONTRACT):
    file = tmp_path / "t.csv"
    file.write_text(text)
    made = TableStream(FileSource.of_path(file), Shape.of_contract(Contract.parse(contract)))
    return b"".join(made).decode()


def test_a_contract_says_which_columns_there_are_and_in_which_order(tmp_path):
    assert send(tmp_path, GOOD).splitlines() == [
        "id,y,age,income,region",
        "001,0,30,10,1",
        "002,1,40,NaN,2",
        "003,1,50,20.5,3",
    ]


def test_it_says_what_fate_is_told(tmp_path):
    shape = Shape.of_contract(Contract.parse(CONTRACT))
    assert shape.special_names == {"match_id_name": "id", "label_name": "y"}
    assert shape.dtype == {"age": "float32", "income": "float64", "region": "int32"}
    assert shape.label_type == "int32"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("001", "1", r"row 1: .*'customer'.* pattern"),
        ("20.5,50", "-20.5,50", r"row 3: the value '-20.5' of column 'INCOME' is below the contract's limit 0"),
        ("20.5,50", "2000,50", r"row 3: .* above the contract's limit 1000"),
        ("002,2,1", "002,7,1", r"row 2: the value '7' of column 'region' is not one of the contract's values"),
        ("002,2,1", "002,2,2", r"row 2: the value '2' of column 'y' is not one"),
        ("20.5,50", ",50", r"2 of 3 values of column 'INCOME' are missing \(66.7%\), and the contract allows 40.0%"),
        (GOOD[GOOD.index("\n,40") :], "\n", "has 1 rows, and the contract wants at least 2"),
        ("003,3,1,x\n", "003,3,1,x\n" + "9,30,004,1,0,x\n9,30,005,1,0,x\n", "more than 4 rows"),
        ("region", "Region", "no column 'region'.*(?s:.*)Did you mean 'Region'"),
    ],
)
def test_what_the_contract_forbids_is_refused(tmp_path, old, new, says):
    text = GOOD.replace(old, new, 1)
    assert text != GOOD
    with pytest.raises(FateDataError, match=says):
        send(tmp_path, text)


@pytest.mark.parametrize(
    ("contract", "says"),
    [
        ("[", "is not YAML"),
        ("- a", "is list, not a mapping"),
        ("columns: []", "columns"),
        ("label: y", "columns: Field required"),
        ("columns: [a, a]", "columns named twice: a"),
        ("columns: [{name: a, min: 3, max: 1}]", "min 3 is above max 1"),
        ("columns: [{name: a, mn: 3}]", r"columns.0.mn: Extra inputs"),
        ("columns: [{name: a, max_missing: 3}]", "less than or equal to 1"),
        ("rows: {min: 0}\ncolumns: [a]", "rows.min"),
    ],
)
def test_a_contract_that_cannot_be_meant_is_refused_with_its_place(contract, says):
    with pytest.raises(FateInputError, match=says):
        Contract.parse(contract, "credit.yaml")
