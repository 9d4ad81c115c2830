"""Finds lines of CSV that are the CSV that FATE understands already, and need not be written anew.

One regular expression looks at a block of lines at once: at how many values each line has, and at how each of them is
written. It knows fewer ways to write a value than :mod:`airflow_provider_fate.data.column` does; what it does not
know is left to that, to be refused or to be written anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby

import numpy as np
import numpy.typing
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from airflow_provider_fate.data.column import DELIMITER, FLOATS, INTEGERS, Column
from airflow_provider_fate.data.contract import ColumnRule
from airflow_provider_fate.data.source import Lines

__all__ = ["Verbatim", "VerbatimLines"]

Positions = np.typing.NDArray[np.int32]

# White space, non-ASCII letters and quotes can be fine, too, but that takes a closer look.
_WORD = r"[!#-+\--~]+"
# Not so large that it could be infinity for FATE: below 1e18 * 1e19, which float32 holds.
_FLOAT = r"-?[0-9]{1,18}(?:\.[0-9]*)?(?:[eE](?:-[0-9]{1,3}|\+?(?:0?[0-9]|1[0-9])))?"
_INTEGERS = {"int32": r"(?:0|-?[1-9][0-9]{0,8})", "int64": r"(?:0|-?[1-9][0-9]{0,17})"}
_MISSING = "NaN"
_MOST_COLUMNS = 500
"""The expression grows with the columns, and RE2 takes expressions up to some size."""
_MOST_REPEATED = 50


@dataclass(frozen=True)
class VerbatimLines:
    """Lines that can be sent.

    :param data: the lines.
    :param rows: how many.
    :param ids: values of columns that were asked for, by the column's position.
    """

    data: bytes = field(repr=False)
    rows: int
    ids: Mapping[int, pa.Array]


@dataclass(frozen=True)
class Verbatim:
    """What lines of a table have to look like.

    :param columns: of the table, in its order.
    :param unique: positions of columns whose values are wanted.
    """

    columns: Sequence[Column]
    unique: Sequence[int] = ()

    @cached_property
    def possible(self) -> bool:
        """Whether there can be such lines."""
        return len(self.columns) <= _MOST_COLUMNS and all(map(_possible, self.columns))

    def find(self, lines: Lines) -> VerbatimLines | None:
        """The lines as FATE understands them, if that is what they are; ``None`` if they need a closer look."""
        if not self.possible or list(lines.names) != [column.source for column in self.columns]:
            return None
        data = lines.data
        if lines.delimiter != DELIMITER:
            if DELIMITER.encode() in data:
                return None
            data = data.replace(lines.delimiter.encode(), DELIMITER.encode())
        if not _matches(data, self._pattern):
            # Lines with gaps are many or none: where there are many, the first expression soon meets one.
            if not _matches(data, self._pattern_with_gaps):
                return None
            data = _filled(data)
        ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n")).astype(np.int32)
        ids = {index: _values(data, ends, index) for index in self.unique}
        if b".0," in data and self._float_ids(data, ends, ids):
            return None
        return VerbatimLines(data, len(ends), ids) if self._kept(data, ends, ids) else None

    def _float_ids(self, data: bytes, ends: Positions, ids: Mapping[int, pa.Array]) -> bool:
        """Whether there are ids such as 17.0, which are refused."""
        for index, column in enumerate(self.columns):
            if column.kind == "id" and column.ids.floats == "refuse":
                texts = ids[index] if index in ids else _values(data, ends, index)
                if pc.any(column.ids.like_floats(texts)).as_py():
                    return True
        return False

    @cached_property
    def _pattern(self) -> str:
        return self._lines_of(_written)

    @cached_property
    def _pattern_with_gaps(self) -> str:
        return self._lines_of(lambda column: f"{_written(column)}?" if _may_miss(column) else _written(column))

    def _lines_of(self, written: Callable[[Column], str]) -> str:
        values = [written(column) for column in self.columns]
        # The same value many times in a row makes a smaller expression.
        first, rest = values[0], [(value, len(list(same))) for value, same in groupby(values[1:])]
        more = "".join(_repeated(f"{DELIMITER}{value}", times) for value, times in rest)
        return rf"\A(?:{first}{more}\n)*\z"

    def _kept(self, data: bytes, ends: Positions, ids: Mapping[int, pa.Array]) -> bool:
        """Whether the values are what a contract allows; which one is not is for others to say."""
        for index, allowed in self._patterns.items():
            texts = ids[index] if index in ids else _values(data, ends, index)
            if not pc.all(pc.match_substring_regex(texts, f"^(?:{allowed})$")).as_py():
                return False
        if not self._numbers:
            return True
        positions = [str(index) for index in range(len(self.columns))]
        numbers = pa.csv.read_csv(
            pa.BufferReader(data),
            pa.csv.ReadOptions(column_names=positions, block_size=len(data) + 1, use_threads=False),
            pa.csv.ParseOptions(quote_char=False),
            pa.csv.ConvertOptions(
                include_columns=[str(index) for index in self._numbers],
                column_types={str(index): pa.float64() for index in self._numbers},
                null_values=[],
            ),
        )
        return all(map(_allows, self._numbers.values(), numbers.columns))

    @cached_property
    def _patterns(self) -> Mapping[int, str]:
        rules = ((index, column.rule) for index, column in enumerate(self.columns))
        return {index: rule.pattern for index, rule in rules if rule and rule.pattern is not None}

    @cached_property
    def _numbers(self) -> Mapping[int, ColumnRule]:
        rules = ((index, column.rule) for index, column in enumerate(self.columns))
        return {index: rule for index, rule in rules if rule and (rule.min, rule.max, rule.values) != (None,) * 3}


def _possible(column: Column) -> bool:
    """Whether values of a column can be good as they are."""
    if column.kind == "id" and (
        column.ids.salt is not None or column.ids.case != "keep" or column.ids.floats == "strip"
    ):
        return False
    if column.converts:
        return False
    numeric = column.kind in FLOATS or column.kind in INTEGERS
    if column.rule and column.rule.pattern is not None and numeric:
        return False
    return not (numeric and any(re.fullmatch(_written(column), text) for text in column.na_values))


def _written(column: Column) -> str:
    """How values are written that FATE reads as they are meant."""
    if column.kind in INTEGERS:
        return _INTEGERS[column.kind]
    if column.kind not in FLOATS:
        return _WORD
    return f"(?:{_FLOAT}|{_MISSING})" if _may_miss(column) else f"(?:{_FLOAT})"


def _may_miss(column: Column) -> bool:
    """Whether values may be missing, and nobody counts them."""
    return column.kind in FLOATS and (column.rule is None or column.rule.max_missing is None)


def _repeated(expression: str, times: int) -> str:
    whole, rest = divmod(times, _MOST_REPEATED)
    repeated = f"(?:{expression})"
    return f"{repeated}{{{_MOST_REPEATED}}}" * whole + (f"{repeated}{{{rest}}}" if rest else "")


def _allows(rule: ColumnRule, numbers: pa.ChunkedArray) -> bool:
    found = pc.min_max(numbers).as_py()
    if rule.min is not None and found["min"] is not None and found["min"] < rule.min:
        return False
    if rule.max is not None and found["max"] is not None and found["max"] > rule.max:
        return False
    if rule.values is None:
        return True
    known = pc.is_in(numbers, value_set=pa.array(rule.values, pa.float64()))
    return bool(pc.all(pc.or_(known, pc.is_nan(numbers))).as_py())


def _matches(data: bytes, pattern: str) -> bool:
    whole = _texts(data, np.array([0, len(data)], np.int32))
    return bool(pc.match_substring_regex(whole, pattern)[0].as_py())


def _filled(data: bytes) -> bytes:
    """The lines with a word where there is nothing between two delimiters, or behind the last of a line."""
    here = np.frombuffer(data, np.uint8)
    ends = (here[1:] == ord(DELIMITER)) | (here[1:] == ord("\n"))
    gaps = np.flatnonzero(ends & (here[:-1] == ord(DELIMITER))) + 1
    word = np.frombuffer(_MISSING.encode(), np.uint8)
    return np.insert(here, np.repeat(gaps, len(word)), np.tile(word, len(gaps))).tobytes()


def _values(data: bytes, ends: Positions, index: int) -> pa.Array:
    """The values of one column, by its position.

    :param ends: where the line feeds are.
    """
    begins = np.concatenate((np.zeros(1, np.int32), ends[:-1] + 1), dtype=np.int32)
    for _ in range(index):
        begins = begins + _first_delimiters(data, begins, ends) + 1
    found = _first_delimiters(data, begins, ends)
    return _cut(data, begins, np.where(found < 0, ends, begins + found))


def _first_delimiters(data: bytes, begins: Positions, ends: Positions) -> Positions:
    return np.asarray(pc.find_substring(_cut(data, begins, ends), DELIMITER))


def _cut(data: bytes, begins: Positions, ends: Positions) -> pa.Array:
    """Pieces of the data, as texts."""
    # What lies between two pieces is a text as well, which is dropped: Arrow's texts follow each other without gaps.
    edges = np.append(np.column_stack((begins, ends)).ravel(), ends[-1:]).astype(np.int32)
    wanted = np.arange(0, len(edges) - 1, 2, dtype=np.int32)
    return _texts(data, edges).take(pa.Array.from_buffers(pa.int32(), len(wanted), [None, pa.py_buffer(wanted)]))


def _texts(data: bytes, edges: Positions) -> pa.Array:
    return pa.Array.from_buffers(pa.string(), len(edges) - 1, [None, pa.py_buffer(edges), pa.py_buffer(data)])
