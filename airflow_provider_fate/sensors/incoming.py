"""Wait for a job that a partner starts."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSensorTimeout, conf

from airflow_provider_fate.operators._moments import moment, seconds
from airflow_provider_fate.sensors._base import FateTimedSensor

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.remote.event import Event
    from airflow_provider_fate.remote.kinds.fate_incoming import FateIncoming, WantedJob
    from airflow_provider_fate.remote.work import WorkKind


class FateIncomingJobSensor(FateTimedSensor["WantedJob"]):
    """Wait, on a host, until a partner's job comes in: to note who used a table, to check what it asks, to be told.

    FATE has no state in which a job waits for an approval: it begins two to four seconds after it has come in. What
    must not happen is refused beforehand, by permissions (``FateGrantOperator``).

    All sensors of one triggerer that wait at a site share one request per interval.

    :param fate_conn_id: Airflow connection of this site. (templated)
    :param initiators: party ids of who may have started it, or one; empty: anybody. (templated)
    :param components: it runs one of these here, such as ``["psi"]``; empty: whatever. (templated)
    :param tables: it reads one of these here, ``namespace.name``; ``*`` stands for any characters, as in
        ``credit.telco_*``. Empty: whatever. (templated)
    :param since: it has come in after this: a ``datetime``, or ISO text such as ``{{ data_interval_start }}``; UTC
        where no time zone is given. ``None``: after the task has begun. (templated)
    :param timeout: how long to wait, ``timedelta`` or seconds; default: ``[sensors] default_timeout``, seven days. A
        timeout is not retried.
    :param poke_interval: shortest pause between two looks, ``timedelta`` or seconds.
    :param soft_fail: end as skipped at the timeout. Wrong arguments fail the task all the same.
    :param deferrable: wait in the triggerer (default), or in the worker.
    :param mode: as with Airflow's sensors: ``poke`` waits in the worker, ``reschedule`` gives it up between two looks.
    :returns: the job as XCom: ``{"job_id", "role", "party_id", "initiator", "scheduler", "components", "tables",
        "status", "created", "cores", "model_id", "model_version"}``; ``created`` is a Unix time.
    :raises AirflowSensorTimeout: none has come in time.
    :raises AirflowFailException: an argument or the connection is wrong. Not retried.
    """

    template_fields: Sequence[str] = ("fate_conn_id", "initiators", "components", "tables", "since")
    ui_color = "#e3eefc"

    def __init__(
        self,
        *,
        fate_conn_id: str = "fate_default",
        initiators: str | Sequence[str] = (),
        components: str | Sequence[str] = (),
        tables: str | Sequence[str] = (),
        since: datetime | str | None = None,
        timeout: timedelta | float | None = None,
        poke_interval: timedelta | float = 15.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.fate_conn_id = fate_conn_id
        self.initiators = initiators
        self.components = components
        self.tables = tables
        self.since = since
        self.timeout = seconds("timeout", conf.getfloat("sensors", "default_timeout") if timeout is None else timeout)
        self.poll_interval = seconds(
            "poke_interval", poke_interval if self.poll_interval is None else self.poll_interval
        )
        self.poke_interval = self.poll_interval

    def kind(self) -> FateIncoming:
        """Jobs of partners."""
        from airflow_provider_fate.remote.kinds.fate_incoming import FateIncoming

        return FateIncoming(self.fate_conn_id)

    def request(self, context: Context) -> WantedJob:
        """What the arguments say."""
        from airflow_provider_fate.hooks.flow import FateFlowHook
        from airflow_provider_fate.remote.kinds.fate_incoming import WantedJob
        from airflow_provider_fate.site.permissions import check_components

        FateFlowHook(self.fate_conn_id).site()  # a wrong connection is told at once
        began = getattr(context["ti"], "start_date", None)
        first = context["ti"].get_first_reschedule_date(context) if self.reschedule else None
        since = self.since if self.since is not None else first or began
        return WantedJob(
            since=time.time() if since is None else moment("since", since),
            initiators=_parties(self.initiators),
            components=list(check_components(_list(self.components))),
            tables=_list(self.tables),
        )

    def announce(self, ref: WantedJob, context: Context) -> None:
        """Say what is waited for."""
        self.log.info("Waiting at %s for %s", self.fate_conn_id, ref)

    def result(self, ref: WantedJob, found: Mapping[str, Any] | None, context: Context) -> Mapping[str, Any]:
        """The job as it was when it was seen."""
        assert found is not None
        self.log.info("Job %s of party %s: %s", found["job_id"], found["initiator"], ", ".join(found["components"]))
        return dict(found)

    def out_of_time(self, kind: WorkKind[WantedJob, Any], ref: WantedJob, ended: Event) -> Exception:
        """As Airflow's sensors: not retried."""
        waited = timedelta(seconds=self.timeout)
        if self.execution_timeout is not None:
            waited = min(waited, self.execution_timeout)
        return AirflowSensorTimeout(
            f"Waited {waited} at {self.fate_conn_id!r} for {ref}: {ended.detail or 'the site could not be asked'}."
        )


def _list(given: str | Sequence[str]) -> list[str]:
    return [given] if isinstance(given, str) else [str(value) for value in given]


def _parties(given: str | Sequence[str]) -> list[str]:
    from airflow_provider_fate.clients.fate_flow.names import check_id

    return [check_id("initiators", value) for value in _list(given)]
