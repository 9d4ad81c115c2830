"""Counts a table by a layout: one reading, and memory that does not depend on the number of rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite, sqrt

import numpy as np
import pyarrow as pa

from airflow_provider_fate.errors import FateDataError
from airflow_provider_fate.models.drift.bins import Bins
from airflow_provider_fate.models.drift.counter import TextCounter
from airflow_provider_fate.models.drift.layout import MOST_CATEGORIES, ColumnLayout
from airflow_provider_fate.models.drift.look import not_utf8
from airflow_provider_fate.models.drift.profile import (
    Binning,
    CategoryProfile,
    ColumnProfile,
    DriftProfile,
    NumericProfile,
    rounded,
)
from airflow_provider_fate.models.drift.values import Floats, categories, numbers, stored

__all__ = ["count_profile"]


def count_profile(
    batches: Iterable[pa.RecordBatch],
    layouts: Mapping[str, ColumnLayout],
    *,
    name: str,
    min_count: int,
    binning: Binning = "quantile",
    more: int = MOST_CATEGORIES,
) -> DriftProfile:
    """Make the profile of a table.

    :param batches: its rows.
    :param layouts: how its columns are counted.
    :param name: of the table, for messages.
    :param more: so many categories are named at most besides those of the layout.
    :raises FateDataError: a column has another type than its layout.
    """
    counts = {
        column: _Categories(column, layout.names, name, more)
        if layout.bins is None
        else _Numbers(column, layout.bins, name, min_count)
        for column, layout in layouts.items()
    }
    rows = 0
    for batch in batches:
        rows += batch.num_rows
        for column, count in counts.items():
            count.add(batch.column(column))
    return DriftProfile(
        rows=rows,
        min_count=min_count,
        binning=binning,
        columns={column: count.profile(min_count, layouts[column].label) for column, count in counts.items()},
    )


class _Numbers:
    """A column of numbers."""

    def __init__(self, column: str, bins: Bins, table: str, kept: int) -> None:
        self._column, self._bins, self._table = column, bins, table
        self._edges: Floats = np.asarray(bins.edges, dtype=np.float64)
        self._counts = np.zeros(len(bins.edges) + 1, dtype=np.int64)
        self._missing = 0
        self._finite, self._mean, self._squares = 0, 0.0, 0.0
        self._ends: tuple[Floats, Floats] = (np.empty(0), np.empty(0))
        self._kept = kept  # so many of the lowest and of the highest values

    def add(self, array: pa.Array) -> None:
        values = numbers(array)
        if values is None:
            raise FateDataError(
                f"Column {self._column!r} of {self._table} holds values that are no numbers (type {array.type}), and "
                "the reference has numbers in it.",
                hint="Compare tables of the same columns and types, or leave it out with columns=[...].",
                column=self._column,
            )
        present = values[~np.isnan(values)]
        self._missing += values.size - present.size
        self._counts += np.bincount(np.searchsorted(self._edges, present), minlength=self._counts.size)
        finite = present[np.isfinite(present)]
        if finite.size:
            self._measure(finite)

    def _measure(self, values: Floats) -> None:
        """Chan's way to put variances together, which loses no digits where the mean is large."""
        with np.errstate(over="ignore", invalid="ignore"):
            mean = float(values.mean())
            squares = float(np.square(values - mean).sum())
            total, distance = self._finite + values.size, mean - self._mean
            self._squares += squares + distance * distance * self._finite * values.size / total
            self._mean += distance * values.size / total
            self._finite = total
        low, high = self._ends
        low, high = np.append(low, values), np.append(high, values)
        self._ends = _lowest(low, self._kept), -_lowest(-high, self._kept)

    def profile(self, min_count: int, label: bool) -> ColumnProfile:
        below = [rounded(int(count), min_count) for count in np.cumsum(self._counts)]
        enough = self._finite >= min_count
        low, high = self._ends
        return NumericProfile(
            label=label,
            count=below[-1],
            missing=rounded(self._missing, min_count),
            min=float(low.max()) if enough and low.size else None,
            max=float(high.min()) if enough and high.size else None,
            mean=self._mean if enough and self._finite and isfinite(self._mean) else None,
            std=sqrt(self._squares / self._finite) if enough and self._finite and isfinite(self._squares) else None,
            edges=self._bins.edges,
            counts=tuple(high - low for low, high in zip([0, *below], below, strict=False)),
            atoms=self._bins.atoms,
        )


def _lowest(values: Floats, number: int) -> Floats:
    return values if values.size <= number else np.partition(values, number - 1)[:number]


class _Categories:
    """A column of categories."""

    def __init__(self, column: str, names: Sequence[str], table: str, more: int) -> None:
        self._column, self._table, self._more = column, table, more
        self._texts = TextCounter(names)
        self._numbers = all(map(_is_number, names))

    def add(self, array: pa.Array) -> None:
        kind = stored(array.type)
        if kind == "other" or (kind in ("integer", "float") and not self._numbers):
            raise FateDataError(
                f"Column {self._column!r} of {self._table} has the type {array.type}, and the reference has texts in "
                "it.",
                hint="Compare tables of the same columns and types, or leave it out with columns=[...].",
                column=self._column,
            )
        texts = categories(array)
        if texts is None:
            raise not_utf8(self._column)
        self._texts.add(texts)

    def profile(self, min_count: int, label: bool) -> ColumnProfile:
        known = [*self._texts.always.items(), *self._texts.most(self._more)]
        frequent = sorted(((text, n) for text, n in known if n >= min_count), key=lambda item: (-item[1], item[0]))
        others = self._texts.count - sum(count for _, count in frequent)
        named = {text: rounded(count, min_count) for text, count in frequent}
        return CategoryProfile(
            label=label,
            count=sum(named.values()) + rounded(others, min_count),
            missing=rounded(self._texts.missing, min_count),
            categories=named,
            others=rounded(others, min_count),
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
