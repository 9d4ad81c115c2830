"""The text of a table in blocks of whole lines, and values that hold the delimiter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_fate.errors import FateDataError

__all__ = ["Protection", "line_blocks"]

_STAND_IN = "\x1f"  # "unit separator": made for this, and in no text that people write
_SIMPLE_DETAIL = r"""^\{(?:'[^'"\\]*': [^'",]+(?:, |\}$))+$"""


def line_blocks(source: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield a text in blocks of whole lines.

    :param size: bytes of a block, as nearly as the lines allow.
    """
    rest: list[bytes] = []
    while piece := source.read(size):
        end = piece.rfind(b"\n") + 1
        if end:
            yield b"".join([*rest, piece[:end]])
            rest = []
        if end < len(piece):
            rest.append(piece[end:])
    if rest:
        yield b"".join(rest)


class Protection:
    """Keeps values together that hold the delimiter, which FATE writes into predictions as if it were nothing.

    Such values are the details of a prediction, ``"{'0': 0.4, '1': 0.6}"``, and lists of scores or labels, ``[0.4,
    0.6]``, of models that FATE does not know the kind of.

    :param delimiter: between two values.
    :param detail: column in which FATE has turned the quotes of JSON into single ones. This is undone where the names
        of classes leave no doubt.
    """

    def __init__(self, delimiter: str, detail: str) -> None:
        self._delimiter = delimiter
        self._detail = detail
        mark = re.escape(delimiter.encode())
        self._value = re.compile(
            rb"(?m)(?:(?<=" + mark + rb")|^)"
            rb'(?:"\{[^"\n]*\}"|\[(?:[^][\n]|\[[^][\n]*\])*\])'
            rb"(?=" + mark + rb"|$)"
        )  # fmt: skip

    def hide(self, block: bytes) -> bytes:
        """Put something else in the place of delimiters inside of values.

        :param block: whole lines.
        """
        stand_in = _STAND_IN.encode()
        if stand_in in block:
            raise FateDataError(
                "a prediction holds the control character U+001F",
                hint="Ids and class names must be without control characters: change them before the upload.",
            )
        delimiter = self._delimiter.encode()
        return self._value.sub(lambda found: found[0].replace(delimiter, stand_in), block)

    def restore(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Put the delimiters back, after the lines were cut into values."""
        columns = []
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if pa.types.is_string(column.type):
                column = pc.replace_substring(column, _STAND_IN, self._delimiter)
                if name == self._detail:
                    column = _json(column)
            columns.append(column)
        return pa.record_batch(columns, schema=batch.schema)


def _json(column: pa.Array) -> pa.Array:
    bare = pc.replace_substring_regex(column, r'^"(\{.*\})"$', r"\1")
    simple = pc.match_substring_regex(bare, _SIMPLE_DETAIL)
    return pc.if_else(simple, pc.replace_substring(bare, "'", '"'), bare)
