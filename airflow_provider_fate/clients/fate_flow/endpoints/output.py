"""``flow.output``: what a task leaves behind on this site."""

from __future__ import annotations

from typing import Any

from airflow_provider_fate.clients.http import Group, Reply, Request, Sink, Target, Transport, endpoint, get, post
from airflow_provider_fate.errors import FateModelNotFound

from ..models import DataDisplay, Metric, MetricKey, TableRef
from ..names import check_id

__all__ = ["OutputGroup"]


def _download_errors(reply: Reply) -> Exception | None:
    if reply.code == 6000 and "No found model" in reply.message:
        return FateModelNotFound(
            "This task has no model on this site.", endpoint="GET /output/model/download", code=reply.code
        )
    return None


class OutputGroup(Group[Transport]):
    """Metrics, models and data of a task. Every method raises ``FateTaskNotFound`` for a task of another site."""

    @endpoint
    def metric_keys(self, job_id: str, role: str, party_id: str, task_name: str) -> Request[list[MetricKey]]:
        """Return which metrics there are, without their values."""
        return get(
            "/output/metric/key/query",
            lambda reply: [MetricKey.model_validate(key) for key in reply.data or ()],
            params=_task(job_id, role, party_id, task_name),
        )

    @endpoint
    def metrics(self, job_id: str, role: str, party_id: str, task_name: str) -> Request[list[Metric]]:
        """Return the metrics of a task, one entry per name and step; ``[]`` when it made none."""
        return get(
            "/output/metric/query",
            lambda reply: [Metric.model_validate(metric) for metric in reply.data or ()],
            params=_task(job_id, role, party_id, task_name),
        )

    @endpoint
    def delete_metrics(self, job_id: str, role: str, party_id: str, task_name: str) -> Request[bool]:
        """Delete the metrics of a task; return whether there were any."""
        return post(
            "/output/metric/delete",
            lambda reply: bool(reply.data),
            json=_task(job_id, role, party_id, task_name),
        )

    @endpoint
    def model(self, job_id: str, role: str, party_id: str, task_name: str) -> Request[dict[str, Any]]:
        """Return this party's half of the model by output key, as JSON of the component's own shape.

        :raises FateModelNotFound: the task has no model.
        """
        return get("/output/model/query", _mapping, params=_task(job_id, role, party_id, task_name))

    @endpoint
    def download_model(self, job_id: str, role: str, party_id: str, task_name: str, to: Target) -> Request[int]:
        """Write this party's half of the model as tar; return its size in bytes.

        Never unpickle what is in it: a model may come from a partner.

        :raises FateModelNotFound: the task has no model.
        """
        return get(
            "/output/model/download",
            lambda reply: reply.size,
            params=_task(job_id, role, party_id, task_name),
            sink=Sink(to),
            slow=True,
            errors=_download_errors,
        )

    @endpoint
    def delete_model(self, job_id: str, role: str, party_id: str, task_name: str) -> Request[None]:
        """Delete this party's half of the model.

        :raises FateModelNotFound: the task has no model.
        """
        return post("/output/model/delete", lambda reply: None, json=_task(job_id, role, party_id, task_name))

    @endpoint
    def data_tables(self, job_id: str, role: str, party_id: str, task_name: str) -> Request[dict[str, list[TableRef]]]:
        """Return the tables that a task made, by output key; ``{}`` when it made none."""
        return get(
            "/output/data/table",
            lambda reply: {
                key: [TableRef.model_validate(table) for table in tables] for key, tables in _mapping(reply).items()
            },
            params=_task(job_id, role, party_id, task_name),
            bare=True,
        )

    @endpoint
    def data_display(
        self, job_id: str, role: str, party_id: str, task_name: str
    ) -> Request[dict[str, list[DataDisplay]]]:
        """Return the first rows (at most 100) of a task's tables, by output key; ``{}`` when it made none."""
        return get(
            "/output/data/display",
            lambda reply: {
                key: [DataDisplay.model_validate(table) for table in tables] for key, tables in _mapping(reply).items()
            },
            params=_task(job_id, role, party_id, task_name),
            bare=True,
            slow=True,
        )

    @endpoint
    def download_data(
        self,
        job_id: str,
        role: str,
        party_id: str,
        task_name: str,
        to: Target,
        *,
        output_key: str | None = None,
    ) -> Request[int]:
        """Write a task's data as tar.gz (``<output key>/0.csv`` and ``0.meta``); return its size in bytes.

        :param output_key: only this output.
        :raises FateTableNotFound: the task made no data.
        """
        key = {"output_key": check_id("output_key", output_key)} if output_key else {}
        return get(
            "/output/data/download",
            lambda reply: reply.size,
            params={**_task(job_id, role, party_id, task_name), **key},
            sink=Sink(to),
            slow=True,
        )


def _task(job_id: str, role: str, party_id: str, task_name: str) -> dict[str, str]:
    return {
        "job_id": check_id("job_id", job_id),
        "role": check_id("role", role),
        "party_id": check_id("party_id", party_id),
        "task_name": check_id("task_name", task_name),
    }


def _mapping(reply: Reply) -> dict[str, Any]:
    return dict(reply.data or {})
