"""Crashes and restarts of whole processes that all trials share."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping

from airflow_provider_fate.local import health
from dev.localairflow import LocalAirflow
from tests.support.fate import RunningFate

Crash = Callable[[LocalAirflow, RunningFate | None], None]


def _kill(part: str) -> Crash:
    def crash(airflow: LocalAirflow, fate: RunningFate | None) -> None:
        airflow.kill_part(part)
        time.sleep(2)
        airflow.start_part(part)

    return crash


def _restart(part: str) -> Crash:
    def restart(airflow: LocalAirflow, fate: RunningFate | None) -> None:
        airflow.stop_part(part)
        airflow.start_part(part)

    return restart


def _kill_fate_flow(airflow: LocalAirflow, fate: RunningFate | None) -> None:
    """Kill -9 the server; its supervisor starts it again on the same port, as systemd or a container engine does."""
    assert fate is not None
    state = fate.local.status()
    assert state is not None
    assert state.server is not None
    os.kill(state.server, signal.SIGKILL)
    end = time.monotonic() + 90
    while health.version(state.address) is None:
        assert time.monotonic() < end, "FATE-Flow does not come back"
        time.sleep(0.5)


CRASHES: Mapping[str, Crash] = {
    "triggerer-killed": _kill("triggerer"),
    "triggerer-restarted": _restart("triggerer"),
    "scheduler-killed": _kill("scheduler"),
    "api-server-killed": _kill("api-server"),
    "fate-flow-killed": _kill_fate_flow,
}
