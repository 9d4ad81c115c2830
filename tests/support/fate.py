"""Fixtures: a real FATE on this machine, complete or server-only, started on first use and stopped at the end.

The installation is the user's shared one (made on first use, which takes a minute and 1.2 GB); data and ports are the
test session's own. What the fixtures give:

``fate_full``         every component, so that federated jobs run. Workers are forked from a warm process.
``fate_llm``          the same with FATE-LLM, in an installation of its own.
``fate_server_only``  FATE-Flow without torch: every endpoint, real uploads without a table name, no federated jobs.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from airflow_provider_fate.local import LocalFate, pins
from airflow_provider_fate.local.progress import PlainLines
from tests.support.evidence import watch


@dataclass(frozen=True)
class RunningFate:
    """A site that answers.

    :param local: the instance, for tests that stop, start or damage it.
    :param host: where it listens.
    :param port: port of the API.
    :param party_id: the site's own party id (jobs are started as guest).
    :param partner_id: another one: a standalone site plays all parties of a job.
    """

    local: LocalFate
    host: str
    port: int
    party_id: str = "9999"
    partner_id: str = "10000"

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def home(self) -> Path:
        return self.local.home

    @property
    def logs_dir(self) -> Path:
        return self.local.logs_dir

    @property
    def airflow_connection(self) -> str:
        """JSON for an ``AIRFLOW_CONN_*`` variable."""
        return self.local.airflow_connection_json()


def run_fate(home: Path, variant: pins.Variant) -> Iterator[RunningFate]:
    """Start an instance, give it, and stop it whatever happened."""
    fate = LocalFate(home, variant)
    watch("FATE", fate.logs_dir)
    try:
        address = fate.start(PlainLines(sys.__stderr__), owner=os.getpid())
        yield RunningFate(fate, address.host, address.port)
    finally:
        fate.stop()
        for folder in (fate.layout.data, fate.layout.jobs, fate.layout.model):
            shutil.rmtree(folder, ignore_errors=True)  # the logs stay, for whoever looks into a failure


@pytest.fixture(scope="session")
def fate_full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFate]:
    """A complete FATE."""
    yield from run_fate(tmp_path_factory.mktemp("fate"), "full")


@pytest.fixture(scope="session")
def fate_llm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFate]:
    """A complete FATE, and FATE-LLM."""
    yield from run_fate(tmp_path_factory.mktemp("llm"), "llm")


@pytest.fixture(scope="session")
def fate_server_only(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFate]:
    """FATE-Flow without torch."""
    yield from run_fate(tmp_path_factory.mktemp("flow"), "server")
