import gzip
import io
import json
import math
import struct
import subprocess
import sys
import tarfile

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_fate.data import output, output_contents
from airflow_provider_fate.data.output import read_batches
from airflow_provider_fate.data.output_contents import OutputTable, inspect_archive
from airflow_provider_fate.data.output_text import Protection, line_blocks
from airflow_provider_fate.errors import FateArchiveError, FateDataError, FateInputError

PREDICTION = {
    "extend_sid": "index",
    "id": "index",
    "label": "int32",
    "predict_score": "object",
    "predict_result": "int32",
    "predict_detail": "np_object",
    "type": "np_object",
}
DETAIL = "\"{'0': 0.4117218852043152, '1': 0.5882781147956848}\""


def described(types, count):
    """FATE-Flow's description of a table."""
    fields = [{"name": name, "dtype": kind, "property": "column"} for name, kind in types.items()]
    return OutputTable.of({"schema_meta": {"fields": fields}, "type": "fate.arch.dataframe"}, count)


def packed(path, header, lines, *, member="data/0", header_line=True):
    text = "".join(f"{line}\n" for line in ([",".join(header)] if header_line else []) + lines)
    with tarfile.open(path, "w:gz") as tar:
        files = {f"{member}.csv": text.encode(), f"{member}.meta": json.dumps({"header": header}).encode()}
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def rows(tmp_path, types, lines, columns=None, **kwargs):
    path = packed(tmp_path / "a.tar.gz", list(types), lines, **kwargs)
    table = described(types, len(lines))
    schema, batches = read_batches(path, table, inspect_archive(path, table), columns=columns)
    read = pa.Table.from_batches(batches, schema)
    read.validate(full=True)
    return read


# --- types ------------------------------------------------------------------------------------------------------------


def test_columns_keep_their_names_and_get_the_types_of_fate(tmp_path):
    kinds = ("index", "int32", "int64", "float32", "float64", "bool", "np_object")
    types = {f"Spalte {kind}-ü": kind for kind in kinds}
    table = rows(tmp_path, types, [f"007,1,{2**40},0.1,0.1,True,text"])
    assert table.schema.names == list(types)
    assert list(map(str, table.schema.types)) == ["string", "int32", "int64", "float", "double", "bool", "string"]
    assert list(table.to_pylist()[0].values()) == ["007", 1, 2**40, pytest.approx(0.1), 0.1, True, "text"]


@given(st.floats(width=32, allow_nan=False))
def test_a_float32_comes_back_bit_for_bit(value):
    # FATE writes it as Python writes the double of the same value.
    read = pa.array([str(value)]).cast(pa.float32())[0].as_py()
    assert struct.pack("f", read) == struct.pack("f", value)


def test_numbers_may_be_missing_or_infinite(tmp_path):
    lines = ["a,1.5", "b,nan", "c,inf", "d,-inf", "e,1e-05"]
    table = rows(tmp_path, {"id": "index", "x": "float64"}, lines)
    assert table["x"].to_pylist() == [1.5, None, math.inf, -math.inf, 1e-05]


def test_an_id_that_reads_like_missing_is_an_id(tmp_path):
    lines = ["nan,1", "None,2", ",3", "007,4", '"quoted",5', "Ünal,6"]
    table = rows(tmp_path, {"id": "index", "x": "int32"}, lines)
    assert table["id"].to_pylist() == ["nan", "None", "", "007", '"quoted"', "Ünal"]


def test_a_table_without_a_schema_is_text(tmp_path):
    path = packed(tmp_path / "a.tar.gz", ["sid", "id", "x"], ["1,a,0.5"])
    table = OutputTable.of({"delimiter": ",", "header": "sid,id,x"}, 1)
    schema, batches = read_batches(path, table, inspect_archive(path, table))
    assert pa.Table.from_batches(batches, schema).to_pylist() == [{"sid": "1", "id": "a", "x": "0.5"}]


def test_columns_can_be_chosen_and_ordered(tmp_path):
    table = rows(tmp_path, {"id": "index", "x": "int32", "y": "int32"}, ["a,1,2"], columns=["y", "id"])
    assert table.schema.names == ["y", "id"]
    assert table.to_pylist() == [{"y": 2, "id": "a"}]


@pytest.mark.parametrize(
    ("columns", "says"), [(["z"], "It has id, x"), ([], "not a list"), ("id", "not a list"), (["id", "id"], "twice")]
)
def test_columns_that_cannot_be_chosen_are_named(tmp_path, columns, says):
    with pytest.raises(FateInputError, match=says):
        rows(tmp_path, {"id": "index", "x": "int32"}, ["a,1"], columns=columns)


# --- predictions ------------------------------------------------------------------------------------------------------


