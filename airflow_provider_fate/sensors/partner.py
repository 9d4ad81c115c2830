"""Wait until a partner is ready, where its site does not say so by permissions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.operators._probe import PROBE_LIMIT
from airflow_provider_fate.operators.job import FateJobOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.remote.kinds.fate_ref import FateJobRef


class FatePartnerSensor(FateJobOperator):
    """Wait until a partner's site can be reached and has a table, by a job that only reads it there.

    No site tells another which tables it has. So the smallest job that there is asks: one reader, on the partner's side
    alone, with one core, before all others. While the partner cannot be reached, has not granted the table, or does not
    have it, the task waits without a worker, and asks again at pauses that double, from one minute to a quarter of an
    hour. Each probe leaves the record of a job on both sides: FATE-Flow's own cleaning would delete the table that it
    has read, where one site plays both parties. ``FateRetentionOperator`` knows that.

    A training that is tried again costs more than a probe where much is done before the partner's table is read; else
    ``FateJobOperator(wait_for_partners=...)`` alone does the same.

    :param partner: party id of the partner, a host. (templated)
    :param table: its table, ``namespace.name``. (templated)
    :param wait_for_partners: how long to wait.
    :param fate_conn_id: Airflow connection of this site. (templated)
    :param waiting_timeout: how long a probe may queue for its core.
    :param stall_timeout: how long it may run without progress.
    :param kwargs: all else is as with :class:`~airflow_provider_fate.operators.job.FateJobOperator`.
    :returns: ``{"partner", "table", "job_id"}`` as XCom.
    :raises FatePartnerTimeout: the partner was not ready in time.
    :raises AirflowFailException: an argument cannot be right. Not retried.
    """

    template_fields: Sequence[str] = ("partner", "table", "fate_conn_id", "log_archive")
    template_ext: Sequence[str] = ()

    def __init__(
        self,
        *,
        partner: str,
        table: str,
        wait_for_partners: timedelta = timedelta(hours=6),
        waiting_timeout: timedelta | None = PROBE_LIMIT,
        stall_timeout: timedelta | None = PROBE_LIMIT,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            job={},
            check_tables=False,
            wait_for_partners=wait_for_partners,
            waiting_timeout=waiting_timeout,
            stall_timeout=stall_timeout,
            **kwargs,
        )
        self.partner = partner
        self.table = table

    def job_dag(self, context: Context) -> Mapping[str, Any]:
        """The probe."""
        from airflow_provider_fate.data.table import TableName
        from airflow_provider_fate.operators._probe import probe_of

        own = "A table of this site is waited for by FateTableSensor; name the other party here."
        dag = probe_of(self.fate_conn_id, self.site(), str(self.partner), own=own)
        table = TableName.parse(str(self.table))
        dag.add("reader_0", "reader", roles=["host"])
        dag.set_party_parameters(
            "host", str(self.partner), "reader_0", {"namespace": table.namespace, "name": table.name}
        )
        return dag.document()

    def result(self, ref: FateJobRef, found: Mapping[str, Any] | None, context: Context) -> dict[str, Any]:
        """Who is ready with what."""
        self.log.info("Party %s has table %s", self.partner, self.table)
        return {"partner": str(self.partner), "table": str(self.table), "job_id": ref.job_id}
