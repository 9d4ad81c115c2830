"""Which columns of a source go into a table, under which names, in which order and as what."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields

from airflow_provider_fate.data.column import FLOATS, INTEGERS, Column
from airflow_provider_fate.data.contract import ColumnRule, Contract
from airflow_provider_fate.data.convert import Convert, NumberFormat, Words, conversion_of
from airflow_provider_fate.data.ids import IdRule
from airflow_provider_fate.errors import FateDataError, FateInputError

__all__ = ["Shape"]

Columns = Sequence[str] | Mapping[str, str]


@dataclass(frozen=True)
class Shape:
    """What the author of a DAG, or a contract, says of a table.

    :param match_id: column by which the parties' rows are matched.
    :param label: column of the label.
    :param label_type: ``int32`` for classes, ``float32`` for numbers.
    :param weight: column of sample weights.
    :param sample_id: column that is unique per row; ``None``: FATE adds one.
    :param columns: the features in the order in which partners see them; a mapping renames (source: table). ``None``:
        all other columns of the source, in its order.
    :param dtype: type of the features, one for all or by name in the table: FATE's own, or ``bool`` and ``date``.
    :param na_values: texts that mean "missing", besides the empty one.
    :param ids: what becomes of the match ids.
    :param label_values: the number that each value of the label stands for.
    :param number_format: how numbers are written where they are text.
    :param contract: if there is one, it says all of the above but ids, sample id and na_values.
    """

    match_id: str = "id"
    label: str | None = None
    label_type: str = "int32"
    weight: str | None = None
    sample_id: str | None = None
    columns: Columns | None = None
    dtype: str | Mapping[str, str] = "float32"
    na_values: tuple[str, ...] = ()
    ids: IdRule = field(default_factory=IdRule)
    label_values: Mapping[str | bool | float, int | float] | None = None
    number_format: NumberFormat = field(default_factory=NumberFormat)
    contract: Contract | None = None

    @classmethod
    def of_contract(cls, contract: Contract, **rest: object) -> Shape:
        """The shape that a contract asks for; ``rest`` is what it does not say."""
        label, weight = contract.label, contract.weight
        given = rest.pop("number_format", None)
        written = given if isinstance(given, NumberFormat) else NumberFormat()
        return cls(
            number_format=NumberFormat(
                written.decimal if contract.decimal is None else contract.decimal,
                written.thousands if contract.thousands is None else contract.thousands,
            ),
            match_id=contract.match_id.source or contract.match_id.name,
            label=(label.source or label.name) if label else None,
            label_type=(label.type if label else None) or "int32",
            weight=(weight.source or weight.name) if weight else None,
            columns={column.source or column.name: column.name for column in contract.columns},
            dtype={column.name: column.type or contract.dtype for column in contract.columns},
            contract=contract,
            **rest,  # type: ignore[arg-type]
        )

    @property
    def wanted(self) -> list[str] | None:
        """Columns to read from the source; ``None``: all."""
        if self.columns is None:
            return None
        special = (self.sample_id, self.match_id, self.label, self.weight)
        return [*(name for name in special if name), *self.columns]

    @property
    def fate_dtype(self) -> str | dict[str, str]:
        """What FATE is told of the features' types."""
        if isinstance(self.dtype, str):
            return conversion_of(self.dtype)[0]
        return {name: conversion_of(kind)[0] for name, kind in self.dtype.items()}

    @property
    def fate_label_type(self) -> str:
        """What FATE is told of the label's type."""
        return "int32" if self.label_type == "bool" else self.label_type

    @property
    def special_names(self) -> dict[str, str]:
        """Names in the table of the columns that are no features, under what FATE's meta data call them."""
        return {f"{role}_name": column.name for role, column in self._special().items()}

    @property
    def text(self) -> str:
        """All of it as a text that differs where the table would; the salt is told by its digest."""
        said = [getattr(self, item.name) for item in fields(self) if item.name != "ids"]
        return repr([*(dict(part) if isinstance(part, Mapping) else part for part in said), self.ids.name])

    def fit(self, names: Sequence[str]) -> list[Column]:
        """The columns of the table, in its order, for a source that has these columns.

        :raises FateDataError: the source lacks a column that is asked for, or has names that FATE cannot read.
        """
        special = self._special()
        _check_source_names(names, self.wanted)
        for role, column in special.items():
            _require(column.source, names, role)
        taken = {column.source for column in special.values()}
        given = self.columns
        if given is None:
            features = {name: name for name in names if name not in taken}
        else:
            features = dict(given) if isinstance(given, Mapping) else {name: name for name in given}
            for name in features:
                _require(name, names, "columns")
            if both := taken & set(features):
                raise FateInputError(
                    f"columns={min(both)!r} is the id, label or weight as well", hint="Name the features only."
                )
        rules = {column.name: column for column in self.contract.columns} if self.contract else {}
        columns = [
            *special.values(),
            *(self._feature(source, name, rules.get(name)) for source, name in features.items()),
        ]
        _check_names([column.name for column in columns], made_up=self.sample_id is None)
        self._check_dtypes(features.values())
        return columns

    def _special(self) -> dict[str, Column]:
        contract = self.contract
        columns = {}
        if self.sample_id:
            columns["sample_id"] = Column(self.sample_id, self.sample_id, "id", "sample id", ids=IdRule(floats="keep"))
        rule: ColumnRule | None = contract.match_id if contract else None
        columns["match_id"] = Column(
            self.match_id, rule.name if rule else self.match_id, "id", "match id", ids=self.ids, rule=rule
        )
        if self.label:
            rule = contract.label if contract else None
            columns["label"] = self._numbers(
                self.label, rule.name if rule else self.label, self.label_type, "label", rule
            )
        if self.weight:
            rule = contract.weight if contract else None
            columns["weight"] = self._numbers(
                self.weight, rule.name if rule else self.weight, "float32", "weight", rule
            )
        sources = [column.source for column in columns.values()]
        if twice := {name for name in sources if sources.count(name) > 1}:
            raise FateInputError(
                f"column {min(twice)!r} cannot be two of sample id, match id, label and weight",
                hint="FATE makes sample ids by itself where none are named.",
            )
        return columns

    def _feature(self, source: str, name: str, rule: ColumnRule | None) -> Column:
        kind = self.dtype if isinstance(self.dtype, str) else self.dtype.get(name, "float32")
        return self._numbers(source, name, kind, "feature", rule)

    def _numbers(self, source: str, name: str, kind: str, what: str, rule: ColumnRule | None) -> Column:
        """A column that is no id, with the conversions that were declared for it."""
        convert: Convert | None
        kind, convert = conversion_of(kind)
        if what == "label" and convert is not None:
            kind = "int32"  # a class
        if rule is not None and rule.map is not None:
            convert = Words(rule.map, f"the contract's map of {name!r}")
        elif what == "label" and self.label_values:
            convert = Words(self.label_values)
        return Column(
            source,
            name,
            kind,
            what,
            self.na_values,
            rule=rule,
            convert=convert,
            number_format=self.number_format,
        )

    def _check_dtypes(self, features: Iterable[str]) -> None:
        known = {*FLOATS, *INTEGERS, "str", "object", "bool"}
        kinds = {self.dtype} if isinstance(self.dtype, str) else set(self.dtype.values())
        kinds = {kind for kind in kinds if conversion_of(kind)[1] is None}
        if wrong := (kinds | {self.label_type}) - known:
            raise FateInputError(
                f"type {min(wrong)!r} is not a type that FATE reads",
                hint=f"There are {', '.join(sorted(known))} and date.",
            )
        if not isinstance(self.dtype, str) and (unknown := set(self.dtype) - set(features)):
            raise FateInputError(
                f"dtype names column {min(unknown)!r}, which is not a feature of the table",
                hint=_closest(min(unknown), list(features)) or "Take it out.",
            )


