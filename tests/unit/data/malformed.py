"""Sources that FATE would refuse late or, worse, misread silently; what is said of each; used by several tests."""

from __future__ import annotations

import gzip
import io
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

HEADER = "id,y,a\n"
GOOD = "".join(f"{i},{i % 2},{i}.5\n" for i in range(1, 10))


@dataclass(frozen=True)
class Malformed:
    """One bad source.

    :param says: regular expression that the error matches.
    :param arguments: of the operator, besides ``label="y"``.
    """

    name: str
    content: bytes
    says: str
    arguments: dict[str, Any] = field(default_factory=dict)


def _csv(name: str, text: str, says: str, **arguments: Any) -> Malformed:
    return Malformed(name, text.encode(), says, arguments)


def _parquet(name: str, columns: dict[str, Any], says: str) -> Malformed:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return Malformed(name, out.getvalue(), says)


MALFORMED = (
    _csv("an empty file", "", "is empty"),
    _csv("a header only", HEADER, "has no rows"),
    _csv("blank lines only", "\n\n\n", "has no header"),
    _csv("another delimiter", "id;y;a\n1;0;1\n", "separated by a semicolon and not by a comma"),
    _csv("a comma inside an id", HEADER + '"a,b",0,1\n', "row 1: the id .*'id' has a comma inside"),
    _csv("a line break inside an id", HEADER + '"a\nb",0,1\n', "row 1: the id .*'id' has a line break inside"),
    _csv("a NUL inside an id", HEADER + "a\0b,0,1\n", "row 1: .* control character"),
    _csv("a quote that is never closed", HEADER + GOOD + '10,1,"1.5\n', "row 10: .*'a' has a line break inside"),
    _csv("too few values", HEADER + GOOD + "10,1\n", "row 10 .* has 2 values for 3 columns"),
    _csv("too many values", HEADER + GOOD + "10,1,2,3\n" + GOOD, "row 10 .* has 4 values for 3 columns"),
    _csv("an id twice", HEADER + GOOD + "3,1,1\n", "rows 3 and 10 have the same id in column 'id'"),
    _csv("an empty id", HEADER + GOOD + ",1,1\n", "row 10: the id of column 'id' is empty"),
    _csv("spaces around an id", HEADER + GOOD + " 10,1,1\n", "row 10: the id .* has white space around it"),
    _csv(
        "ids that pandas took for numbers",
        HEADER + "1.0,0,1\n2.0,1,1\n",
        r"row 1: the id .*\.0, as pandas.*\n.*float_ids",
    ),
    _csv("no id column", "ID,y,a\n1,0,1\n", "no column 'id'.*\n.*Did you mean 'ID'"),
    _csv("no label column", "id,z,a\n1,0,1\n", "no column 'y', which label names"),
    _csv("the same name twice", "id,y,a,a\n1,0,1,1\n", "two columns are named 'a'"),
    _csv("a column without a name", "id,y,\n1,0,1\n", "column 3 has no name"),
    _csv("a name with spaces", "id,y,a \n1,0,1\n", "the name 'a ' has spaces around it"),
    _csv("a name with a comma", 'id,y,"a,b"\n1,0,1\n', "the name 'a,b' has a comma"),
    _csv("FATE's own column", "id,y,extend_sid\n1,0,1\n", "FATE adds a column 'extend_sid'"),
    _csv("a word for a number", HEADER + GOOD + "10,1,abc\n", "row 10: the value 'abc' of column 'a' is not a number"),
    _csv("a decimal comma", HEADER + GOOD + '10,1,"1,5"\n', "row 10: the value '1,5' of column 'a' is not a number"),
    _csv("an unknown word for missing", HEADER + GOOD + "10,1,NA\n", r"row 10: .*\n.*na_values=\['NA'\]"),
    _csv("infinity", HEADER + GOOD + "10,1,inf\n", "row 10: the value 'inf' of column 'a' is infinite"),
    _csv("a number too large", HEADER + GOOD + "10,1,1e39\n", "row 10: .* too large for FATE's numbers"),
    _csv("a missing label", HEADER + GOOD + "10,,1\n", "row 10: the value of column 'y' is missing"),
    _csv(
        "a label that is a word", HEADER + GOOD + "10,yes,1\n", "row 10: the value 'yes' of column 'y' is not a whole"
    ),
    _csv(
        "a label with decimals", HEADER + GOOD + "10,0.5,1\n", "row 10: the value '?0.5'? of column 'y' is not a whole"
    ),
    _csv("a hexadecimal label", HEADER + GOOD + "10,0x1,1\n", "row 10: the value '0x1' of column 'y' is not a whole"),
    _csv("a label that is always the same", HEADER + "1,1,1\n2,1,2\n", "the label 'y' is 1 in all 2 rows"),
    _csv("a whole number too large", HEADER + "1,0,1\n2,1,3000000000\n", "row 2: .*int32", dtype="int32"),
    _csv("a text with a space at its end", HEADER + "1,0,x\n2,1,y \n", "row 2: .*ends with white space", dtype="str"),
    _csv("a delimiter of two characters", HEADER + GOOD, "delimiter='::' is not one character", delimiter="::"),
    _csv("an unknown encoding", HEADER + GOOD, "encoding='klingon' is not an encoding", encoding="klingon"),
    _csv("a column that is not there", HEADER + GOOD, "no column 'b', which columns names", columns=["a", "b"]),
    Malformed("bytes that are not UTF-8", (HEADER + GOOD).encode() + b"\xe9,1,1\n", "row 10: column 'id' is not UTF-8"),
    Malformed("UTF-16", (HEADER + GOOD).encode("utf-16"), "is UTF-16 text"),
    Malformed("a ZIP archive", b"PK\x03\x04" + bytes(100), "is a ZIP archive or an Excel file"),
    Malformed("a gzip file that breaks off", gzip.compress((HEADER + GOOD * 1).encode())[:-12], "damaged"),
    Malformed("a Parquet file that breaks off", b"PAR1" + bytes(60), "is a damaged Parquet file"),
    _parquet("decimal ids", {"id": [1.0, 2.0], "y": [0, 1], "a": [1, 2]}, "'id' is a column of double"),
    _parquet("missing ids", {"id": ["1", None], "y": [0, 1], "a": [1, 2]}, "row 2: the id of column 'id' is missing"),
    _parquet("lists", {"id": ["1", "2"], "y": [0, 1], "a": [[1], [2]]}, "column 'a' holds list.* cannot be a feature"),
)
