import pytest

from airflow_provider_fate.remote import watch
from airflow_provider_fate.remote.flow import again, jobs
from tests.support.fake_flow import FakeFlow
from tests.support.task import connect


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(watch, "SETTLE", 0.2)
    monkeypatch.setattr(jobs, "SUBMIT_PATIENCE", 3.0)
    monkeypatch.setattr(jobs, "APPEAR_PATIENCE", 3.0)
    monkeypatch.setattr(jobs, "STOP_PATIENCE", 5.0)
    monkeypatch.setattr(again, "STOP_SETTLES", 0.1)
    monkeypatch.setattr(again, "RERUN_PATIENCE", 5.0)
    monkeypatch.setenv("AIRFLOW__FATE__POLL_INTERVAL", "0.05")


@pytest.fixture
def site(fake_flow, monkeypatch) -> FakeFlow:
    """A standalone FATE-Flow with a connection to it."""
    connect(monkeypatch, fake_flow, cores=32)
    return fake_flow