def test_the_details_of_a_prediction_are_one_value_and_json(tmp_path):
    table = rows(tmp_path, PREDICTION, [f"s0,133,1,0.5882781147956848,1,{DETAIL},train_set"])
    assert table.to_pylist() == [
        {
            "extend_sid": "s0",
            "id": "133",
            "label": 1,
            "predict_score": 0.5882781147956848,
            "predict_result": 1,
            "predict_detail": '{"0": 0.4117218852043152, "1": 0.5882781147956848}',
            "type": "train_set",
        }
    ]
    json.loads(table["predict_detail"][0].as_py())


def test_a_regression_has_details_without_a_comma(tmp_path):
    types = PREDICTION | {"label": "float32", "predict_score": "float64", "predict_result": "float64"}
    table = rows(tmp_path, types, ["s0,a,3.5,0.5,0.5,\"{'predict_score': 0.5}\",train_set"])
    assert json.loads(table["predict_detail"][0].as_py()) == {"predict_score": 0.5}


def test_names_of_classes_that_leave_doubt_stay_as_fate_wrote_them(tmp_path):
    detail = "\"{'it's, he said': 0.4, 'b': 0.6}\""
    table = rows(tmp_path, PREDICTION, [f"s0,a,1,0.6,1,{detail},t", f"s1,b,1,0.6,1,{DETAIL},t"])
    assert table["predict_detail"].to_pylist() == [
        "{'it's, he said': 0.4, 'b': 0.6}",
        '{"0": 0.4117218852043152, "1": 0.5882781147956848}',
    ]


def test_lists_of_scores_are_one_value(tmp_path):
    types = {"sid": "index", "id": "index", "label": "object", "predict_score": "object", "type": "np_object"}
    table = rows(tmp_path, types, ["s0,a,[0, 1],[0.25, 0.75],t", "s1,b,[1, 0],[[0.5], [0.5, 1.0]],t"])
    assert table["predict_score"].to_pylist() == ["[0.25, 0.75]", "[[0.5], [0.5, 1.0]]"]
    assert table["label"].to_pylist() == ["[0, 1]", "[1, 0]"]
    assert table["type"].to_pylist() == ["t", "t"]


def test_scores_are_numbers_only_if_all_of_them_are(tmp_path):
    types = {"id": "index", "predict_score": "object"}
    assert rows(tmp_path, types, ["a,0.5", "b,nan", "c,1e-05"])["predict_score"].to_pylist() == [0.5, None, 1e-05]
    assert rows(tmp_path, types, ["a,0.5", "b,high"])["predict_score"].to_pylist() == ["0.5", "high"]


@given(st.lists(st.sampled_from(["a", "1", DETAIL, "[1, 2]", "", '"', "{", "]"]), max_size=60))
def test_protecting_a_text_changes_nothing_but_the_commas_inside_of_values(values):
    text = "\n".join(",".join(values[i : i + 3]) for i in range(0, len(values), 3)).encode()
    hidden = Protection(",", "predict_detail").hide(text)
    assert hidden.replace(b"\x1f", b",") == text
    assert hidden.count(b"\x1f") == sum(value.count(",") for value in values)


@given(st.lists(st.sampled_from([b"", b"a", b"\n", b"a,b\n", b"x" * 50])), st.integers(1, 40))
def test_a_text_is_cut_between_lines_only(parts, size):
    text = b"".join(parts)
    blocks = list(line_blocks(io.BytesIO(text), size))
    assert b"".join(blocks) == text
    assert all(block.endswith(b"\n") for block in blocks[:-1])
    assert all(blocks)


def test_rows_of_many_blocks_are_all_there(tmp_path, monkeypatch):
    monkeypatch.setattr(output, "BLOCK", 100)
    lines = [f"s{i},{i},1,0.5,1,{DETAIL},t" for i in range(300)]
    table = rows(tmp_path, PREDICTION, lines)
    assert table["id"].to_pylist() == [str(i) for i in range(300)]
    assert set(table["predict_detail"].to_pylist()) == {'{"0": 0.4117218852043152, "1": 0.5882781147956848}'}
    with pytest.raises(FateDataError, match=r"line 202\) has 2 values"):
        rows(tmp_path, PREDICTION, [*lines[:200], "a,b", *lines[200:]])


def test_a_prediction_with_the_stand_in_for_commas_is_refused(tmp_path):
    with pytest.raises(FateDataError, match="U\\+001F"):
        rows(tmp_path, PREDICTION, [f"s0,a\x1f,1,0.6,1,{DETAIL},t"])


# --- what cannot be read ----------------------------------------------------------------------------------------------


def test_a_text_with_a_comma_is_refused_without_showing_it(tmp_path):
    with pytest.raises(FateDataError, match="4 values for 3 columns") as e:
        rows(tmp_path, {"id": "index", "city": "np_object", "x": "int32"}, ["a,Ulm,1", "b,secret,street,2"])
    assert "line 3" in str(e.value)
    assert "secret" not in str(e.value)


