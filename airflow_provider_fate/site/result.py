"""What a finished job gives back."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateError, FateNotFoundError

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.site.ref import JobRef

log = logging.getLogger(__name__)


def metrics_of(flow: FlowClient, ref: JobRef) -> dict[str, Any]:
    """Final metrics of a job, as this site's party sees them: ``{"auc": 0.98, ...}``.

    A metric that cannot be read is left out and named in the log: the job has succeeded all the same. Those of a cross
    validation are told apart by their fold: ``{"cv.auc.mean": 0.97, "cv.fold_0.auc": 0.98, ...}``.
    """
    from airflow_provider_fate.jobs import summarize_metrics
    from airflow_provider_fate.site.folds import metrics_of_folds

    metrics = {}
    folds: dict[str, Any] = {}
    for task in flow.task.query(job_id=ref.job_id, role=ref.role, party_id=ref.party_id):
        try:
            found = flow.output.metrics(ref.job_id, ref.role, ref.party_id, task.task_name)
        except FateNotFoundError:
            continue
        except FateError as e:
            log.warning("Metrics of task %s could not be read: %s", task.task_name, e)
            continue
        if found:
            metrics[task.task_name] = found
        try:
            folds |= metrics_of_folds(flow, task)
        except FateError as e:
            log.warning("The folds of task %s could not be read: %s", task.task_name, e)
    return {**folds, **summarize_metrics(metrics)}


def job_result(flow: FlowClient, ref: JobRef, status: str) -> dict[str, Any]:
    """The XCom of a job: job id, model id and version, status, metrics."""
    return {
        "job_id": ref.job_id,
        "model_id": ref.model_id,
        "model_version": ref.model_version,
        "status": status,
        "metrics": metrics_of(flow, ref),
    }
