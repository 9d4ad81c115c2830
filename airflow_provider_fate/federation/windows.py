"""When the host publishes, when the guest may run jobs, and when nobody works."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from airflow_provider_fate.federation.part import FederationPart

__all__ = ["Calendar", "Maintenance", "RunWindow", "Window"]

_CLOCK = r"^(?:[01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$"
_MOMENT = r"^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?)?$"
_MINUTES = 24 * 60
_FAR = 370
"""Days ahead in which the next opening is looked for: the longest calendar is one year."""

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _clock(text: str) -> str:
    if not re.fullmatch(_CLOCK, text):
        raise ValueError("a time of day is written HH:MM, from '00:00' to '24:00'")
    return text


def _moment(given: object) -> object:
    """A whole day, or a moment in the time zone of the file."""
    if isinstance(given, str):
        with suppress(ValueError):
            given = (date if len(given) == len("2026-01-31") else datetime).fromisoformat(given)
    if isinstance(given, datetime) and given.tzinfo is not None:
        raise ValueError("times are in the time zone of the file: leave the offset out")
    if isinstance(given, date):
        return given
    raise ValueError("a day is written YYYY-MM-DD, a moment YYYY-MM-DD HH:MM")


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("there is no such time zone: write one such as Europe/Berlin or UTC") from None
    return name


Clock = Annotated[str, AfterValidator(_clock), WithJsonSchema({"type": "string", "pattern": _CLOCK})]
Moment = Annotated[datetime | date, BeforeValidator(_moment), WithJsonSchema({"type": "string", "pattern": _MOMENT})]
ZoneName = Annotated[str, AfterValidator(_zone)]


class Window(FederationPart):
    """A part of the day, for the tables of each date.

    :param start: time of day at which it opens (``from`` in YAML), ``HH:MM``.
    :param end: time of day at which it closes (``until``), ``HH:MM``; earlier than ``from``: on the next day.
    :param day: so many days after the date of the tables; 0: on that date itself.
    :param weekdays: the days on which it opens; all by default.
    """

    start: Clock = Field(alias="from")
    end: Clock = Field(alias="until")
    day: int = Field(default=0, ge=0, le=31)
    weekdays: tuple[Weekday, ...] = Field(default=WEEKDAYS, min_length=1)

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.start == self.end or self.start == "24:00":
            raise ValueError(
                f"the window from {self.start} until {self.end} is empty: for a whole day write 00:00, 24:00"
            )
        return self

    def opens_on(self, day: date) -> bool:
        """Whether it opens on this day of the week."""
        return WEEKDAYS[day.weekday()] in self.weekdays

    def on(self, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Begin and end in UTC of the opening on a day."""
        begin, end = _minutes(self.start), _minutes(self.end)
        return _at(day, begin, zone), _at(day, end if end > begin else end + _MINUTES, zone)


class RunWindow(Window):
    """When the guest may run jobs with the tables of a date.

    :param for_days: it opens on so many days in a row for one date, so that late jobs and backfills find it; ``None``:
        on all later days.
    """

    for_days: int | None = Field(default=None, ge=1)


class Maintenance(FederationPart):
    """A time in which no job may run.

    :param start: first day, or moment (``from`` in YAML), in the time zone of the file.
    :param end: last day, which still belongs to it, or moment (``until``).
    :param why: what for, for people.
    """

    start: Moment = Field(alias="from")
    end: Moment = Field(alias="until")
    why: str | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        begin, end = self.span(ZoneInfo("UTC"))
        if begin >= end:
            raise ValueError(f"the time from {self.start} until {self.end} is empty: until has to be later")
        return self

    def span(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Begin and end in UTC."""
        return _edge(self.start, zone, last=False), _edge(self.end, zone, last=True)


class Calendar:
    """The windows of a file in its time zone.

    :param timezone: name of the zone.
    """

    def __init__(
        self,
        timezone: str,
        publish: Window | None = None,
        run: RunWindow | None = None,
        maintenance: Sequence[Maintenance] = (),
    ) -> None:
        self.zone = ZoneInfo(timezone)
        self.publish = publish
        self.run = run
        self.maintenance = maintenance

    def published_by(self, day: date) -> datetime | None:
        """When the hosts have published the tables of a date; ``None`` where no time is agreed."""
        return None if self.publish is None else self.publish.on(self._after(day, self.publish), self.zone)[1]

    def newest_day(self, now: datetime) -> date:
        """The newest date whose tables should be there: today, where no time is agreed."""
        today = now.astimezone(self.zone).date()
        for back in range(_FAR if self.publish else 0):
            day = today - timedelta(days=back)
            due = self.published_by(day)
            if (
                due is not None
                and due <= now
                and self.publish
                and self.publish.opens_on(self._after(day, self.publish))
            ):
                return day
        return today

    def why_not(self, day: date | None, now: datetime) -> str | None:
        """Why a job may not run now; ``None`` if it may.

        :param day: date of its tables; ``None``: not known.
        :param now: the moment, with its zone.
        """
        for one in self.maintenance:
            begin, end = one.span(self.zone)
            if begin <= now < end:
                return f"there is maintenance until {self._said(end)}{f' ({one.why})' if one.why else ''}"
        if self.run is None:
            return None
        if any(begin <= now < end for begin, end in self._openings(day, now)):
            return None
        coming = next((begin for begin, _ in self._openings(day, now) if begin > now), None)
        of_day = f" for tables of {day}" if day else ""
        if coming is None:
            return f"the guest's window{of_day} has closed, and does not open again"
        return f"the guest's window{of_day} is not open; it opens at {self._said(coming)}"

    def can_meet(self) -> bool:
        """Whether tables can be published before the guest's window for them closes, on any day of the week."""
        if self.publish is None or self.run is None:
            return True
        monday = date(2026, 1, 5)
        for day in (monday + timedelta(days=n) for n in range(7)):
            if not self.publish.opens_on(published := self._after(day, self.publish)):
                continue
            begin = self.publish.on(published, self.zone)[0]
            if any(end > begin for _, end in self._openings(day, begin)):
                return True
        return False

    def _openings(self, day: date | None, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Openings of the guest's window that have not closed, in order."""
        assert self.run is not None
        first = now.astimezone(self.zone).date() - timedelta(days=1)  # it may go beyond midnight
        last = first + timedelta(days=_FAR)
        if day is not None:
            begin = self._after(day, self.run)
            first = max(first, begin)
            last = max(last, begin + timedelta(days=_FAR))
            if self.run.for_days is not None:
                last = begin + timedelta(days=self.run.for_days - 1)
        while first <= last:
            if self.run.opens_on(first):
                begin_at, end_at = self.run.on(first, self.zone)
                if end_at > now and end_at > begin_at:
                    yield begin_at, end_at
            first += timedelta(days=1)

    @staticmethod
    def _after(day: date, window: Window) -> date:
        return day + timedelta(days=window.day)

    def _said(self, moment: datetime) -> str:
        return f"{moment.astimezone(self.zone):%Y-%m-%d %H:%M} {self.zone.key}"


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def _at(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    days, rest = divmod(minutes, _MINUTES)
    local = datetime.combine(day + timedelta(days=days), time(rest // 60, rest % 60), tzinfo=zone)
    return local.astimezone(UTC)


def _edge(given: Any, zone: ZoneInfo, *, last: bool) -> datetime:
    if isinstance(given, datetime):
        return given.replace(tzinfo=zone).astimezone(UTC)
    return _at(given, _MINUTES if last else 0, zone)
