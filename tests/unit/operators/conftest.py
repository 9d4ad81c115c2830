import pytest

from airflow_provider_fate.remote.times import times_replaced
from tests.support.fake_flow import FakeFlow
from tests.support.task import connect


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setenv("AIRFLOW__FATE__POLL_INTERVAL", "0.05")
    with times_replaced(
        settle=0.2, reach=3.0, appear=3.0, appear_pause=0.1, stop=5.0, stop_pause=0.1, rerun_after_stop=0.1, rerun=5.0
    ):
        yield


@pytest.fixture
def site(fake_flow, monkeypatch) -> FakeFlow:
    """A standalone FATE-Flow with a connection to it."""
    connect(monkeypatch, fake_flow, cores=32)
    return fake_flow