def test_a_value_that_is_not_of_its_type_names_the_column(tmp_path):
    with pytest.raises(FateDataError, match=r"column 'y'.*int32") as e:
        rows(tmp_path, {"id": "index", "x": "int32", "y": "int32"}, ["a,1,2", "b,1,2.5"])
    assert e.value.column == "y"


def test_two_columns_of_one_name_are_refused(tmp_path):
    path = packed(tmp_path / "a.tar.gz", ["id", "x", "x"], ["a,1,2"])
    with pytest.raises(FateDataError, match="several columns named x"):
        inspect_archive(path, described({}, 1))


# --- counts -----------------------------------------------------------------------------------------------------------


def test_a_table_without_rows_has_its_columns(tmp_path):
    table = rows(tmp_path, {"id": "index", "x": "float32"}, [], header_line=False)
    assert (table.num_rows, table.schema.names, str(table.schema.field("x").type)) == (0, ["id", "x"], "float")


def test_a_table_without_a_header_line_loses_no_row(tmp_path):
    assert rows(tmp_path, {"id": "index", "x": "int32"}, ["a,1", "b,2"], header_line=False).num_rows == 2


@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_rows_than_the_site_says_is_damage(tmp_path, count):
    path = packed(tmp_path / "a.tar.gz", ["id", "x"], ["a,1", "b,2"])
    with pytest.raises(FateArchiveError, match=f"but the table has {count}") as e:
        inspect_archive(path, described({"id": "index", "x": "int32"}, count))
    assert e.value.damaged


def test_an_archive_of_another_table_is_told(tmp_path):
    path = packed(tmp_path / "a.tar.gz", ["id"], ["a"], member="other/3")
    with pytest.raises(FateArchiveError, match=r"lacks data/0\.csv or its \.meta; it has other/3\.csv, other/3\.meta"):
        inspect_archive(path, described({}, 1))
    assert inspect_archive(path, described({}, 1), key="other", index=3).rows == 1


@pytest.mark.parametrize("meta", [b"", b"[]", b'{"header": "id,x"}', b'{"header": []}', b"{", b'{"header": 7}'])
def test_a_description_that_names_no_columns_is_refused(tmp_path, meta):
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        for name, content in (("data/0.csv", b"id\n1\n"), ("data/0.meta", meta)):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    with pytest.raises(FateArchiveError, match="does not name the columns"):
        inspect_archive(tmp_path / "a.tar.gz", described({}, 1))


def test_a_line_that_would_fill_the_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(output_contents, "BLOCK", 300_000)
    path = packed(tmp_path / "a.tar.gz", ["id"], ["a" * 310_000])
    with pytest.raises(FateArchiveError, match="a line of more than 300,000 bytes"):
        inspect_archive(path, described({}, 1))


def test_a_bomb_of_rows_ends_at_the_rows_that_the_site_has(tmp_path):
    path = tmp_path / "a.tar.gz"
    size = 60 << 20  # so that the limits of the archive say nothing
    with gzip.open(path, "wb") as packed_file:
        info = tarfile.TarInfo("data/0.csv")
        info.size = size
        packed_file.write(info.tobuf())
        for _ in range(size // 1024):
            packed_file.write(b"\n" * 1024)
    with pytest.raises(FateArchiveError, match="has more rows, but the table has 10"):
        inspect_archive(path, described({}, 10))


MEASURE = """
import json, resource, sys
from pathlib import Path
from airflow_provider_fate.data import output
from airflow_provider_fate.data.output_contents import OutputTable, inspect_archive
from airflow_provider_fate.data.output_file import write_file

output.BLOCK = 1 << 17
types = json.loads(sys.argv[1])
meta = {"schema_meta": {"fields": [{"name": name, "dtype": kind} for name, kind in types.items()]}}
for path, rows in zip(sys.argv[2::2], map(int, sys.argv[3::2])):
    table = OutputTable.of(meta, rows)
    schema, batches = output.read_batches(Path(path), table, inspect_archive(Path(path), table))
    with open("/dev/null", "wb") as sink:
        assert write_file(sink, schema, batches, "csv").rows == rows
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_table(tmp_path):
    types = PREDICTION | {"predict_score": "float64"}
    arguments = []
    for number in (10_000, 200_000):
        lines = [f"s{i},{i},1,0.{i},1,{DETAIL},t" for i in range(number)]
        arguments += [str(packed(tmp_path / f"{number}.tar.gz", list(types), lines)), str(number)]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, json.dumps(types), *arguments],
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    small, large = map(int, done.stdout.split())
    assert large - small < 8 * 1024, "KiB, for 16 MB of text"
