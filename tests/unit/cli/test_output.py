from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_fate.cli.output import as_json, as_table, duration, say
from airflow_provider_fate.cli.times import seconds
from airflow_provider_fate.clients.fate_flow.models import JobRecord

NOW = datetime.now(tz=UTC)


def record(**times):
    return JobRecord(job_id="1", role="guest", party_id="9999", status="running", **times)


@pytest.mark.parametrize(
    ("times", "low", "high"),
    [
        ({"start_time": NOW - timedelta(seconds=65)}, 65, 7200),  # the test may come long after its module
        ({"start_time": NOW + timedelta(hours=2)}, 0, 0),  # the server's clock is ahead
        ({"start_time": NOW, "end_time": NOW + timedelta(seconds=7)}, 7, 7),
        ({"start_time": NOW, "end_time": NOW, "elapsed": 1500}, 1.5, 1.5),
    ],
)
def test_how_long_something_takes(times, low, high):
    assert low <= seconds(record(**times)) <= high


def test_what_has_not_started_takes_no_time():
    assert seconds(record()) is None
    assert duration(None) is None


def test_durations_are_hours_minutes_and_seconds():
    assert duration(3723.9) == "1:02:03"


def test_columns_are_as_wide_as_their_content_and_brackets_are_text(capsys):
    as_table(("a", "b"), [("[bold]x", 1), (None, "y\n\x1b[1m")])
    assert capsys.readouterr().out == "a        b\n[bold]x  1\n-        y\ufffd\ufffd[1m\n"


def test_a_text_of_several_lines_stays_one(capsys):
    say(["a\nb", "", "c\x07"])
    assert capsys.readouterr().out == "a\nb\n\nc\ufffd\n"


def test_json_escapes_what_a_terminal_would_obey(capsys):
    as_json({"at": datetime(2026, 1, 1, tzinfo=UTC), "text": "\x1b[2J"}, indent=None)
    assert capsys.readouterr().out == '{"at": "2026-01-01T00:00:00+00:00", "text": "\\u001b[2J"}\n'
