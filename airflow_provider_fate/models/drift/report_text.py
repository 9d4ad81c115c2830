"""A report of drift for people: lines of a log, and Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from airflow_provider_fate.text import columns

if TYPE_CHECKING:
    from airflow_provider_fate.models.drift.report import ColumnDrift, DriftReport

__all__ = ["report_lines", "report_markdown", "summary"]

_HEAD = ("column", "verdict", "PSI", "by chance", "KS", "p", "missing", "mean", "new categories")
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#])")
_NAMED = 5
"""New categories of a column that are named; the JSON has all of them."""


def report_lines(report: DriftReport, most: int = 25) -> list[str]:
    """A table with the columns that have changed most, for a log.

    :param most: so many columns.
    """
    lines = columns(_HEAD, [_cells(column) for column in report.columns[:most]])
    if len(report.columns) > most:
        lines.append(f"... and {len(report.columns) - most} more, which have changed less")
    return lines


def summary(report: DriftReport) -> str:
    """One sentence."""
    drifted, shifted = len(report.of_verdict("drifted")), len(report.of_verdict("shifted"))
    return (
        f"{report.current} ({report.current_rows:,} rows) against {report.reference} ({report.reference_rows:,} rows) "
        f"is {report.verdict}: {drifted} of {len(report.columns)} columns have drifted, {shifted} have shifted"
    )


def report_markdown(report: DriftReport) -> str:
    """Write the report. Names and categories are escaped: they cannot become a link or a heading."""
    return "\n\n".join(_blocks(report)) + "\n"


def _blocks(report: DriftReport) -> Iterator[str]:
    yield f"# Drift: {report.verdict}"
    yield f"{_text(summary(report))}."
    yield _table(_HEAD, [_cells(column) for column in report.columns])
    ks = "" if report.ks is None else f", or a KS of {report.ks:g}"
    more = "" if report.min_columns == 1 else f" A table drifts with {report.min_columns} columns."
    yield (
        f"A column has shifted from a PSI of {report.shifted:g}, and drifted from {report.drifted:g}{ks}; what is not "
        f"above the value that chance explains is stable.{more}"
    )
    if report.not_compared:
        yield "## Not compared"
        yield _table(("column", "reason"), list(report.not_compared.items()))


def _cells(column: ColumnDrift) -> list[str]:
    new = ", ".join(column.new_categories[:_NAMED]) + (" ..." if len(column.new_categories) > _NAMED else "")
    return [
        column.column,
        column.verdict,
        f"{column.psi:.3f}",
        f"{column.psi_by_chance:.3f}",
        "" if column.ks is None else f"{column.ks:.3f}",
        "" if column.ks_p is None else f"{column.ks_p:.2g}",
        _change(column.missing_before, column.missing_now, ".1%"),
        _change(column.mean_before, column.mean_now, ".4g"),
        new,
    ]


def _change(before: float | None, now: float | None, form: str) -> str:
    if before is None and now is None:
        return ""
    first, second = ("-" if value is None else format(value, form) for value in (before, now))
    return first if first == second else f"{first} -> {second}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [list(head), ["---"] * len(head), *([_text(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _text(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
