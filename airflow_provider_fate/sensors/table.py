"""Wait for a table that somebody else brings to a FATE site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSensorTimeout, conf

from airflow_provider_fate.operators._moments import moment, seconds
from airflow_provider_fate.sensors._base import FateTimedSensor

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.hooks.site import FateSite
    from airflow_provider_fate.remote.event import Event
    from airflow_provider_fate.remote.kinds.fate_table import FateTable
    from airflow_provider_fate.remote.kinds.fate_wanted import WantedTable
    from airflow_provider_fate.remote.work import WorkKind


class FateTableSensor(FateTimedSensor["WantedTable"]):
    """Wait until a site has a table: a dataframe with enough rows, and new enough.

    A raw table and an upload that is not finished do not count. When a table was made is when the job was created that
    made it, by the clock of the FATE site; for an upload the file has arrived by then. If the site does not know that
    job any more, the table is never new enough. A site that is down fails nothing: the wait goes on until ``timeout``.

    All sensors of one triggerer that wait for the same table share one request per interval.

    :param table: ``namespace.name`` of the table. (templated)
    :param fate_conn_id: Airflow connection of the site that is to have it. (templated)
    :param min_rows: so many rows at least. (templated)
    :param newer_than: it must have been made after this: a ``datetime``, or ISO text such as
        ``{{ data_interval_start }}``; UTC where no time zone is given. ``None``: whenever. (templated)
    :param max_age: it must not have been made longer ago than this, ``timedelta`` or seconds; ``None``: any time.
    :param timeout: how long to wait, ``timedelta`` or seconds; default: ``[sensors] default_timeout``, seven days. A
        timeout is not retried.
    :param poke_interval: shortest pause between two looks at the table, ``timedelta`` or seconds.
    :param soft_fail: end as skipped at the timeout. Wrong arguments fail the task all the same.
    :param deferrable: wait in the triggerer (default), or in the worker.
    :param mode: as with Airflow's sensors: ``poke`` waits in the worker, ``reschedule`` gives it up between two looks.
    :param outlets: a :func:`~airflow_provider_fate.assets.table_asset` among them gets table, rows, columns and job
        with its event.
    :returns: ``{"namespace", "name", "count", "columns", "job_id", "made"}`` as XCom; ``made`` is a Unix time.
    :raises AirflowSensorTimeout: the table has not come in time; says what is missing.
    :raises AirflowFailException: an argument or the connection is wrong. Not retried.
    """

    template_fields: Sequence[str] = ("table", "fate_conn_id", "min_rows", "newer_than")
    ui_color = "#e3eefc"

    def __init__(
        self,
        *,
        table: str,
        fate_conn_id: str = "fate_default",
        min_rows: int | str = 1,
        newer_than: datetime | str | None = None,
        max_age: timedelta | float | None = None,
        timeout: timedelta | float | None = None,
        poke_interval: timedelta | float = 30.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.table = table
        self.fate_conn_id = fate_conn_id
        self.min_rows = min_rows
        self.newer_than = newer_than
        self.max_age = None if max_age is None else seconds("max_age", max_age)
        self.timeout = seconds("timeout", conf.getfloat("sensors", "default_timeout") if timeout is None else timeout)
        # Both names, Airflow's for sensors and that of all work here, say the same.
        self.poll_interval = seconds(
            "poke_interval", poke_interval if self.poll_interval is None else self.poll_interval
        )
        self.poke_interval = self.poll_interval

    def site(self) -> FateSite:
        """The connection, checked."""
        from airflow_provider_fate.hooks.flow import FateFlowHook

        return FateFlowHook(self.fate_conn_id).site()

    def kind(self) -> FateTable:
        """A table that somebody else makes."""
        from airflow_provider_fate.remote.kinds.fate_table import FateTable

        return FateTable(self.fate_conn_id)

    def request(self, context: Context) -> WantedTable:
        """What the arguments say."""
        self.site()  # a wrong connection is told at once
        return self.wanted()

    def wanted(self) -> WantedTable:
        """What the arguments say, when they are rendered.

        :raises FateInputError: one of them is wrong.
        """
        from airflow_provider_fate.data.table import TableName
        from airflow_provider_fate.errors import FateInputError
        from airflow_provider_fate.remote.kinds.fate_wanted import WantedTable

        table = TableName.parse(str(self.table))
        try:
            min_rows = int(self.min_rows)
        except (TypeError, ValueError):
            min_rows = -1
        if min_rows < 0:
            raise FateInputError(f"min_rows={self.min_rows!r} is not a number of rows.", hint="Write 0 or more.")
        return WantedTable(
            table.namespace,
            table.name,
            min_rows,
            None if self.newer_than is None else moment("newer_than", self.newer_than),
            self.max_age,
        )

    def announce(self, ref: WantedTable, context: Context) -> None:
        """Say what is waited for."""
        self.log.info("Waiting for %s at %s", ref, self.fate_conn_id)

    def result(self, ref: WantedTable, found: Mapping[str, Any] | None, context: Context) -> Mapping[str, Any]:
        """The table as it was when it was seen."""
        assert found is not None
        if self.outlets:
            self._emit(context, found)
        return dict(found)

    def out_of_time(self, kind: WorkKind[WantedTable, Any], ref: WantedTable, ended: Event) -> Exception:
        """As Airflow's sensors: not retried."""
        waited = timedelta(seconds=self.timeout)
        if self.execution_timeout is not None:
            waited = min(waited, self.execution_timeout)
        lacking = ended.detail or "the site could not be asked"
        return AirflowSensorTimeout(f"Waited {waited} at {self.fate_conn_id!r} for {ref}: {lacking}.")

    def _emit(self, context: Context, found: Mapping[str, Any]) -> None:
        from airflow_provider_fate.assets import emit_table, party_of_tables
        from airflow_provider_fate.clients.fate_flow import FlowClient

        site = self.site()
        with FlowClient(site.settings()) as flow:
            party_id = party_of_tables(site, flow)
        extra = {"rows": found["count"], "columns": found["columns"], "job_id": found["job_id"]}
        emit_table(context, party_id, f"{found['namespace']}.{found['name']}", extra)
