"""What a partner's job may ask of this site, and in which points one asks for more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from airflow_provider_fate.errors import FateInvalidParameterError

if TYPE_CHECKING:
    from airflow_provider_fate.site.incoming import IncomingJob

__all__ = ["Hours", "JobRules"]


@dataclass(frozen=True)
class Hours:
    """A part of the day; it may go beyond midnight.

    :param begin: from this time on.
    :param end: before this time.
    :param timezone: where the clock stands by which it is meant.
    """

    begin: time
    end: time
    timezone: ZoneInfo

    @classmethod
    def of(cls, hours: tuple[str, str], timezone: str) -> Hours:
        """Read ``("22:00", "06:00")``.

        :raises FateInvalidParameterError: one of it is no time, or there is no such time zone.
        """
        try:
            begin, end = (time.fromisoformat(text) for text in hours)
        except (ValueError, TypeError):
            raise FateInvalidParameterError(
                f"hours={hours!r} is not a part of the day.", hint="Write a begin and an end: ('22:00', '06:00')."
            ) from None
        try:
            return cls(begin, end, ZoneInfo(timezone))
        except (ZoneInfoNotFoundError, ValueError):
            raise FateInvalidParameterError(
                f"timezone={timezone!r} is not known.", hint="Write a name such as 'UTC' or 'Europe/Berlin'."
            ) from None

    def hold(self, moment: float) -> bool:
        """Whether a moment, a Unix time, is among them."""
        clock = datetime.fromtimestamp(moment, self.timezone).time()
        if self.begin <= self.end:
            return self.begin <= clock < self.end
        return clock >= self.begin or clock < self.end

    def __str__(self) -> str:
        return f"{self.begin:%H:%M} to {self.end:%H:%M} {self.timezone.key}"


@dataclass(frozen=True)
class JobRules:
    """What was agreed; ``None``: nothing was said of it.

    :param initiators: party ids of who may start jobs.
    :param components: what they may run here.
    :param tables: what they may read here; ``*`` and ``?`` stand for characters.
    :param max_rows: of each table.
    :param max_cores: of this site's pool.
    :param hours: in which jobs may come in.
    """

    initiators: frozenset[str] | None = None
    components: frozenset[str] | None = None
    tables: tuple[str, ...] | None = None
    max_rows: int | None = None
    max_cores: int | None = None
    hours: Hours | None = None

    def breaches(self, job: IncomingJob, rows: Mapping[str, int | None]) -> Iterator[str]:
        """In which points a job asks for more, each as a sentence.

        :param rows: rows of the tables that it reads here, as far as they are known.
        """
        if self.initiators is not None and job.initiator not in self.initiators:
            yield f"party {job.initiator or 'unknown'} may not start jobs here"
        if self.components is not None and (more := sorted(set(job.components) - self.components)):
            yield f"it runs {', '.join(more)}"
        for table in job.tables:
            if self.tables is not None and not any(fnmatchcase(table, wish) for wish in self.tables):
                yield f"it reads {table}"
            count = rows.get(table)
            if self.max_rows is not None and count is not None and count > self.max_rows:
                yield f"{table} has {count} rows, more than {self.max_rows}"
        if self.max_cores is not None and job.cores is not None and job.cores > self.max_cores:
            yield f"it takes {job.cores} cores, more than {self.max_cores}"
        if self.hours is not None and not self.hours.hold(job.created):
            yield f"it has come in outside {self.hours}"
