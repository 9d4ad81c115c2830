"""The metrics of a job, read from the site of one party."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateNotFoundError
from airflow_provider_fate.metrics.document import JobMetrics
from airflow_provider_fate.metrics.folds import judge_folds
from airflow_provider_fate.metrics.learned import READ_FROM_MODELS, read_model
from airflow_provider_fate.metrics.logged import Found, read_logged
from airflow_provider_fate.metrics.missing import missing_of
from airflow_provider_fate.metrics.model import MeasuredJob, MeasuredTask, MissingMetric
from airflow_provider_fate.site.progress import in_order

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.clients.fate_flow.models import JobRecord, Metric, TaskRecord

__all__ = ["Logged", "collect_metrics", "fetch_logged"]


@dataclass(frozen=True)
class Logged:
    """What the tasks of a party have logged, as the client returns it.

    :param record: the party's record of the job.
    :param tasks: the party's tasks, in the order in which they ran.
    :param metrics: of each task.
    """

    record: JobRecord
    tasks: Sequence[TaskRecord]
    metrics: Mapping[str, Sequence[Metric]]


def fetch_logged(flow: FlowClient, record: JobRecord) -> Logged:
    """Fetch what the tasks of a party have logged.

    :raises FateError: the site does not answer; nothing is left out because of that.
    """
    who = (record.job_id, record.role, record.party_id)
    tasks = in_order(flow.task.query(job_id=who[0], role=who[1], party_id=who[2]), record.dag)
    return Logged(record, tasks, {task.task_name: flow.output.metrics(*who, task.task_name) for task in tasks})


def collect_metrics(
    flow: FlowClient, record: JobRecord, logged: Logged | None = None, *, folds: bool = False
) -> JobMetrics:
    """Read all that a party is shown of the metrics of its job: what tasks have logged, and what stands in models.

    :param record: the party's record of the job.
    :param logged: what the tasks have logged, where it was fetched already.
    :param folds: download the predictions of the folds of cross validations, and judge them.
    :raises FateError: the site does not answer; nothing is left out because of that.
    """
    logged = logged or fetch_logged(flow, record)
    who = (record.job_id, record.role, record.party_id)
    found: dict[str, Found] = {}
    gone: list[MissingMetric] = []
    for task in logged.tasks:
        no_loss = task.component == "hetero_nn" and record.role == "host"  # FATE logs zeros for it
        found[task.task_name] = read_logged(task.task_name, logged.metrics[task.task_name], as_it_is=no_loss)
        if folds and record.role == "guest" and _stage(record, task) == "cross_validation":
            found[task.task_name].values += judge_folds(flow, who, task.task_name)
        if (task.component or "") not in READ_FROM_MODELS:
            continue
        try:
            model = flow.output.model(*who, task.task_name)
        except FateNotFoundError:
            if _stage(record, task) in ("train", "default"):
                why = "The task has no model here, in which it would stand: it was deleted, or the task has not ended."
                gone.append(MissingMetric(task=task.task_name, what=READ_FROM_MODELS[task.component or ""], why=why))
            continue
        found[task.task_name].add(read_model(task.task_name, task.component or "", f"{who[1]} {who[2]}", model))
    job = MeasuredJob(
        job_id=record.job_id,
        role=record.role,
        party_id=record.party_id,
        status=str(record.status),
        model_id=record.model_id,
        model_version=record.model_version,
        parties=tuple(
            f"{group.role} {party_id}"
            for group in sorted(record.parties, key=lambda group: group.role)
            for party_id in sorted(group.party_id)
        ),
        tasks=tuple(
            MeasuredTask(task=task.task_name, component=task.component, status=str(task.party_status or task.status))
            for task in logged.tasks
        ),
    )
    whole = Found()
    for part in found.values():
        whole.add(part)
    return JobMetrics(
        job=job,
        values=tuple(whole.values),
        curves=tuple(whole.curves),
        tables=tuple(whole.tables),
        importances=tuple(whole.importances),
        raw=tuple(whole.raw),
        missing=(*gone, *missing_of(job, _spec(record), found)),
    )


def _spec(record: JobRecord) -> Mapping[str, Any]:
    found: Mapping[str, Any] = record.dag.get("dag") or {}
    return found


def _stage(record: JobRecord, task: TaskRecord) -> str | None:
    spec = _spec(record)
    described = (spec.get("tasks") or {}).get(task.task_name) or {}
    stage: str | None = described.get("stage") or spec.get("stage")
    return stage
