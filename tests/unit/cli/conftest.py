from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from airflow.cli.cli_parser import _add_command

from airflow_provider_fate.cli.definition import get_fate_cli_commands
from airflow_provider_fate.clients.fate_flow import FlowClient
from airflow_provider_fate.jobs import Party, Psi
from tests.support.fake_flow import FakeFlow, Script
from tests.support.task import connect


@dataclass(frozen=True)
class Ran:
    """What a command has left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def rows(self) -> list[list[str]]:
        """Words of a table, line by line, without its header."""
        return [line.split() for line in self.out.splitlines()[1:]]


@pytest.fixture(scope="session")
def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="airflow")
    for command in get_fate_cli_commands():
        _add_command(parser.add_subparsers(), command)
    return parser


@pytest.fixture
def fate(
    parser: argparse.ArgumentParser, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ran]:
    """Runs ``airflow fate ...`` as Airflow does."""
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")  # restored afterwards: commands set it
    monkeypatch.setenv("AIRFLOW__FATE__POLL_INTERVAL", "0.05")

    def run(*argv: str) -> Ran:
        capsys.readouterr()
        status = 0
        try:
            args = parser.parse_args(["fate", *argv])
            args.func(args)
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        return Ran(status, *capsys.readouterr())

    return run


@pytest.fixture
def site(fake_flow: FakeFlow, monkeypatch: pytest.MonkeyPatch) -> FakeFlow:
    """A standalone FATE-Flow behind the default connection."""
    connect(monkeypatch, fake_flow, "fate_default")
    return fake_flow


@pytest.fixture
def real_site(fake_site: FakeFlow, monkeypatch: pytest.MonkeyPatch) -> FakeFlow:
    """A FATE-Flow that has its own side of a job only, behind the default connection."""
    connect(monkeypatch, fake_site, "fate_default")
    return fake_site


def submit(fake: FakeFlow, script: Script | None = None, user_name: str | None = None) -> str:
    """Submit a PSI of guest 9999 with host 10000."""
    fake.plan(script or Script())
    with FlowClient(fake.settings) as flow:
        schema = Psi(guest=Party("9999", "a.b"), hosts=[Party("10000", "a.c")]).dag()
        return flow.job.submit(schema, user_name=user_name).job_id


def finish(fake: FakeFlow) -> None:
    """Let all jobs come to their end."""
    fake.clock.advance(3600)
    for job_id in fake.jobs:
        fake.state_of(job_id)
