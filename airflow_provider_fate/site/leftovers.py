"""What a job has left on the site, apart from its records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_fate.errors import FateModelNotFound, FateServerError, FateTableNotFound, FateTaskNotFound

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.clients.fate_flow.models import TableRecord
    from airflow_provider_fate.site.history import PastJob

__all__ = ["has_model", "outputs_of"]


def has_model(flow: FlowClient, job: PastJob) -> bool:
    """Whether the site still has a model that the job has made; one that cannot be read counts."""
    for (role, party_id), tasks in job.model_tasks.items():
        for task in tasks:
            try:
                flow.output.model(job.job_id, role, party_id, task)
            except (FateModelNotFound, FateTaskNotFound):
                continue
            except FateServerError:
                return True
            return True
    return False


def outputs_of(flow: FlowClient, job: PastJob) -> list[TableRecord]:
    """Tables that the job's tasks have made for each other and that are still there.

    Not those that have a name of their own: what a reader has read, what an upload has made. And not what the job has
    inherited: that belongs to the job it inherited from.
    """
    own = (f"{job.job_id}_", f"output_data_{job.job_id}_")
    found: dict[tuple[str, str], TableRecord] = {}
    for task in flow.task.query(job_id=job.job_id):
        try:
            by_key = flow.output.data_tables(job.job_id, task.role, task.party_id, task.task_name)
        except FateTaskNotFound:
            continue
        for table in (table for tables in by_key.values() for table in tables):
            # FATE-Flow goes on to name the tables that it has deleted.
            if table.namespace.startswith(own) and (table.namespace, table.name) not in found:
                try:
                    found[table.namespace, table.name] = flow.table.query(table.namespace, table.name)
                except FateTableNotFound:
                    continue
    return list(found.values())
