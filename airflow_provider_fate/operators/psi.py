"""Find out how many rows the parties have in common, before anything is trained on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.operators.job import FateJobOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.jobs import Psi
    from airflow_provider_fate.operators._overlap import Overlap, Thresholds
    from airflow_provider_fate.remote.kinds.fate_job import Document
    from airflow_provider_fate.remote.kinds.fate_ref import FateJobRef

PSI_TASK = "psi_0"
"""Name of the task in the recipe :class:`~airflow_provider_fate.jobs.recipes.psi.Psi`."""


class FatePsiOperator(FateJobOperator):
    """Match the parties' rows by private set intersection, and fail if too few are in common.

    A job of some seconds keeps one of hours from training on almost nothing. It is submitted, waited for and stopped
    as :class:`~airflow_provider_fate.operators.job.FateJobOperator` does. Counted are the rows of this site's own
    table: a party never learns which other ids the partners have, and on a real site not even how many.

    :param job: the recipe ``Psi`` with the parties and their tables. (templated)
    :param min_overlap: so many rows must be in common at least; ``None``: any number. (templated)
    :param min_share: such a part of the own table must be in common at least, more than 0 and at most 1; ``None``: any.
        (templated)
    :param kwargs: as :class:`~airflow_provider_fate.operators.job.FateJobOperator`. With ``on_clear="attach"`` a task
        that is cleared after its thresholds were changed judges the same job again.
    :returns: ``{"job_id", "overlap", "own_rows", "share", "namespace", "name", "host_rows"}`` as XCom: rows in common,
        rows of the own table, their ratio, the table with the rows in common, and the rows of each host's table by
        party id, ``None`` where this site cannot see them. The same stands under the key ``overlap`` also where the
        task fails because of it.
    :raises AirflowFailException: a threshold is wrong, or, from
        :class:`~airflow_provider_fate.errors.FateOverlapError`, not reached. Neither is retried.
    """

    template_fields: Sequence[str] = (*FateJobOperator.template_fields, "min_overlap", "min_share")

    def __init__(
        self,
        *,
        job: Psi,
        min_overlap: int | str | None = None,
        min_share: float | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(job=job, **kwargs)
        self.min_overlap = min_overlap
        self.min_share = min_share

    def request(self, context: Context) -> Document:
        """Check the thresholds, then as every job."""
        self.recipe()
        self.thresholds()
        return super().request(context)

    def recipe(self) -> Psi:
        """The job, as the recipe that it has to be.

        :raises FateInputError: it is something else.
        """
        from airflow_provider_fate.errors import FateInputError
        from airflow_provider_fate.jobs import Psi, Recipe

        job: object = self.job
        if isinstance(job, Mapping) and "recipe" in job:  # outputs of other tasks were in it
            job = Recipe.from_mapping(job)
        if not isinstance(job, Psi):
            raise FateInputError(
                f"job of {self.task_id} is a {type(job).__name__}.",
                hint="Give the recipe: job=Psi(guest=Party(...), hosts=[Party(...)]). Other jobs: FateJobOperator.",
            )
        return job

    def thresholds(self) -> Thresholds:
        """``min_overlap`` and ``min_share`` as numbers.

        :raises FateInputError: one of them cannot be.
        """
        from airflow_provider_fate.operators._overlap import Thresholds

        return Thresholds.of(self.min_overlap, self.min_share)

    def result(self, ref: FateJobRef, found: Mapping[str, Any] | None, context: Context) -> dict[str, Any]:
        """Figures and table; an error if there is too little in common."""
        from airflow_provider_fate.operators._overlap import Overlap

        overlap = Overlap.measured(ref, super().result(ref, found, context)["metrics"], PSI_TASK)
        figures = self._figures(ref, overlap)
        context["ti"].xcom_push(key="overlap", value=figures)
        self._report(figures)
        self.thresholds().judge(overlap, ref.job_id, figures["host_rows"])
        return figures

    def _figures(self, ref: FateJobRef, overlap: Overlap) -> dict[str, Any]:
        from airflow_provider_fate.errors import FateServerError

        hosts: dict[str, int | None] = {}
        with self.session() as session:
            tables = session.client.output.data_tables(ref.job_id, ref.role, ref.party_id, PSI_TASK).get("output_data")
            if not tables:
                raise FateServerError(f"Job {ref.job_id} has succeeded without an output.", job_id=ref.job_id)
            for host in self.recipe().hosts:
                hosts[host.party_id] = _rows_of_host(session.client, ref.job_id, host.party_id)
        return {
            "job_id": ref.job_id,
            **overlap.facts(),
            "namespace": tables[0].namespace,
            "name": tables[0].name,
            "host_rows": hosts,
        }

    def _report(self, found: Mapping[str, Any]) -> None:
        self.log.info(
            "%d of %d rows of the own table are in common (%.1f %%): table %s.%s, job %s",
            found["overlap"],
            found["own_rows"],
            100 * found["share"],
            found["namespace"],
            found["name"],
            found["job_id"],
        )
        for party_id, rows in found["host_rows"].items():
            if rows is None:
                self.log.info("How many rows host %s has cannot be seen from here: ask its operators", party_id)
            else:
                self.log.info("Host %s has %d rows", party_id, rows)


def _rows_of_host(flow: FlowClient, job_id: str, party_id: str) -> int | None:
    """Rows of a host's table, where its side of the job can be seen: on a standalone FATE."""
    from airflow_provider_fate.errors import FateNotFoundError

    try:
        metrics = flow.output.metrics(job_id, "host", party_id, PSI_TASK)
    except FateNotFoundError:
        return None
    counts = [
        metric.data["input_count"]
        for metric in metrics
        if isinstance(metric.data, dict) and "input_count" in metric.data
    ]
    return int(counts[-1]) if counts else None
