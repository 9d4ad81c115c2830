"""Turns a column of any source into the text that FATE's reader understands, and refuses what it would misread.

FATE 2.2 cuts lines at delimiters and turns the pieces into numbers by their position; it knows no quotes, no empty
numbers and no ``NA``. What a column holds is checked here for whole batches at a time, by Arrow; only where something
is wrong, single values are looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_fate.data.contract import ColumnRule
from airflow_provider_fate.data.convert import Convert, NumberFormat, Unfit
from airflow_provider_fate.data.ids import IdRule
from airflow_provider_fate.errors import FateDataError

__all__ = ["Column", "Encoded", "as_text"]

FLOATS = {"float32": 3.4028235e38, "float64": 1.7976931348623157e308}
"""Largest number of each type; FATE makes infinity of a larger one."""
INTEGERS = {"int32": 2**31, "int64": 2**63}
DELIMITER = ","
_MISSING = "NaN"
_EMPTY = pa.scalar("")
_AROUND_NUMBERS = " \t\u00a0"
# Besides what ends a line or a value: FATE strips what counts as white space from the end of a line.
_UNSAFE = r"[,\x00-\x1f\x7f\x{85}\x{2028}\x{2029}]"
Extremes = tuple[float | None, float | None]

FLOAT_IDS = (
    "A partner's 17 does not match 17.0. Set float_ids='strip' at all parties, or 'keep' if '17.0' is the id as it is "
    "meant."
)
_EXACT = 2.0**53
"""Up to here a float tells whole numbers apart."""


@dataclass(frozen=True)
class Encoded:
    """A column of a batch, ready to be written.

    :param text: what FATE gets; no nulls.
    :param missing: how many values are missing.
    """

    text: pa.Array
    missing: int = 0


@dataclass(frozen=True)
class Column:
    """One column of the table that is made.

    :param source: its name in the source.
    :param name: its name in the table.
    :param kind: ``id``, ``float32``, ``float64``, ``int32``, ``int64``, or anything else for text.
    :param what: the role of the column, for messages.
    :param na_values: texts that mean "missing", besides the empty one.
    :param ids: what becomes of ids.
    :param rule: what a contract asks of it.
    :param convert: what makes numbers of the values, if they are words or dates.
    :param number_format: how numbers are written where they are text.
    """

    source: str
    name: str
    kind: str
    what: str = "feature"
    na_values: tuple[str, ...] = ()
    ids: IdRule = field(default_factory=IdRule)
    rule: ColumnRule | None = None
    convert: Convert | None = None
    number_format: NumberFormat = field(default_factory=NumberFormat)

    @property
    def converts(self) -> bool:
        """Whether values are turned into others before they are checked."""
        numeric = self.kind in FLOATS or self.kind in INTEGERS
        return self.convert is not None or (numeric and not self.number_format.plain)

    def encode(self, values: pa.Array, before: int) -> Encoded:
        """Check the values of a batch and return them as text.

        :param before: rows before this batch, for the row numbers in messages.
        :raises FateDataError: a value cannot be told to FATE as it is meant; names row and column.
        """
        if self.kind == "id":
            return self._ids(values, before)
        if self.converts:
            values = self._converted(values, before)
        if self.kind in FLOATS:
            return self._floats(values, before)
        if self.kind in INTEGERS:
            return self._integers(values, before)
        return self._text(values, before)

    def _converted(self, values: pa.Array, before: int) -> pa.Array:
        values = _decoded(values)
        try:
            if self.convert is not None:
                return self.convert.apply(values, lambda: as_text(self, values, before), self.na_values)
            if pa.types.is_string(values.type) or pa.types.is_binary(values.type):
                return self.number_format.read(as_text(self, values, before), self.na_values)
        except Unfit as unfit:
            raise self._error(before, unfit.row, unfit.reason, unfit.hint, unfit.value) from None
        return values

    # -- ids and text -------------------------------------------------------------------------------------------------

    def _ids(self, values: pa.Array, before: int) -> Encoded:
        if pa.types.is_floating(values.type):
            if self.ids.floats != "strip":
                reason = f"is a column of {values.type}, and 17.0 is another id than 17"
                self._refuse(before, 0, reason, FLOAT_IDS)
            values = self._whole_ids(values, before)
        text = self._without_nulls(as_text(self, values, before), before, "An id cannot be missing.")
        if self.ids.floats == "refuse" and pc.any(like_floats := self.ids.like_floats(text)).as_py():
            self._refuse(before, _first(like_floats), "is written with .0, as pandas writes numbers", FLOAT_IDS)
        text = self.ids.apply(text)
        trimmed = pc.utf8_trim_whitespace(text)
        if not (trimmed.equals(text)):
            row = _first(pc.not_equal(trimmed, text))
            self._refuse(before, row, "has white space around it, which counts", "Set strip_ids=True at all parties.")
        if pc.any(pc.equal(text, "")).as_py():
            self._refuse(before, _first(pc.equal(text, "")), "is empty", "Each row needs an id.")
        self._check_safe(text, before)
        self._check_pattern(text, before)
        return Encoded(text)

    def _whole_ids(self, values: pa.Array, before: int) -> pa.Array:
        missing = pc.is_null(values, nan_is_null=True)
        if missing.true_count:
            self._refuse(before, _first(missing), "is missing", "An id cannot be missing.")
        whole = pc.and_(pc.equal(pc.floor(values), values), pc.less(pc.abs(values), _EXACT))
        if not pc.all(whole).as_py():
            self._refuse(before, _first(pc.invert(whole)), "is not a whole number that is exact", "Cast it to text.")
        return pc.cast(values, pa.int64())

    def _text(self, values: pa.Array, before: int) -> Encoded:
        text = as_text(self, values, before)
        missing = text.null_count
        text = pc.fill_null(text, _MISSING)
        self._check_safe(text, before)
        trimmed = pc.utf8_rtrim_whitespace(text)
        if not trimmed.equals(text):
            row = _first(pc.not_equal(trimmed, text))
            self._refuse(before, row, "ends with white space, which FATE takes away", "Take it away, at all parties.")
        if pc.any(pc.equal(text, "")).as_py():
            self._refuse(before, _first(pc.equal(text, "")), "is empty", "Write a word for what is missing.")
        self._check_pattern(text, before)
        return Encoded(text, missing)

    def _check_safe(self, text: pa.Array, before: int) -> None:
        unsafe = pc.match_substring_regex(text, _UNSAFE)
        if not pc.any(unsafe).as_py():
            return
        row = _first(unsafe)
        value = text[row].as_py()
        if DELIMITER in value:
            reason, hint = "has a comma inside, where FATE would cut it", "Replace it, or leave the column out."
        elif "\n" in value or "\r" in value:
            reason, hint = "has a line break inside, where FATE would begin a row", "Replace it, or leave it out."
        else:
            reason, hint = "has a control character inside", "Take it out."
        self._refuse(before, row, reason, hint, value)

    def _check_pattern(self, text: pa.Array, before: int) -> None:
        if self.rule is None or self.rule.pattern is None:
            return
        fits = pc.match_substring_regex(text, f"^(?:{self.rule.pattern})$")
        if not pc.all(fits).as_py():
            row = _first(pc.invert(fits))
            self._refuse(before, row, f"does not match the contract's pattern {self.rule.pattern!r}", "", text[row])

    def _without_nulls(self, text: pa.Array, before: int, hint: str) -> pa.Array:
        if text.null_count:
            self._refuse(before, _first(pc.is_null(text)), "is missing", hint)
        return text

    # -- numbers ------------------------------------------------------------------------------------------------------

    def _floats(self, values: pa.Array, before: int) -> Encoded:
        values = _decoded(values)
        kind = values.type
        if pa.types.is_boolean(kind):
            values = pc.cast(values, pa.int8())
        if _is_number(values.type):
            numbers = pc.cast(values, pa.float64(), safe=False)
            text = pc.cast(values, pa.string())
            text = pc.fill_null(text, _MISSING) if text.null_count else text
            missing = pc.is_null(numbers, nan_is_null=True)
        else:
            text, numbers = self._read_floats(values, before)
            missing = pc.is_nan(numbers)
        count = missing.true_count
        if count:
            # Written in one way, whatever the source says: nan, -nan, NaN.
            text = pc.if_else(missing, _MISSING, text)
        extremes = _range(numbers)
        self.check_floats(numbers, extremes, text, before)
        return Encoded(text, count)

    def check_floats(self, numbers: pa.Array, extremes: Extremes, shown: pa.Array, before: int) -> None:
        """Refuse numbers that FATE cannot hold, or that the contract does not allow.

        :param extremes: the smallest and the largest of them, or ``None`` twice if there is none.
        :param shown: what messages show of them.
        """
        lowest, highest = extremes
        limit = FLOATS[self.kind]
        if lowest is not None and highest is not None and (lowest < -limit or highest > limit):
            row = _first(pc.greater(pc.abs(numbers), limit))
            self._refuse(
                before, row, "is infinite, or too large for FATE's numbers", "Scale it, or leave it empty.", shown[row]
            )
        self._check_rule(numbers, extremes, shown, before)

    def _read_floats(self, values: pa.Array, before: int) -> tuple[pa.Array, pa.Array]:
        if values.type in (pa.binary(), pa.string()):
            try:
                # What is a number, or one of the words for a missing one, is UTF-8 as well.
                text = self._without_missing(values.view(pa.string()))
                return text, pc.cast(text, pa.float64())
            except pa.ArrowInvalid:
                pass  # something in here is not a plain number: with spaces, or wrong
        text = self._without_missing(self._tidy(as_text(self, values, before), before))
        try:
            return text, pc.cast(text, pa.float64())
        except pa.ArrowInvalid:
            row = _first_that_fails(text, lambda some: pc.cast(some, pa.float64()))
        value = text[row].as_py()
        hint = f"{_way_out(value, self.name)} If it means a missing one, set na_values={[value]!r}; or leave it out."
        raise self._error(before, row, "is not a number", hint, value)

    def _without_missing(self, text: pa.Array) -> pa.Array:
        """The texts, with what means "missing" in FATE's words."""
        if text.null_count:
            text = pc.fill_null(text, _MISSING)
        if self.na_values:
            missing = pc.is_in(text, value_set=pa.array(["", *self.na_values], pa.string()))
        else:
            missing = pc.equal(text, _EMPTY)
        return pc.if_else(missing, _MISSING, text) if missing.true_count else text

    def _tidy(self, text: pa.Array, before: int) -> pa.Array:
        """Numbers without what people and programs put around them."""
        broken = pc.match_substring(text, "\n")
        if pc.any(broken).as_py():
            row = _first(broken)
            self._refuse(before, row, "has a line break inside", "Is a quote opened that is never closed?", text[row])
        # What else Unicode takes for white space, control characters among it, is no way to write a number.
        return pc.replace_substring_regex(pc.utf8_trim(text, _AROUND_NUMBERS), r"^\+([0-9.])", r"\1")

    def _integers(self, values: pa.Array, before: int) -> Encoded:
        values = _decoded(values)
        if pa.types.is_boolean(values.type):
            values = pc.cast(values, pa.int8())
        if not _is_number(values.type):
            values = self._read_integers(as_text(self, values, before), before)
        values = self._without_nulls(values, before, "FATE has no missing whole numbers: fill it in, or use float32.")
        numbers = pc.cast(values, pa.float64(), safe=False)
        if pa.types.is_floating(values.type):
            whole = pc.and_(pc.equal(pc.floor(values), values), pc.less(pc.abs(numbers), _EXACT))
            if not pc.all(whole).as_py():
                self._not_whole(before, _first(pc.invert(whole)), values)
        try:
            exact = pc.cast(values, pa.int64())
        except pa.ArrowInvalid:
            self._not_whole(before, _first_that_fails(values, lambda some: pc.cast(some, pa.int64())), values)
        limit = INTEGERS[self.kind]
        if self.kind != "int64":
            outside = pc.or_(pc.less(exact, -limit), pc.greater_equal(exact, limit))
            if pc.any(outside).as_py():
                self._not_whole(before, _first(outside), values)
        text = pc.cast(exact, pa.string())
        self._check_rule(numbers, _range(numbers), text, before)
        return Encoded(text)

    def _read_integers(self, text: pa.Array, before: int) -> pa.Array:
        text = self._tidy(text, before)
        none = pc.is_in(text, value_set=pa.array(["", *self.na_values], pa.string()))
        self._without_nulls(
            pc.if_else(none, pa.scalar(None, pa.string()), text),
            before,
            "FATE has no missing whole numbers: fill it in, or use float32.",
        )
        # Arrow takes 0x10 for sixteen.
        hexadecimal = pc.match_substring(text, "x", ignore_case=True)
        if pc.any(hexadecimal).as_py():
            self._not_whole(before, _first(hexadecimal), text)
        try:
            return pc.cast(text, pa.int64())
        except pa.ArrowInvalid:
            pass  # 1.0 is a whole number, too
        try:
            return pc.cast(text, pa.float64())
        except pa.ArrowInvalid:
            self._not_whole(before, _first_that_fails(text, lambda some: pc.cast(some, pa.float64())), text)

    def _not_whole(self, before: int, row: int, values: pa.Array) -> NoReturn:
        raise self._error(
            before,
            row,
            f"is not a whole number that fits {self.kind}",
            "Say what its values stand for: label_values={'no': 0, 'yes': 1}; "
            "or set label_type='float32' for a regression."
            if self.what == "label"
            else f"Set another dtype for {self.name!r}.",
            values[row],
        )

    def _check_rule(self, numbers: pa.Array, extremes: Extremes, shown: pa.Array, before: int) -> None:
        rule = self.rule
        if rule is None:
            return
        for limit, reached, wrong, word in (
            (rule.min, extremes[0], pc.less, "below"),
            (rule.max, extremes[1], pc.greater, "above"),
        ):
            if limit is None or reached is None:
                continue
            outside = pc.fill_null(wrong(numbers, limit), False)
            if pc.any(outside).as_py():
                row = _first(outside)
                self._refuse(before, row, f"is {word} the contract's limit {limit:g}", "", shown[row])
        if rule.values is not None:
            allowed = pc.is_in(pc.cast(numbers, pa.float64()), value_set=pa.array(rule.values, pa.float64()))
            allowed = pc.or_(allowed, pc.is_null(numbers, nan_is_null=True))
            if not pc.all(allowed).as_py():
                row = _first(pc.invert(allowed))
                self._refuse(before, row, "is not one of the contract's values", "", shown[row])

    # -- errors -------------------------------------------------------------------------------------------------------

    def _refuse(self, before: int, row: int, reason: str, hint: str, value: object = None) -> NoReturn:
        raise self._error(before, row, reason, hint, value)

    def _error(self, before: int, row: int, reason: str, hint: str, value: object = None) -> FateDataError:
        shown = value.as_py() if isinstance(value, pa.Scalar) else value
        number = before + row + 1
        said = f" {str(shown)[:40]!r}" if shown is not None and self.kind != "id" else ""
        noun = "the id" if self.kind == "id" else "the value"
        return FateDataError(
            f"row {number:,}: {noun}{said} of column {self.source!r} {reason}",
            hint=hint or None,
            row=number,
            column=self.source,
        )


