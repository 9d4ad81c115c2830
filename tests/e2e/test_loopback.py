"""Nothing of what the demo and the tests start can be reached from another machine."""

from __future__ import annotations

import ipaddress

import psutil
import pytest

from dev.localairflow import LocalAirflow
from dev.localairflow.processes import Process, listening_addresses
from tests.support.fate import RunningFate

pytestmark = [pytest.mark.airflow, pytest.mark.fate]


def is_loopback(address: str) -> bool:
    """Say whether only this machine reaches the address; IPv4 may be written as IPv6 (``::ffff:127.0.0.1``)."""
    ip = ipaddress.ip_address(address)
    return (getattr(ip, "ipv4_mapped", None) or ip).is_loopback


def test_airflow_listens_on_loopback_only(airflow: LocalAirflow) -> None:
    listening = airflow.listening()

    assert ("127.0.0.1", airflow.settings.port) in listening
    assert [address for address, _ in listening if not is_loopback(address)] == []


def test_fate_listens_on_loopback_only(fate_full: RunningFate) -> None:
    state = fate_full.local.status()
    assert state is not None
    pid = state.supervisor.pid
    listening = listening_addresses([Process("fate", pid, psutil.Process(pid).create_time())])

    assert ("127.0.0.1", fate_full.port) in listening
    assert [address for address, _ in listening if not is_loopback(address)] == []


def test_the_ui_asks_for_a_password(airflow: LocalAirflow) -> None:
    import httpx

    with httpx.Client(base_url=airflow.url, trust_env=False) as stranger:
        assert stranger.get("/api/v2/dags").status_code == httpx.codes.UNAUTHORIZED
        assert stranger.get("/auth/token").status_code != httpx.codes.OK
