"""How many rows the parties must have in common, and what a task says where they have fewer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException

if TYPE_CHECKING:
    from airflow_provider_fate.site.ref import JobRef

__all__ = ["Overlap", "Thresholds"]


@dataclass(frozen=True)
class Overlap:
    """What an intersection has found.

    :param rows: rows of the own table that all parties have.
    :param own_rows: rows of the own table.
    """

    rows: int
    own_rows: int

    @classmethod
    def measured(cls, ref: JobRef, metrics: Mapping[str, Any], task: str) -> Overlap:
        """As the task of a finished job has measured it.

        :param metrics: metrics of the job.
        :param task: name of the task that matches the rows.
        :raises FateServerError: they do not say.
        """
        from airflow_provider_fate.errors import FateServerError

        try:
            return cls(*(int(metrics[f"{task}.{name}"]) for name in ("intersect_count", "input_count")))
        except KeyError as e:
            raise FateServerError(
                f"Job {ref.job_id} has succeeded, but how much the parties have in common cannot be read ({e}).",
                hint="The log above says why. A retry looks again, at the same job.",
                job_id=ref.job_id,
            ) from None

    @property
    def share(self) -> float:
        """Which part of the own table is in common."""
        return self.rows / self.own_rows if self.own_rows else 0.0

    def facts(self) -> dict[str, Any]:
        """For XCom."""
        return {"overlap": self.rows, "own_rows": self.own_rows, "share": self.share}


@dataclass(frozen=True)
class Thresholds:
    """What an overlap is held to.

    :param min_rows: so many rows at least; 0: any number.
    :param min_share: such a part of the own table at least; 0: any.
    """

    min_rows: int
    min_share: float

    @classmethod
    def of(cls, min_overlap: int | str | None, min_share: float | str | None) -> Thresholds:
        """Read the arguments of an operator, after their templates were rendered.

        :raises FateInputError: one of them cannot be.
        """
        from airflow_provider_fate.errors import FateInputError

        rows, share = _number(min_overlap, int), _number(min_share, float)
        if rows is None or rows < 0 or (rows == 0 and min_overlap is not None):
            raise FateInputError(f"min_overlap={min_overlap!r} is not a number of rows.", hint="Write 1 or more.")
        if share is None or not 0 <= share <= 1 or (share == 0 and min_share is not None):
            raise FateInputError(
                f"min_share={min_share!r} is not a share of the own table.",
                hint="Write a number above 0 and up to 1, such as 0.2 for 20 %.",
            )
        return cls(int(rows), share)

    @property
    def any(self) -> bool:
        """Whether anything is asked for at all."""
        return bool(self.min_rows or self.min_share)

    def judge(self, found: Overlap, job_id: str, hosts: Iterable[str]) -> None:
        """Fail the task, without a retry, where too few rows are in common.

        :param hosts: party ids of the partners.
        :raises AirflowFailException: from :class:`~airflow_provider_fate.errors.FateOverlapError`.
        """
        from airflow_provider_fate.errors import FateOverlapError

        wanted = [f"min_overlap={self.min_rows}"] if found.rows < self.min_rows else []
        if found.share < self.min_share:
            wanted.append(f"min_share={self.min_share:g}")
        if not wanted:
            return
        error = FateOverlapError(
            f"Only {found.rows} of {found.own_rows} rows of the own table are in common with host "
            f"{', '.join(hosts)} ({found.share:.1%}), less than {' and '.join(wanted)} asks for.",
            overlap=found.rows,
            own_rows=found.own_rows,
            job_id=job_id,
            hint="Ask the partners how their ids are made, since nobody sees another's: hashed on one side only or "
            "with another salt, written differently (case, leading zeros, blanks, a prefix), or of another day. Where "
            "the partners just have few of these rows, lower the threshold.",
        )
        raise AirflowFailException(str(error)) from error


def _number(value: float | str | None, kind: type[int] | type[float]) -> float | None:
    """The value as a number, 0 for none, and ``None`` for what is no number."""
    if value is None:
        return 0
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if kind is float or number.is_integer() else None
