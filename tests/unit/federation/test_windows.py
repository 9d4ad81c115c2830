from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from airflow_provider_fate.federation.windows import Calendar, Maintenance, RunWindow, Window

BERLIN = "Europe/Berlin"
CLOCKS = st.builds(lambda h, m: f"{h:02}:{m:02}", st.integers(0, 23), st.integers(0, 59))


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(BERLIN))


def run(start: str, end: str, **more) -> Calendar:
    return Calendar(BERLIN, run=RunWindow(**{"from": start, "until": end, **more}))


@pytest.mark.parametrize(
    ("now", "open_"),
    [
        ("2026-11-26 02:59", False),
        ("2026-11-26 03:00", True),
        ("2026-11-26 05:59:59", True),
        ("2026-11-26 06:00", False),
        ("2026-11-28 04:00", False),  # a Saturday
    ],
)
def test_a_window_is_open_from_its_beginning_until_before_its_end(now, open_):
    calendar = run("03:00", "06:00", weekdays=["mon", "tue", "wed", "thu", "fri"])
    assert (calendar.why_not(None, local(now)) is None) is open_


@pytest.mark.parametrize(("now", "open_"), [("23:00", True), ("03:59", True), ("04:00", False), ("21:59", False)])
def test_a_window_may_go_beyond_midnight(now, open_):
    assert (run("22:00", "04:00").why_not(None, local(f"2026-11-26 {now}")) is None) is open_


def test_a_window_is_in_the_time_zone_of_the_file_in_summer_and_winter():
    calendar = run("03:00", "04:00")
    assert calendar.why_not(None, datetime(2026, 7, 1, 1, 30, tzinfo=UTC)) is None
    assert calendar.why_not(None, datetime(2026, 12, 1, 2, 30, tzinfo=UTC)) is None
    assert calendar.why_not(None, datetime(2026, 12, 1, 1, 30, tzinfo=UTC)) is not None


def test_tables_of_a_date_are_used_neither_too_early_nor_too_late():
    calendar = run("03:00", "06:00", day=1, for_days=2)
    day = date(2026, 11, 25)
    assert "opens at 2026-11-26 03:00 Europe/Berlin" in calendar.why_not(day, local("2026-11-25 04:00"))
    assert calendar.why_not(day, local("2026-11-26 04:00")) is None
    assert "opens at 2026-11-27 03:00" in calendar.why_not(day, local("2026-11-26 07:00"))
    assert calendar.why_not(day, local("2026-11-27 04:00")) is None
    assert "has closed, and does not open again" in calendar.why_not(day, local("2026-11-28 04:00"))


def test_without_for_days_a_backfill_finds_the_window_open():
    assert run("03:00", "06:00").why_not(date(2026, 1, 1), local("2026-11-26 04:00")) is None


def test_without_a_window_a_job_may_run_at_any_time():
    assert Calendar("UTC").why_not(date(2026, 1, 1), local("2026-11-26 04:00")) is None


def test_nothing_runs_in_maintenance_and_the_reason_is_told():
    freeze = Maintenance(**{"from": "2026-12-23", "until": "2027-01-01", "why": "freeze"})
    calendar = Calendar(BERLIN, maintenance=[freeze])
    assert calendar.why_not(None, local("2026-12-22 23:59")) is None
    said = "there is maintenance until 2027-01-02 00:00 Europe/Berlin (freeze)"
    assert calendar.why_not(None, local("2026-12-23 00:00")) == said
    assert calendar.why_not(None, local("2027-01-01 23:59")) is not None
    assert calendar.why_not(None, local("2027-01-02 00:00")) is None


def test_maintenance_may_begin_at_a_moment():
    one = Maintenance(**{"from": "2026-12-05 22:00", "until": "2026-12-06 04:00"})
    calendar = Calendar(BERLIN, maintenance=[one])
    assert calendar.why_not(None, local("2026-12-05 21:59")) is None
    assert calendar.why_not(None, local("2026-12-05 22:00")) is not None
    assert calendar.why_not(None, local("2026-12-06 04:00")) is None


def test_the_newest_day_is_the_last_whose_tables_should_be_there():
    calendar = Calendar(BERLIN, publish=Window(**{"from": "01:00", "until": "02:30", "day": 1}))
    assert calendar.newest_day(local("2026-11-27 02:29")) == date(2026, 11, 25)
    assert calendar.newest_day(local("2026-11-27 02:30")) == date(2026, 11, 26)
    assert calendar.published_by(date(2026, 11, 26)) == local("2026-11-27 02:30")
    assert Calendar(BERLIN).newest_day(local("2026-11-27 00:30")) == date(2026, 11, 27)


NIGHT = {"from": "01:00", "until": "02:00"}
MORNING = {"from": "06:00", "until": "07:00"}
RUN = {"from": "03:00", "until": "06:00"}


@pytest.mark.parametrize(
    ("publish", "guest", "meet"),
    [
        (NIGHT, {**RUN, "for_days": 1}, True),
        ({**NIGHT, "until": "04:00"}, {**RUN, "for_days": 1}, True),
        (MORNING, {**RUN, "for_days": 1}, False),
        (MORNING, {**RUN, "for_days": 2}, True),
        (MORNING, RUN, True),
        ({**NIGHT, "day": 3}, {**RUN, "for_days": 2}, False),
        ({**NIGHT, "weekdays": ["sat"]}, {**RUN, "for_days": 1, "weekdays": ["mon"]}, False),
        ({**NIGHT, "weekdays": ["sat"]}, {**RUN, "for_days": 3, "weekdays": ["mon"]}, True),
    ],
)
def test_windows_that_cannot_meet_are_found(publish, guest, meet):
    assert Calendar(BERLIN, Window(**publish), RunWindow(**guest)).can_meet() is meet


MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))
ZONES = st.sampled_from([BERLIN, "UTC", "America/New_York", "Asia/Kolkata", "Pacific/Apia"])


@given(CLOCKS, CLOCKS, MOMENTS, ZONES)
def test_a_window_is_open_just_when_the_clock_on_the_wall_is_in_it(start, end, now, zone):
    assume(start != end)
    offsets = {(now + timedelta(days=days)).astimezone(ZoneInfo(zone)).utcoffset() for days in (-1, 0, 1)}
    assume(len(offsets) == 1)  # where the clock is put forward or back, a window is an hour shorter or longer
    wall = f"{now.astimezone(ZoneInfo(zone)):%H:%M}"
    inside = start <= wall < end if start < end else wall >= start or wall < end
    calendar = Calendar(zone, run=RunWindow(**{"from": start, "until": end}))
    assert (calendar.why_not(None, now) is None) is inside


WEEKDAYS = st.sets(st.sampled_from(["mon", "wed", "sun"]), min_size=1).map(tuple)


@given(CLOCKS, CLOCKS, st.integers(0, 3), st.none() | st.integers(1, 10), WEEKDAYS, MOMENTS)
def test_it_is_open_at_the_moment_at_which_it_is_said_to_open(start, end, day, for_days, weekdays, now):
    assume(start != end)
    window = RunWindow(**{"from": start, "until": end, "day": day, "for_days": for_days, "weekdays": weekdays})
    calendar = Calendar("UTC", run=window)
    reason = calendar.why_not(now.date(), now) or ""
    assume("opens at" in reason)
    opens = datetime.strptime(reason.split("opens at ")[1], "%Y-%m-%d %H:%M UTC").replace(tzinfo=UTC)
    assert opens > now
    assert calendar.why_not(now.date(), opens) is None
    assert calendar.why_not(now.date(), opens - timedelta(minutes=1)) is not None
