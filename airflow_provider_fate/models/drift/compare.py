"""Compares two profiles column by column."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.models.drift.bins import coarse
from airflow_provider_fate.models.drift.measures import ks_distance, ks_p_value, psi_by_chance, psi_index
from airflow_provider_fate.models.drift.profile import CategoryProfile, ColumnProfile, DriftProfile, NumericProfile
from airflow_provider_fate.models.drift.report import ColumnDrift, DriftReport, DriftThresholds, DriftVerdict

__all__ = ["BINS", "compare_profiles"]

BINS = 10
"""Bins of PSI, which is what its usual thresholds are made for."""
_LEAST, _PER_BIN = 10, 4
"""A bin of PSI should hold so many rows on both sides at least, and so many times ``min_count``: else luck, or
what rounding does to them, would decide."""
_LEVEL = 0.01
"""So often a comparison of equal tables may find a change in any of its columns."""


def compare_profiles(
    reference: DriftProfile,
    current: DriftProfile,
    *,
    names: tuple[str, str] = ("the reference", "the current table"),
    thresholds: DriftThresholds | None = None,
    bins: int = BINS,
    not_compared: Mapping[str, str] | None = None,
) -> DriftReport:
    """Compare the columns that both profiles have.

    :param names: of the two tables.
    :param bins: of PSI, for a column of numbers; fewer where the reference has too few rows for so many.
    :param not_compared: other columns, with the reason.
    :raises FateInputError: they have no column in common, or their bins are not the same.
    """
    thresholds = thresholds or DriftThresholds()
    if bins < 2:
        raise FateInputError(f"bins={bins} is below 2.", hint=f"Usual are {BINS}.")
    common = [name for name in reference.columns if name in current.columns]
    if not common:
        raise FateInputError(
            f"{names[0]} and {names[1]} have no column in common that can be compared.",
            hint="Is it the right table? columns=[...] says which columns are compared.",
        )
    level = _LEVEL / len(common)
    found = [
        _column(name, reference, current, thresholds=thresholds, bins=bins, level=level, names=names) for name in common
    ]
    found.sort(key=lambda column: (-_RANK[column.verdict], -column.psi, column.column))
    drifted = sum(column.verdict == "drifted" for column in found)
    changed: DriftVerdict = "shifted" if any(column.verdict != "stable" for column in found) else "stable"
    return DriftReport(
        reference=names[0],
        reference_rows=reference.rows,
        current=names[1],
        current_rows=current.rows,
        verdict="drifted" if drifted >= thresholds.min_columns else changed,
        shifted=thresholds.shifted,
        drifted=thresholds.drifted,
        ks=thresholds.ks,
        min_columns=thresholds.min_columns,
        columns=tuple(found),
        not_compared=dict(not_compared or {}),
    )


_RANK = {"stable": 0, "shifted": 1, "drifted": 2}


def _column(
    name: str,
    reference: DriftProfile,
    current: DriftProfile,
    *,
    thresholds: DriftThresholds,
    bins: int,
    level: float,
    names: tuple[str, str],
) -> ColumnDrift:
    before, now = reference.columns[name], current.columns[name]
    base = max(reference.min_count, current.min_count)
    # So that as many rows of the current table are to be expected there, too.
    needed = max(_LEAST, _PER_BIN * base) * max(1.0, before.count / now.count if now.count else 1.0)
    ks: float | None = None
    ks_error: float | None = None
    ks_p: float | None = None
    new: tuple[str, ...] = ()
    if isinstance(before, NumericProfile) and isinstance(now, NumericProfile):
        if before.edges != now.edges:
            raise FateInputError(
                f"The bins of column {name!r} are not the same in {names[0]} and {names[1]}.",
                hint="A profile is counted in the bins of its reference. Give the table itself instead of the profile "
                "of one of them.",
            )
        histograms = _numbers(before, now, bins, needed, reference.binning == "equal")
        if before.count and now.count:
            ks = ks_distance(before.counts, now.counts)
            ks_p = ks_p_value(ks, before.count, now.count)
            loose = [n for place, n in enumerate(before.counts) if place not in set(before.atoms)]
            ks_error = max(loose, default=0) / before.count + (base // 2) * (1 / before.count + 1 / now.count)
    elif isinstance(before, CategoryProfile) and isinstance(now, CategoryProfile):
        histograms, new = _categories(before, now, needed)
    else:
        raise FateInputError(
            f"Column {name!r} has numbers in one of {names[0]} and {names[1]}, and categories in the other.",
            hint="Compare tables of the same columns and types, or leave it out with columns=[...].",
        )
    if before.missing or now.missing:
        histograms.append((before.missing, now.missing))
    psi = psi_index([one for one, _ in histograms], [other for _, other in histograms])
    chance = psi_by_chance(sum(1 for pair in histograms if any(pair)), reference.rows, current.rows, level, base)
    verdict: DriftVerdict = "stable"
    if psi > chance and psi >= thresholds.shifted:
        verdict = "drifted" if psi >= thresholds.drifted else "shifted"
    if thresholds.ks is not None and ks is not None and ks_p is not None and ks >= thresholds.ks and ks_p < level:
        verdict = "drifted"
    return ColumnDrift(
        column=name,
        kind=before.kind,
        verdict=verdict,
        psi=_short(psi),
        psi_by_chance=_short(chance),
        ks=None if ks is None else _short(ks),
        ks_error=None if ks_error is None else _short(ks_error),
        ks_p=None if ks_p is None else float(f"{ks_p:.3g}"),
        missing_before=_share(before, reference.rows),
        missing_now=_share(now, current.rows),
        mean_before=before.mean if isinstance(before, NumericProfile) else None,
        mean_now=now.mean if isinstance(now, NumericProfile) else None,
        new_categories=new,
    )


def _numbers(
    before: NumericProfile, now: NumericProfile, bins: int, needed: float, equal: bool
) -> list[tuple[int, int]]:
    wanted = max(2, min(bins, int(before.count / needed)))
    places = coarse(before.edges, before.counts, before.atoms, wanted, equal=equal)
    ends = [0, *(place + 1 for place in places), len(before.counts)]
    return _merged([(sum(before.counts[low:high]), sum(now.counts[low:high])) for low, high in pairwise(ends)], needed)


def _merged(bins: list[tuple[int, int]], needed: float) -> list[tuple[int, int]]:
    """Put neighbours together that hold too few rows of the reference; what was empty there stays by itself."""
    merged: list[tuple[int, int]] = []
    empty: list[tuple[int, int]] = []
    waiting = (0, 0)
    for one in bins:
        if not one[0] and not waiting[0]:
            empty.append(one)
            continue
        waiting = (waiting[0] + one[0], waiting[1] + one[1])
        if waiting[0] >= needed:
            merged.append(waiting)
            waiting = (0, 0)
    if any(waiting):
        last = merged.pop() if merged else (0, 0)
        merged.append((last[0] + waiting[0], last[1] + waiting[1]))
    return merged + empty


def _categories(
    before: CategoryProfile, now: CategoryProfile, needed: float
) -> tuple[list[tuple[int, int]], tuple[str, ...]]:
    """The frequent categories one by one, and all others together."""
    known = [(n, now.categories.get(name, 0)) for name, n in before.categories.items() if n >= needed]
    rest = (before.count - sum(n for n, _ in known), now.count - sum(n for _, n in known))
    unnamed = before.others / before.count if before.count else 0.0
    new = tuple(
        name
        for name, count in now.categories.items()
        if name not in before.categories and now.count and count / now.count > unnamed
    )
    return [*known, rest], new


def _share(column: ColumnProfile, rows: int) -> float:
    return _short(min(1.0, column.missing / rows)) if rows else 0.0


def _short(value: float) -> float:
    return round(value, 6)
