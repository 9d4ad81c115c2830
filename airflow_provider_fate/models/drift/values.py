"""Values of a column, as numbers or as categories, whatever they are stored as."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["LONGEST", "Floats", "Stored", "categories", "numbers", "stored", "whole"]

Floats = npt.NDArray[np.float64]
Stored = Literal["float", "integer", "bool", "text", "bytes", "nothing", "other"]
"""``bytes`` is CSV, of which nobody has said what it holds."""

LONGEST = 200
"""Texts with more characters are no categories."""
_MISSING = pa.array(["", "nan", "NaN", "NA", "N/A", "null", "NULL", "None"])
_DIGITS = r"^[-+]?\d{1,15}$"
_POINT_ZERO = r"^([-+]?\d+)\.0+$"


def stored(kind: pa.DataType) -> Stored:
    """What a type of Arrow is for us."""
    types = pa.types
    if types.is_dictionary(kind):
        return stored(kind.value_type)
    tests: tuple[tuple[Stored, bool], ...] = (
        ("bool", types.is_boolean(kind)),
        ("integer", types.is_integer(kind)),
        ("float", types.is_floating(kind) or types.is_decimal(kind)),
        ("text", types.is_string(kind) or types.is_large_string(kind)),
        ("bytes", types.is_binary(kind)),
        ("nothing", types.is_null(kind)),
    )
    return next((name for name, fits in tests if fits), "other")


def numbers(array: pa.Array) -> Floats | None:
    """Values as numbers, NaN where one is missing; ``None``: some are none."""
    array = _plain(array)
    what = stored(array.type)
    if what in ("text", "bytes"):
        if (array := _texts(array)) is None:
            return None
    elif what in ("bool", "other"):
        return None
    try:
        found: Floats = pc.cast(array, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return None
    # What has nulls comes with NaN in their place already.
    return found


def whole(array: pa.Array) -> bool:
    """Whether texts are nothing but whole numbers; for columns of CSV."""
    texts = _texts(_plain(array))
    return texts is not None and pc.all(pc.match_substring_regex(texts, _DIGITS)).as_py() is not False


def categories(array: pa.Array) -> pa.Array | None:
    """Values as texts, null where one is missing; ``None``: they are not UTF-8.

    A whole number is written without a point, so that ``1`` and ``1.0`` are one category wherever they come from.
    """
    array = _plain(array)
    what = stored(array.type)
    if what == "text":
        return _texts(array)
    if what == "bytes":
        texts = _texts(array)
        return None if texts is None else pc.replace_substring_regex(texts, _POINT_ZERO, r"\1")
    if what == "float":
        values = pc.cast(array, pa.float64(), safe=False)
        return pc.cast(pc.if_else(pc.is_nan(values), None, values), pa.string())
    return pc.cast(array, pa.string())


def _plain(array: pa.Array) -> pa.Array:
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _texts(array: pa.Array) -> pa.Array | None:
    """Trimmed texts, null where they stand for nothing; ``None``: they are not UTF-8."""
    try:
        texts = pc.utf8_trim_whitespace(pc.cast(array, pa.string()))
    except pa.ArrowInvalid:
        return None
    return pc.if_else(pc.is_in(texts, value_set=_MISSING), None, texts)
