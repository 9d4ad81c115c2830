"""Whatever a CSV file holds, FATE gets what is in it, or nothing."""

from __future__ import annotations

import csv
import io
import math

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from airflow_provider_fate.data.shape import Shape
from airflow_provider_fate.data.source import FileSource
from airflow_provider_fate.data.stream import TableStream
from airflow_provider_fate.errors import FateInputError

# Mostly what tables hold, and everything that could be cut, stripped or taken for something else.
ODD_NUMBERS = st.sampled_from(
    [
        "NaN",
        "nan",
        "-inf",
        "0x10",
        "1_0",
        "\t1",
        "1,5",
        "NA",
        "\u0661",
        "1e39",
        "-nan",
        "1\n",
        '"',
        "1 2",
        "1\x1f",
        "\xa01",
    ]
)
PLAIN_NUMBERS = st.one_of(
    st.floats(allow_infinity=False, allow_nan=False, width=32).map(str),
    st.integers(-(10**12), 10**12).map(str),
    st.sampled_from(["", "+1", " 2", "2 ", "1e5", ".5", "5.", "-0", "+.5", "007"]),
)
TEXT = st.text(st.characters(codec="utf-8"), max_size=6)
PLAIN_IDS = st.one_of(st.integers(0, 99_999).map(str), st.text("abcé-_.'\"/", min_size=1, max_size=8))
ODD_IDS = st.one_of(st.sampled_from(["", "b ", " c", "d\ne", "f,g", "\u2028", "\x85", "\x1c", "a;b", "a\tb"]), TEXT)
PLAIN_LABELS = st.sampled_from(["0", "1", "0.0", " 1", "1e0", "-1", "+1", "2"])
ODD_LABELS = st.one_of(st.sampled_from(["", "1\x1c", "yes", "0x1", "0.5", "3000000000"]), TEXT)
NAMES = st.sampled_from(["a", "b", "x1", "x 2", "é", "X1"])
ODD_NAMES = st.one_of(st.sampled_from(["id", "extend_sid", " c", "d,e", "", 'q"', "\x85"]), TEXT)


@st.composite
def tables(draw):
    def seldom():
        return draw(st.integers(0, 9)) == 0

    names = ["id", "y", *draw(st.lists(NAMES, max_size=4, unique=True))]
    if seldom():
        names.append(draw(ODD_NAMES))
    ids = draw(st.lists(PLAIN_IDS, max_size=8, unique=not seldom()))
    rows = [[key, draw(PLAIN_LABELS), *(draw(PLAIN_NUMBERS) for _ in names[2:])] for key in ids]
    if rows and draw(st.integers(0, 2)) == 0:
        row = draw(st.sampled_from(rows))
        place = draw(st.integers(0, len(names) - 1))
        row[place] = draw([ODD_IDS, ODD_LABELS, ODD_NUMBERS][min(place, 2)])
    if rows and seldom():
        rows[-1] = rows[-1][: draw(st.integers(0, len(names)))] + draw(st.lists(TEXT, max_size=2))
    out = io.StringIO()
    delimiter = draw(st.sampled_from(",;\t"))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=draw(st.sampled_from(["\n", "\r\n"])))
    writer.writerows([names, *rows])
    return delimiter, draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + out.getvalue().encode("utf-8")


def read_as_fate_does(content: bytes) -> list[list[str]]:
    """FATE 2.2: lines of a file in text mode, stripped at their end, cut at each delimiter."""
    return [line.rstrip().split(",") for line in io.TextIOWrapper(io.BytesIO(content), "utf-8")]


def meant(delimiter: str, content: bytes) -> list[list[str]]:
    """What the rest of the world reads."""
    text = content.decode("utf-8-sig")
    return [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]


def same_number(text: str, written: str) -> bool:
    if not text.strip() or text.strip().lower() in ("nan", "+nan", "-nan"):
        return written == "NaN"
    return not math.isnan(float(written)) and float(text) == float(written)


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(tables())
@example((",", b"id,y\n0,0\x1f\n"))
@example((",", b"id,y,x\n0,0,1.5\x1c\n"))
def test_a_csv_file_round_trips_or_is_refused_but_never_changed(table):
    delimiter, content = table
    source = FileSource(lambda _: io.BytesIO(content), "generated", delimiter)
    made = TableStream(source, Shape(label="y"), varied_label=False)
    try:
        # Without the thread of its own, which is tested elsewhere and costs more than all the rest.
        written = b"".join(made._pieces())
    except FateInputError:
        return
    (names, *rows), expected = read_as_fate_does(written), meant(delimiter, content)
    # Ids and label come first.
    order = [expected[0].index(name) for name in names]
    assert names[:2] == ["id", "y"]
    assert sorted(order) == list(range(len(expected[0])))
    assert len(rows) == len(expected) - 1
    for row, values in zip(rows, expected[1:], strict=True):
        assert len(row) == len(names)
        assert row[0] == values[order[0]]
        assert int(row[1]) == float(values[order[1]])
        for written_value, place in zip(row[2:], order[2:], strict=True):
            assert same_number(values[place], written_value)
