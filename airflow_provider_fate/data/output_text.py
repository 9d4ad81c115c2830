"""Values that hold the delimiter, as FATE writes them into tables of predictions."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_fate.errors import FateDataError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["ProtectedText", "restore"]

_STAND_IN = b"\x1f"  # "unit separator": made for this, and in no text that people write
_PIECE = 1 << 20
_SIMPLE_DETAIL = r"""^\{(?:'[^'"\\]*': [^'",]+(?:, |\}$))+$"""


class ProtectedText(io.RawIOBase):
    """A text in which no value holds the delimiter any more: something else stands in its place.

    Such values are the details of a prediction, ``"{'0': 0.4, '1': 0.6}"``, and lists of scores or labels, ``[0.4,
    0.6]``, of models that FATE does not know the kind of.

    :param source: the text, in UTF-8.
    :param delimiter: between two values.
    """

    def __init__(self, source: BinaryIO, delimiter: str) -> None:
        super().__init__()
        self._source = source
        self._delimiter = delimiter.encode()
        mark = re.escape(self._delimiter)
        self._value = re.compile(
            rb"(?m)(?:(?<=" + mark + rb")|^)"
            rb'(?:"\{[^"\n]*\}"|\[(?:[^][\n]|\[[^][\n]*\])*\])'
            rb"(?=" + mark + rb"|$)"
        )  # fmt: skip
        self._ready = b""
        self._rest: list[bytes] = []

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill a buffer."""
        target = memoryview(buffer)
        while not self._ready:
            if not self._fill():
                return 0
        piece, self._ready = self._ready[: len(target)], self._ready[len(target) :]
        target[: len(piece)] = piece
        return len(piece)

    def _fill(self) -> bool:
        """Get some whole lines ready; say whether there are any."""
        piece = self._source.read(_PIECE)
        if _STAND_IN in piece:
            raise FateDataError(
                "a prediction holds the control character U+001F",
                hint="Ids and class names must be without control characters: change them before the upload.",
            )
        end = piece.rfind(b"\n") + 1
        if piece and not end:
            self._rest.append(piece)
            return True
        lines = b"".join([*self._rest, piece[:end]])
        self._rest = [piece[end:]] if piece[end:] else []
        self._ready = self._value.sub(lambda found: found[0].replace(self._delimiter, _STAND_IN), lines)
        return bool(lines)


def restore(batch: pa.RecordBatch, delimiter: str, detail: str) -> pa.RecordBatch:
    """Put the delimiter back into a batch of a protected text.

    :param detail: column in which FATE has turned the quotes of JSON into single ones. This is undone where the names
        of classes leave no doubt.
    """
    columns = []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if pa.types.is_string(column.type):
            column = pc.replace_substring(column, _STAND_IN.decode(), delimiter)
            if name == detail:
                column = _json(column)
        columns.append(column)
    return pa.record_batch(columns, schema=batch.schema)


def _json(column: pa.Array) -> pa.Array:
    bare = pc.replace_substring_regex(column, r'^"(\{.*\})"$', r"\1")
    simple = pc.match_substring_regex(bare, _SIMPLE_DETAIL)
    return pc.if_else(simple, pc.replace_substring(bare, "'", '"'), bare)
