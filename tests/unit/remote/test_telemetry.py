import pytest

from airflow_provider_fate.remote import telemetry


@pytest.fixture
def told(monkeypatch):
    calls = []

    class Stats:
        @staticmethod
        def incr(name, *, tags):
            calls.append((name, tags))

        @staticmethod
        def timing(name, value, *, tags):
            calls.append((name, round(value), tags))

        @staticmethod
        def gauge(name, value, *, tags):
            calls.append((name, value, tags))

    monkeypatch.setattr(telemetry, "_stats", lambda: Stats)
    return calls


def test_events_are_counted_by_connection(told):
    telemetry.count("submitted", "bank")
    telemetry.timing("wait", 1.5, "bank", outcome="over")
    telemetry.gauge("waiting", 3, "bank")
    assert told == [
        ("fate.submitted", {"conn_id": "bank"}),
        ("fate.wait", 1500, {"conn_id": "bank", "outcome": "over"}),
        ("fate.waiting", 3, {"conn_id": "bank"}),
    ]


def test_airflow_takes_what_it_is_told():
    telemetry.count("submitted", "bank")
    telemetry.timing("wait", 0.1, "bank")
    telemetry.gauge("waiting", 1, "bank")


def test_a_block_is_traced_and_its_errors_pass():
    with pytest.raises(ValueError, match="mine"), telemetry.span("finish", job="1"):
        raise ValueError("mine")