def as_text(column: Column, values: pa.Array, before: int) -> pa.Array:
    """The values as Arrow's plain text; nulls stay.

    :raises FateDataError: they have a type that has no text, or are not UTF-8.
    """
    values = _decoded(values)
    kind = values.type
    if pa.types.is_string(kind):
        return values
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        try:
            return pc.cast(values, pa.string())
        except pa.ArrowInvalid:
            row = _first_that_fails(values, lambda some: pc.cast(some, pa.string()))
            raise FateDataError(
                f"row {before + row + 1:,}: column {column.source!r} is not UTF-8",
                hint="Set encoding='latin-1' or what the file was written in.",
                row=before + row + 1,
                column=column.source,
            ) from None
    if pa.types.is_boolean(kind):
        return pc.cast(pc.cast(values, pa.int8()), pa.string())
    readable = pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_date(kind)
    if column.kind != "id" or not readable:
        readable = readable and not pa.types.is_date(kind)
        readable = readable or pa.types.is_large_string(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind)
    if not readable:
        raise FateDataError(
            f"column {column.source!r} holds {kind}, which cannot be {_article(column.kind)} in FATE",
            hint="Make a number or a text of it first, or leave it out by naming the columns that are wanted.",
            column=column.source,
        )
    return pc.cast(values, pa.string())


