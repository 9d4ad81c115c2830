"""Where FATE looks for what in a CSV file, and whether a row has there what FATE takes from it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from airflow_provider_fate.errors import FateDataError

__all__ = ["Layout", "MetaLike", "header_of"]

_DELIMITERS = {",": "a comma", "\t": "a tab", ";": "a semicolon", "|": "a bar", " ": "a space"}
_LARGEST_FLOAT32 = 3.4028235e38
_INTEGERS = {"int32": 2**31, "int64": 2**63}
_FLOATS = ("float32", "float64")


class MetaLike(Protocol):
    """What is needed of :class:`airflow_provider_fate.clients.flow.models.UploadMeta`."""

    @property
    def delimiter(self) -> str: ...  # noqa: D102
    @property
    def match_id_name(self) -> str | None: ...  # noqa: D102
    @property
    def sample_id_name(self) -> str | None: ...  # noqa: D102
    @property
    def label_name(self) -> str | None: ...  # noqa: D102
    @property
    def label_type(self) -> str: ...  # noqa: D102
    @property
    def weight_name(self) -> str | None: ...  # noqa: D102
    @property
    def dtype(self) -> str | Mapping[str, str]: ...  # noqa: D102
    @property
    def header(self) -> str | None: ...  # noqa: D102
    @property
    def input_format(self) -> str: ...  # noqa: D102


def header_of(meta: MetaLike, made_up: bool) -> str | None:
    """Return the header that the meta data gives, for a file that has none; ``None`` if the file has one."""
    if meta.input_format != "dense":
        raise FateDataError(
            f"the format {meta.input_format!r} is not there any more: FATE 2.2 reads only dense tables",
            hint="Write one column for each feature.",
        )
    # Without a header line, FATE wants the name of the sample ids that it makes up in front of the others.
    return meta.header.removeprefix(f"extend_sid{meta.delimiter}") if meta.header and made_up else meta.header


@dataclass(frozen=True, slots=True)
class Layout:
    """Positions and types of the columns, as FATE derives them from the header and the meta data."""

    columns: tuple[str, ...]
    features: tuple[str, ...]
    delimiter: str
    header_lines: int
    id_index: int
    unique_index: int
    checks: tuple[tuple[int, str, str], ...]
    floats: tuple[int, ...]

    @classmethod
    def of(cls, header: str, meta: MetaLike, made_up: bool) -> Layout:
        """Read the header.

        :param made_up: FATE makes up the sample ids.
        :raises FateDataError: FATE would not find, or misread, a column.
        """
        match_id = meta.match_id_name
        if not match_id:
            raise FateDataError(
                "the column of match ids is not named, and FATE cannot read a table without",
                hint="Set match_id_name.",
            )
        columns = header.rstrip().split(meta.delimiter)
        _check_delimiter(header, columns, meta, match_id)
        _check_names(columns, made_up)
        wanted = {"match_id_name": match_id, "label_name": meta.label_name, "weight_name": meta.weight_name}
        wanted["sample_id_name"] = None if made_up else meta.sample_id_name
        for setting, name in wanted.items():
            if name and name not in columns:
                raise FateDataError(
                    f"there is no column {name!r}, which {setting} names; the file has {_shorten(columns)}",
                    hint=_closest(name, columns) or f"Correct {setting} or the header.",
                    row=1,
                    column=name,
                )
        sample_id = None if made_up else (meta.sample_id_name or columns[0])
        _check_sample_id(columns, sample_id, match_id)
        special = {match_id, meta.label_name, meta.weight_name, sample_id}
        features = tuple(name for name in columns if name not in special)
        types = {name: _dtype(meta, name) for name in features}
        if meta.label_name:
            types[meta.label_name] = meta.label_type
        if meta.weight_name:
            types[meta.weight_name] = "float32"
        positions = {name: position for position, name in enumerate(columns)}
        return cls(
            columns=tuple(columns),
            features=features,
            delimiter=meta.delimiter,
            header_lines=0 if meta.header else 1,
            id_index=positions[match_id],
            unique_index=positions[sample_id or match_id],
            checks=tuple(
                (positions[name], name, kind) for name, kind in types.items() if kind in _INTEGERS or kind == "bool"
            ),
            floats=tuple(positions[name] for name, kind in types.items() if kind in _FLOATS),
        )

    # -- rows --------------------------------------------------------------------------------------------------------

    def check_row(self, number: int, text: str) -> list[str]:
        """Return the values of a row as FATE will cut them."""
        stripped = text.rstrip()
        if not stripped:
            raise FateDataError(
                f"line {number} is blank, and FATE would make a row of it", hint="Remove it.", row=number
            )
        values = stripped.split(self.delimiter)
        if '"' in stripped:
            self._check_quotes(number, values)
        if len(values) != len(self.columns):
            self._ragged(number, text, values)
        for position in {self.id_index, self.unique_index}:
            value = values[position]
            if not value or value != value.strip():
                what = "is empty" if not value.strip() else f"is {value!r}, with spaces around it that count"
                raise FateDataError(
                    f"line {number}: the id in column {self.columns[position]!r} {what}",
                    hint="Other parties match ids letter by letter: write them alike.",
                    row=number,
                    column=self.columns[position],
                )
        self._check_numbers(number, values)
        return values

    def _check_quotes(self, number: int, values: Sequence[str]) -> None:
        for position, value in enumerate(values):
            if value.lstrip().startswith('"'):
                column = self.columns[position] if position < len(self.columns) else None
                raise FateDataError(
                    f"line {number}: the value {value[:40]!r} is quoted, and FATE knows no quotes: "
                    "it would keep them, and cut at a delimiter between them",
                    hint="Write the file without quotes (csv.QUOTE_NONE), with a delimiter that no value contains.",
                    row=number,
                    column=column,
                )

    def _ragged(self, number: int, text: str, values: Sequence[str]) -> None:
        expected, found = len(self.columns), len(values)
        if len(text.split(self.delimiter)) == expected:
            reason = (
                "its last values are empty, and FATE strips the white space that separates them",
                "Write NaN for a missing number, or separate by commas.",
            )
        elif found > expected:
            reason = (
                f"it has {found} values for {expected} columns; FATE would drop the last, or read shifted columns",
                "Take the delimiter out of the values, or choose another.",
            )
        else:
            reason = (
                f"it has {found} values for {expected} columns",
                "Complete the row; write NaN for a missing number.",
            )
        raise FateDataError(f"line {number}: {reason[0]}", hint=reason[1], row=number)

    def _check_numbers(self, number: int, values: Sequence[str]) -> None:
        try:
            for position in self.floats:
                if abs(float(values[position])) > _LARGEST_FLOAT32:
                    raise OverflowError
        except (ValueError, OverflowError) as error:
            self._not_a_number(number, position, values[position], type(error) is OverflowError)
        for position, name, kind in self.checks:
            value = values[position]
            if kind == "bool":
                raise FateDataError(
                    f"column {name!r} has the type bool, for which FATE takes every text for true, {value!r} too",
                    hint="Give it the type int32, with values 0 and 1.",
                    row=number,
                    column=name,
                )
            limit = _INTEGERS[kind]
            try:
                whole = int(value)
            except ValueError:
                self._not_whole(number, name, value, kind)
                continue
            if not -limit <= whole < limit:
                self._not_whole(number, name, value, kind)

    def _not_a_number(self, number: int, position: int, value: str, too_large: bool) -> None:
        name = self.columns[position]
        if too_large:
            reason, hint = "is too large for FATE's numbers and would become infinite", "Scale it, or write NaN."
        elif not value.strip():
            reason, hint = "is missing", "Write NaN for it (FATE ignores na_values), or fill it in."
        else:
            reason = "is not a number"
            hint = "Write numbers such as 1.5, and NaN for a missing one; set the dtype of a column of text."
        raise FateDataError(
            f"line {number}: the value {value!r} of column {name!r} {reason}", hint=hint, row=number, column=name
        )

    def _not_whole(self, number: int, name: str, value: str, kind: str) -> None:
        raise FateDataError(
            f"line {number}: the value {value!r} of column {name!r} is not a whole number ({kind})",
            hint="Write 0 and 1 (not 0.0, yes or no) for a binary label, or set label_type='float32' for a regression.",
            row=number,
            column=name,
        )


def _check_delimiter(header: str, columns: Sequence[str], meta: MetaLike, match_id: str) -> None:
    if match_id in columns and len(columns) > 1:
        return
    expected = _DELIMITERS.get(meta.delimiter, repr(meta.delimiter))
    for delimiter, name in _DELIMITERS.items():
        others = [other.strip().strip('"') for other in header.rstrip().split(delimiter)]
        if delimiter != meta.delimiter and len(others) > len(columns) and match_id in others:
            raise FateDataError(
                f"the columns are separated by {name} and not by {expected}",
                hint=f"Set delimiter={delimiter!r}.",
                row=1,
            )


def _check_names(columns: Sequence[str], made_up: bool) -> None:
    seen: set[str] = set()
    for position, name in enumerate(columns, start=1):
        if '"' in name:
            problem, hint = f"the name of column {position} is quoted: {name}", "Write names without quotes."
        elif not name.strip():
            problem, hint = f"column {position} has no name", "Name it; pandas writes such a column unless index=False."
        elif name != name.strip():
            problem, hint = f"the name of column {position} is {name!r}, with spaces", "Write it without."
        elif name in seen:
            problem, hint = f"two columns are named {name!r}", "Give each its own name."
        elif made_up and name == "extend_sid":
            problem, hint = "FATE adds a column 'extend_sid' of its own, and there is one", "Rename it."
        else:
            seen.add(name)
            continue
        raise FateDataError(problem, hint=hint, row=1, column=name)


def _check_sample_id(columns: Sequence[str], sample_id: str | None, match_id: str) -> None:
    if sample_id is None:
        return
    if sample_id == match_id:
        raise FateDataError(
            f"{match_id!r} would be both sample id and match id, and FATE reads it only once",
            hint="Leave the sample id to FATE (extend_sid=True).",
            row=1,
            column=match_id,
        )
    # Behind the first column, FATE moves the sample id to the front and loses empty values at the ends of rows with it;
    # at the last one it does not even find it.
    if columns[0] != sample_id:
        raise FateDataError(
            f"the column of sample ids, {sample_id!r}, is not the first, which FATE's uploader mishandles",
            hint="Put it first, or leave the sample id to FATE (extend_sid=True).",
            row=1,
            column=sample_id,
        )


def _dtype(meta: MetaLike, column: str) -> str:
    return meta.dtype if isinstance(meta.dtype, str) else meta.dtype.get(column, "float32")


def _closest(name: str, columns: Sequence[str]) -> str | None:
    by_lower_case = {column.strip().lower(): column for column in columns}
    close = difflib.get_close_matches(name.lower(), by_lower_case, n=1, cutoff=0.75)
    return f"Did you mean {by_lower_case[close[0]]!r}? Case and spaces count." if close else None


def _shorten(columns: Sequence[str]) -> str:
    return ", ".join(columns[:8]) + (f", ... ({len(columns)} columns)" if len(columns) > 8 else "")
