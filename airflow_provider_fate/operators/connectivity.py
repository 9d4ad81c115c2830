"""Find out whether this site and a partner can run jobs together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateError
from airflow_provider_fate.operators._probe import PROBE_LIMIT
from airflow_provider_fate.operators.job import FateJobOperator

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import Context

    from airflow_provider_fate.remote.kinds.fate_ref import FateJobRef

LINK = "link"
"""XCom that says how the link to the partner is, also where the task has failed."""
ROWS = 10


class FateConnectivityOperator(FateJobOperator):
    """Run FATE's own toy example with a partner: it needs no table, and takes one core for seconds.

    It succeeds where both sites reach each other, know each other's app ids, and carry the messages of a running task
    both ways. Where a site checks what partners may use, it needs ``toy_example`` granted there. Map it over partners,
    or over ``fate_conn_id`` and ``partner`` where one Airflow has several sites, for a table of all pairs:
    ``dags/two_sites/links.py``.

    :param partner: party id of the partner, who is the host. (templated)
    :param fate_conn_id: Airflow connection of this site, which is the guest. (templated)
    :param wait_for_partners: how long to wait for a partner who is not ready; ``None``: not at all.
    :param waiting_timeout: how long the job may queue for its core.
    :param stall_timeout: how long it may run without progress: messages that never arrive show as this.
    :param kwargs: all else is as with :class:`~airflow_provider_fate.operators.job.FateJobOperator`.
    :returns: ``{"partner", "works", "reason", "job_id", "seconds"}`` as XCom; ``seconds`` is what the job has
        taken. The same stands under the key ``link``, where the task fails with ``works`` false and the reason.
    :raises FateError: as every job; the message says on which side, and why, as far as this site can know.
    :raises AirflowFailException: an argument cannot be right. Not retried.
    """

    template_fields: Sequence[str] = ("partner", "fate_conn_id", "log_archive")
    template_ext: Sequence[str] = ()

    def __init__(
        self,
        *,
        partner: str,
        waiting_timeout: timedelta | None = PROBE_LIMIT,
        stall_timeout: timedelta | None = PROBE_LIMIT,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            job={}, check_tables=False, waiting_timeout=waiting_timeout, stall_timeout=stall_timeout, **kwargs
        )
        self.partner = partner

    def job_dag(self, context: Context) -> Mapping[str, Any]:
        """The toy example."""
        from airflow_provider_fate.operators._probe import probe_of

        dag = probe_of(self.fate_conn_id, self.site(), str(self.partner), own="Name the other party.")
        dag.add("toy_0", "toy_example", parameters={"data_num": ROWS, "partition": 1})
        return dag.document()

    def execute(self, context: Context) -> Any:
        """Run it; tell how the link is also where it fails."""
        return self._told(context, lambda: super(FateConnectivityOperator, self).execute(context))

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Finish; tell how the link is also where it has failed."""
        return self._told(context, lambda: super(FateConnectivityOperator, self).execute_complete(context, event))

    def result(self, ref: FateJobRef, found: Mapping[str, Any] | None, context: Context) -> dict[str, Any]:
        """How the link is."""
        from airflow_provider_fate.site.records import own_record

        with self.session() as session:
            record = own_record(session.client.job.query(job_id=ref.job_id), ref.role, ref.party_id)
        took = (record.end_time - record.start_time).total_seconds() if record.start_time and record.end_time else None
        self.log.info("This site and party %s can run jobs together", self.partner)
        return self._link(context, {"works": True, "reason": "", "job_id": ref.job_id, "seconds": took})

    def _link(self, context: Context, found: Mapping[str, Any]) -> dict[str, Any]:
        link = {"partner": str(self.partner), **found}
        context["ti"].xcom_push(key=LINK, value=link)
        return link

    def _told(self, context: Context, go: Callable[[], Any]) -> Any:
        try:
            return go()
        except FateError as e:
            self._link(context, {"works": False, "reason": e.message, "job_id": e.job_id, "seconds": None})
            raise
