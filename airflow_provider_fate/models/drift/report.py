"""What a comparison has found."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Literal

from pydantic import BaseModel, ConfigDict

from airflow_provider_fate.errors import FateInputError

__all__ = ["ColumnDrift", "DriftReport", "DriftThresholds", "DriftVerdict"]

DriftVerdict = Literal["stable", "shifted", "drifted"]


@dataclass(frozen=True)
class DriftThresholds:
    """From when on a column has changed.

    :param shifted: PSI from which it has shifted.
    :param drifted: PSI from which it has drifted.
    :param ks: distance from which it has drifted, too; ``None``: KS is told, and decides nothing.
    :param min_columns: so many columns must have drifted for the table to have drifted.
    """

    shifted: float = 0.1
    drifted: float = 0.25
    ks: float | None = None
    min_columns: int = 1

    def __post_init__(self) -> None:
        for name, value in (("shifted", self.shifted), ("drifted", self.drifted), ("ks", self.ks)):
            if value is not None and not (isfinite(value) and value > 0):
                raise FateInputError(f"{name}={value!r} is no threshold.", hint="Write a number above 0, such as 0.25.")
        if self.shifted > self.drifted:
            raise FateInputError(
                f"shifted={self.shifted} is above drifted={self.drifted}.",
                hint="A column shifts before it drifts: usual are 0.1 and 0.25.",
            )
        if self.ks is not None and self.ks > 1:
            raise FateInputError(f"ks={self.ks} is above 1.", hint="The distance is between 0 and 1.")
        if self.min_columns < 1:
            raise FateInputError(f"min_columns={self.min_columns} is below 1.", hint="1: any column is enough.")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ColumnDrift(_Part):
    """How much a column has changed.

    :param kind: ``numeric`` or ``category``.
    :param verdict: by the thresholds, as far as it is no matter of chance.
    :param psi: the index; missing values are a bin of their own, where there are any.
    :param psi_by_chance: what the index exceeds in one of a hundred comparisons of equal tables, in any of the columns.
        Less than that is no change.
    :param ks: the distance of the values that are not missing; ``None`` for categories.
    :param ks_error: the true distance is at most so much larger, or smaller by what is rounded of counts.
    :param ks_p: how probable such a distance is by chance.
    :param missing_before: part of the reference's rows without a value.
    :param missing_now: part of the current table's rows without a value.
    :param mean_before: of the reference.
    :param mean_now: of the current table.
    :param new_categories: categories that were not named in the reference, and are more frequent now than all that were
        not named there together.
    """

    column: str
    kind: Literal["numeric", "category"]
    verdict: DriftVerdict
    psi: float
    psi_by_chance: float
    ks: float | None = None
    ks_error: float | None = None
    ks_p: float | None = None
    missing_before: float
    missing_now: float
    mean_before: float | None = None
    mean_now: float | None = None
    new_categories: tuple[str, ...] = ()


class DriftReport(_Part):
    """The comparison of a table with its reference, as ``report.json`` holds it.

    :param reference: what it was compared with.
    :param current: the table.
    :param verdict: ``drifted`` where enough columns have drifted, else ``shifted`` where one has changed.
    :param columns: those that have changed most first.
    :param not_compared: other columns, with the reason.
    """

    format: Literal["airflow-provider-fate/drift-report"] = "airflow-provider-fate/drift-report"
    format_version: Literal[1] = 1
    reference: str
    reference_rows: int
    current: str
    current_rows: int
    verdict: DriftVerdict
    shifted: float
    drifted: float
    ks: float | None
    min_columns: int
    columns: tuple[ColumnDrift, ...]
    not_compared: dict[str, str]

    def of_verdict(self, verdict: DriftVerdict) -> list[str]:
        """Names of the columns with a verdict."""
        return [column.column for column in self.columns if column.verdict == verdict]

    def to_json(self) -> str:
        """As it stands in ``report.json``: the same comparison has the same text."""
        return self.model_dump_json(indent=1) + "\n"
