"""What is counted of each column: learned from the reference, so that another table is counted in the same way."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from airflow_provider_fate.models.drift.bins import FINE, Bins, equal_width, learn_bins
from airflow_provider_fate.models.drift.look import ColumnLook
from airflow_provider_fate.models.drift.profile import Binning, DriftProfile, NumericProfile
from airflow_provider_fate.models.drift.sample import RowSample

__all__ = ["MOST_CATEGORIES", "ColumnLayout", "layout_of", "learn_layout"]

MOST_CATEGORIES = 50
"""So many categories of a column are named at most."""
_SAMPLED = 8
"""A bin holds so many values of a sample at least: with fewer its share would be a matter of luck."""


@dataclass(frozen=True)
class ColumnLayout:
    """How a column is counted.

    :param bins: of numbers; ``None``: the column has categories.
    :param names: its categories.
    :param label: whether it is the label.
    """

    bins: Bins | None = None
    names: tuple[str, ...] = ()
    label: bool = False


def layout_of(profile: DriftProfile) -> dict[str, ColumnLayout]:
    """The layout that a profile was made with."""
    return {
        name: ColumnLayout(Bins(column.edges, column.atoms), label=column.label)
        if isinstance(column, NumericProfile)
        else ColumnLayout(names=tuple(column.categories), label=column.label)
        for name, column in profile.columns.items()
    }


def learn_layout(
    batches: Iterable[pa.RecordBatch],
    columns: Mapping[str, bool],
    *,
    forced: Collection[str] = (),
    min_count: int = 1,
    binning: Binning = "quantile",
    fine: int = FINE,
) -> tuple[dict[str, ColumnLayout], dict[str, str]]:
    """Read a table once, and decide how each of its columns is to be counted.

    Memory does not depend on the number of rows: 16,384 values are kept of each column, or about 2 million of all
    columns together, and the 10,000 most frequent texts of each.

    :param batches: the rows.
    :param columns: names of the columns, with whether each is a label.
    :param forced: columns of numbers that stand for categories.
    :returns: the layouts; and the columns that cannot be compared, with the reason.
    :raises FateDataError: a text is not UTF-8.
    """
    looks = {name: ColumnLook(name, name in forced) for name in columns}
    sample = RowSample(len(columns))
    for batch in batches:
        values = {}
        for name, look in looks.items():
            if (found := look.add(batch.column(name))) is None:
                sample.drop(name)
            else:
                values[name] = found
        sample.add(batch.num_rows, values)
    layouts: dict[str, ColumnLayout] = {}
    left_out: dict[str, str] = {}
    for name, look in looks.items():
        if look.other:
            left_out[name] = f"values of type {look.other} are not compared"
        elif look.is_category:
            names = look.names(MOST_CATEGORIES, min_count)
            if look.holds_texts and not names:
                left_out[name] = "no text in it occurs often enough: it holds ids, or sentences"
            else:
                layouts[name] = ColumnLayout(names=names, label=columns[name])
        else:
            layouts[name] = ColumnLayout(_bins(sample, name, min_count, binning, fine), label=columns[name])
    return layouts, left_out


def _bins(sample: RowSample, name: str, min_count: int, binning: Binning, fine: int) -> Bins:
    values = sample.sorted(name)
    if binning == "equal":
        return equal_width(values, fine)
    if sample.complete:
        return learn_bins(values, min_count, fine=fine)
    return learn_bins(values, max(_SAMPLED, -(-min_count * sample.size // sample.rows)), fine=fine)