def _way_out(value: str, name: str) -> str:
    """What to declare for a value that is no plain number."""
    text = value.strip()
    if text.lower() in ("true", "false", "yes", "no"):
        return f"Set dtype={{{name!r}: 'bool'}} for 1 and 0."
    if re.fullmatch(r"[+-]?[0-9]+,[0-9]+", text):
        return "Set csv=Csv(decimal=',') for a decimal comma."
    if re.fullmatch(r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?", text):
        return "Set csv=Csv(thousands=',') for commas between thousands."
    if re.match(r"[0-9]{1,4}[-./][0-9]{1,2}[-./][0-9]{1,4}", text):
        return f"Set dtype={{{name!r}: 'date'}} for days since 1970-01-01, or 'date:%d.%m.%Y' for another writing."
    return "Write a number."


def _article(kind: str) -> str:
    return "an id" if kind == "id" else f"a feature of type {kind}"


def _decoded(values: pa.Array) -> pa.Array:
    kind = values.type
    if pa.types.is_dictionary(kind):
        return _decoded(pc.cast(values, kind.value_type))
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pc.cast(values, pa.string())
    return values


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind)
    )


def _range(numbers: pa.Array) -> Extremes:
    found = pc.min_max(numbers).as_py()
    lowest, highest = found["min"], found["max"]
    return (None, None) if lowest is None or lowest != lowest else (lowest, highest)


def _first(mask: pa.Array) -> int:
    return int(pc.index(mask, True).as_py())


def _first_that_fails(values: pa.Array, convert: Callable[[pa.Array], object]) -> int:
    """Position of the first value that cannot be converted, found by halving."""
    begin, end = 0, len(values)
    while end - begin > 1:
        middle = (begin + end) // 2
        try:
            convert(values.slice(begin, middle - begin))
        except pa.ArrowInvalid:
            end = middle
        else:
            begin = middle
    return begin


def unsafe_names(names: Sequence[str]) -> list[str]:
    """Names that would not survive in a header line."""
    return [name for name in names if set(name) & set(',\n\r\0"') or name != name.strip() or not name]
