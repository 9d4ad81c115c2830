"""The servers that the contract is held against: the fake, and real ones on this machine."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from airflow_provider_fate.clients.fate_flow import AsyncFlowClient, FlowClient, FlowSettings, models
from tests.support.fake_flow import FakeFlow


@dataclass(frozen=True)
class Server:
    """A FATE-Flow, real or not.

    :param patience: seconds that a small job may take.
    :param settle: seconds to wait where FATE-Flow needs a moment.
    """

    settings: FlowSettings
    patience: float = 600.0
    settle: float = 6.0

    @property
    def pause(self) -> float:
        """Seconds between two questions."""
        return min(1.0, self.settle / 10)


REAL = pytest.mark.fate


@pytest.fixture(params=["fake", pytest.param("fate_server_only", marks=REAL), pytest.param("fate_full", marks=REAL)])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Each server, for what does not need FATE's components."""
    yield from _server(request)


@pytest.fixture(params=["fake", pytest.param("fate_full", marks=REAL)])
def complete_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Each server on which federated jobs run."""
    yield from _server(request)


def _server(request: pytest.FixtureRequest) -> Iterator[Server]:
    if request.param == "fake":
        with FakeFlow(check_tables=True) as fake:
            yield Server(fake.settings, patience=10.0, settle=0.4)
        return
    fate: Any = request.getfixturevalue(request.param)
    yield Server(FlowSettings(host=fate.host, port=fate.port, timeout=60.0))


@pytest.fixture
def flow(server: Server) -> Iterator[FlowClient]:
    """A client of each server."""
    with FlowClient(server.settings) as client:
        yield client


@pytest.fixture
async def aflow(server: Server) -> AsyncIterator[AsyncFlowClient]:
    """An async client of each server."""
    async with AsyncFlowClient(server.settings) as client:
        yield client


@pytest.fixture
def complete(complete_server: Server) -> Iterator[FlowClient]:
    """A client of each server on which federated jobs run."""
    with FlowClient(complete_server.settings) as client:
        yield client


def wait_until(server: Server, condition: Callable[[], bool]) -> None:
    """Wait for something to become true."""
    give_up = time.monotonic() + server.patience
    while not condition():
        assert time.monotonic() < give_up, f"not within {server.patience} s"
        time.sleep(server.pause)


def end_of(server: Server, flow: FlowClient, job_id: str) -> models.JobStatus:
    """Wait for the end of a job on all its parties; return how it ended on the first."""
    wait_until(server, lambda: all(record.status.is_terminal for record in flow.job.query(job_id=job_id)))
    return flow.job.query(job_id=job_id)[0].status
