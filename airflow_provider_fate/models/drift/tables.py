"""The profiles of the two tables of a comparison."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.models.drift.count import count_profile
from airflow_provider_fate.models.drift.layout import layout_of, learn_layout
from airflow_provider_fate.models.drift.profile import MIN_COUNT, Binning, DriftProfile
from airflow_provider_fate.models.drift.table import DriftTable, larger, listed

__all__ = ["current_profile", "part_of", "reference_profile"]


def reference_profile(
    table: DriftTable,
    *,
    columns: Sequence[str] | None = None,
    categories: Collection[str] = (),
    min_count: int = MIN_COUNT,
    binning: Binning = "quantile",
) -> tuple[DriftProfile, dict[str, str]]:
    """Learn from a table what another one is compared with; the table is read twice.

    :param columns: those that count; ``None``: the usual ones of the table.
    :param categories: columns of numbers that stand for categories.
    :param min_count: see :class:`~airflow_provider_fate.models.drift.profile.DriftProfile`.
    :returns: its profile; and the columns that cannot be compared, with the reason.
    :raises FateInputError: a column is not there.
    """
    if min_count < 1:
        raise FateInputError(f"min_count={min_count} is below 1.", hint="1 rounds nothing.")
    if binning not in ("quantile", "equal"):
        raise FateInputError(f"binning={binning!r} is unknown.", hint="Write 'quantile' or 'equal'.")
    chosen = table.chosen(columns)
    table.require(categories, "categories")
    labels = {name: name in table.labels for name in chosen}
    layouts, left_out = learn_layout(
        larger(table.read(chosen)), labels, forced=categories, min_count=min_count, binning=binning
    )
    profile = count_profile(
        larger(table.read(chosen)), layouts, name=table.name, min_count=min_count, binning=binning, more=0
    )
    return profile, left_out


def current_profile(
    table: DriftTable, reference: DriftProfile, *, name: str = "the reference"
) -> tuple[DriftProfile, dict[str, str]]:
    """Count a table as the reference was counted; it is read once.

    :param name: of the reference, for messages.
    :returns: its profile; and columns of only one of both that nobody need have, with the reason.
    :raises FateInputError: a column of the reference is not there.
    :raises FateDataError: a column has another type.
    """
    layouts = layout_of(reference)
    known = set(table.header)
    left_out = {}
    for column in [column for column, layout in layouts.items() if layout.label and column not in known]:
        del layouts[column]
        left_out[column] = f"the label is not in {table.name}"
    table.require(list(layouts), name)
    for column in table.usual or ():
        if column not in reference.columns:
            left_out[column] = f"not in {name}"
    profile = count_profile(
        larger(table.read(list(layouts))),
        layouts,
        name=table.name,
        min_count=reference.min_count,
        binning=reference.binning,
    )
    return profile, left_out


def part_of(profile: DriftProfile, columns: Sequence[str] | None, name: str, why: str) -> DriftProfile:
    """A profile with only these columns.

    :param name: of the profile, for messages.
    :param why: who names the columns, likewise.
    :raises FateInputError: it lacks one.
    """
    if columns is None:
        return profile
    if isinstance(columns, str):
        raise FateInputError(f"columns={columns!r} is not a list of names.", hint="Write ['age', 'income'].")
    if missing := [column for column in columns if column not in profile.columns]:
        raise FateInputError(
            f"{name} has no column {listed(missing)}, which {why} names.",
            hint=f"It has {listed(list(profile.columns))}.",
        )
    return profile.model_copy(update={"columns": {column: profile.columns[column] for column in columns}})
