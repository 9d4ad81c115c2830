"""Who waits: our trigger, Airflow's timer, and a trigger that polls for itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger

CONN_ID = "bench"
FAR = 2 * 86_400.0
"""Seconds after which a timer fires that shall not fire in a measurement: it then sleeps for an hour at a time."""


@dataclass(frozen=True)
class Mode:
    """One kind of trigger.

    :param name: in the table.
    :param trigger: makes the trigger of one job from its id, its end (Unix time; ``None``: none in this measurement)
        and the poll interval.
    :param asks: whether it asks the server.
    :param sites: to how many sites the jobs are dealt out by their ids.
    """

    name: str
    trigger: Callable[[str, float | None, float], BaseTrigger]
    asks: bool = True
    sites: int = 1


def _fate(job_id: str, end: float | None, interval: float) -> BaseTrigger:
    from airflow_provider_fate.remote.kinds.fate_job import FateJob
    from airflow_provider_fate.remote.trigger import RemoteWorkTrigger

    ref = {"job_id": job_id, "role": "guest", "party_id": "9999"}
    return RemoteWorkTrigger(kind=FateJob.path(), conn_id=CONN_ID, ref=ref, poll_interval=interval)


def across(sites: int) -> Mode:
    """Our trigger, with the jobs dealt out to so many sites, each of which has a connection of its own."""

    def trigger(job_id: str, end: float | None, interval: float) -> BaseTrigger:
        from airflow_provider_fate.remote.kinds.fate_job import FateJob
        from airflow_provider_fate.remote.trigger import RemoteWorkTrigger

        ref = {"job_id": job_id, "role": "guest", "party_id": "9999"}
        conn_id = f"{CONN_ID}_{int(job_id) % sites}"
        return RemoteWorkTrigger(kind=FateJob.path(), conn_id=conn_id, ref=ref, poll_interval=interval)

    return Mode(f"RemoteWorkTrigger, {sites} sites", trigger, sites=sites)


def _timer(job_id: str, end: float | None, interval: float) -> BaseTrigger:
    from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger

    now = datetime.now(UTC)
    moment = datetime.fromtimestamp(end if end is not None else now.timestamp() + FAR, UTC)
    return TimeDeltaTrigger(moment - now)


def _databricks(job_id: str, end: float | None, interval: float) -> BaseTrigger:
    from airflow.providers.databricks.triggers.databricks import (  # type: ignore[import-not-found]
        DatabricksExecutionTrigger,
    )

    trigger: BaseTrigger = DatabricksExecutionTrigger(
        run_id=int(job_id), databricks_conn_id=f"{CONN_ID}_databricks", polling_period_seconds=round(interval)
    )
    return trigger


MODES: Mapping[str, Mode] = {
    "timer": Mode("TimeDeltaTrigger", _timer, asks=False),
    "fate": Mode("RemoteWorkTrigger", _fate),
    "databricks": Mode("DatabricksExecutionTrigger", _databricks),
}


def address(site: int) -> str:
    """Where the server answers for a site: the loopback interface has many addresses."""
    return f"127.1.{site // 250}.{site % 250 + 1}"


def connections(port: int, sites: int = 1) -> dict[str, str]:
    """Return the environment with the connections to the server on this port."""
    site: dict[str, Any] = {"host": "127.0.0.1", "port": port}
    more = {
        f"AIRFLOW_CONN_{CONN_ID.upper()}_{number}": json.dumps(
            {"conn_type": "fate", "host": address(number), "port": port, "extra": {"party_id": "9999"}}
        )
        for number in range(sites if sites > 1 else 0)
    }
    return more | {
        f"AIRFLOW_CONN_{CONN_ID.upper()}": json.dumps(
            {"conn_type": "fate", **site, "extra": {"party_id": "9999"}}  # of the server's records
        ),
        f"AIRFLOW_CONN_{CONN_ID.upper()}_DATABRICKS": json.dumps(
            {"conn_type": "databricks", **site, "schema": "http", "password": "not-a-secret"}
        ),
    }