def _require(name: str, names: Sequence[str], role: str) -> None:
    if name in names:
        return
    shown = ", ".join(names[:8]) + (f", ... ({len(names)} columns)" if len(names) > 8 else "")
    raise FateDataError(
        f"there is no column {name!r}, which {role} names; the source has {shown}",
        hint=_closest(name, names) or f"Correct {role}, or the source.",
        column=name,
    )


def _closest(name: str, names: Sequence[str]) -> str | None:
    by_lower_case = {known.strip().lower(): known for known in names}
    close = difflib.get_close_matches(name.lower(), by_lower_case, n=1, cutoff=0.75)
    return f"Did you mean {by_lower_case[close[0]]!r}? Case and spaces count." if close else None


def _check_source_names(names: Sequence[str], wanted: Sequence[str] | None) -> None:
    """Two columns of one name cannot be told apart, wherever the name is wanted."""
    if twice := {name for name in names if list(names).count(name) > 1 and (wanted is None or name in wanted)}:
        raise FateDataError(f"two columns are named {min(twice)!r}", hint="Give each its own name.", column=min(twice))


def _check_names(names: Sequence[str], *, made_up: bool) -> None:
    seen: set[str] = set()
    for position, name in enumerate(names, start=1):
        if not name.strip():
            problem, hint = f"column {position} has no name", "Name it; pandas writes such a column unless index=False."
        elif name != name.strip():
            problem, hint = f"the name {name!r} has spaces around it", "Rename it: columns={'" + name + "': 'x'}."
        elif set(name) & set(',"') or not name.isprintable():
            problem, hint = f"the name {name!r} has a comma, a quote or a control character", "Rename it."
        elif name in seen:
            problem, hint = f"two columns are named {name!r}", "Give each its own name."
        elif made_up and name == "extend_sid":
            problem, hint = "FATE adds a column 'extend_sid' of its own, and there is one", "Rename it."
        else:
            seen.add(name)
            continue
        raise FateDataError(problem, hint=hint, column=name)
