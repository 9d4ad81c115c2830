"""The table of this site that a model was trained on."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.data.output_source import SourceTable
from airflow_provider_fate.errors import FateInputError, FateNotFoundError, FateTableNotFound, FateTaskNotFound
from airflow_provider_fate.jobs.predict.training import trained_tasks
from airflow_provider_fate.jobs.validation.job import Job
from airflow_provider_fate.site.inherit import producers
from airflow_provider_fate.site.scoring import training_record
from airflow_provider_fate.site.tables import read_tables

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.clients.fate_flow.models import JobRecord, TableRecord
    from airflow_provider_fate.hooks.site import FateSite

__all__ = ["training_table"]

log = logging.getLogger(__name__)

_NOT_TRAINED_ON = ("validate_data", "test_data")
_KEEPS_ROWS = {"psi": ("output_data",), "data_split": ("train_output_data",), "sample": ("output_data",)}
"""Components that pass on rows of a table as they are, and the output that has those of the training."""


def training_table(flow: FlowClient, site: FateSite, job_id: str) -> SourceTable:
    """Find the own table that a model was trained on.

    Where it was deleted, or another one has been uploaded under its name since, the job's own copy of its rows counts:
    what its intersection, or its split, has kept.

    :raises FateModelNotFound: the site does not know the job.
    :raises FateInputError: the job has not succeeded, it reads no table of this party or several, or nothing is left of
        it.
    """
    record = training_record(flow, site, job_id)
    dag: Mapping[str, Any] = record.dag
    own = [one for one in read_tables(dag) if (one.role, one.party_id) == (record.role, record.party_id)]
    behind = _readers(dag)
    tables = {(one.namespace, one.name): one.task for one in own if one.task in behind} or {
        (one.namespace, one.name): one.task for one in own
    }
    who = f"{record.role} {record.party_id}"
    if not tables:
        raise FateInputError(
            f"Job {job_id} reads no table of {who}.",
            hint="Give the table that it is to be compared with: reference='namespace.name'.",
            job_id=job_id,
        )
    if len(tables) > 1:
        names = ", ".join(".".join(table) for table in tables)
        raise FateInputError(
            f"Job {job_id} was trained on several tables of {who}: {names}.",
            hint="Say which one counts: reference='namespace.name'.",
            job_id=job_id,
        )
    ((namespace, name), reader) = next(iter(tables.items()))
    try:
        found = flow.table.query(namespace, name)
    except FateTableNotFound:
        why = "is not there any more"
    else:
        if not _made_after(flow, found, record):
            return SourceTable(namespace, name, f"table {namespace}.{name}")
        why = "was replaced after the training"
    for copy in _copies(flow, record, dag, reader):
        log.warning("Table %s.%s %s: %s takes its place", namespace, name, why, copy.what)
        return copy
    raise FateInputError(
        f"Table {namespace}.{name}, which job {job_id} was trained on, {why}, and the job has no copy of its rows.",
        hint="Give a profile of it that was written before (reference='.../reference.json'), or a table like it.",
        job_id=job_id,
    )


def _readers(dag: Mapping[str, Any]) -> set[str]:
    """Readers whose rows a model has learned from."""
    tasks: Mapping[str, Any] = dag["dag"]["tasks"]
    waiting, seen = list(trained_tasks(Job(dict(dag)))), set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in tasks:
            continue
        seen.add(name)
        data = (tasks[name].get("inputs") or {}).get("data") or {}
        for key, channel in data.items():
            if key not in _NOT_TRAINED_ON:
                waiting += producers(channel)
    return {name for name in seen if tasks[name].get("component_ref") == "reader"}


def _made_after(flow: FlowClient, table: TableRecord, training: JobRecord) -> bool:
    """Whether a table was uploaded after the training began, as far as the site knows."""
    job_id = str(table.source.get("task_id") or "").partition("_")[0]
    if not job_id:
        return False
    try:
        records = flow.job.query(job_id=job_id)
    except FateNotFoundError:
        return False
    times = [one.create_time for one in records if one.create_time is not None]
    return bool(times) and training.create_time is not None and times[0] > training.create_time


def _copies(flow: FlowClient, record: JobRecord, dag: Mapping[str, Any], reader: str) -> Iterator[SourceTable]:
    """Rows of a table that tasks of the job have kept; those of the intersection first."""
    tasks: Mapping[str, Any] = dag["dag"]["tasks"]
    for component, keys in _KEEPS_ROWS.items():
        for name, task in tasks.items():
            if task.get("component_ref") != component or reader not in producers(task.get("inputs")):
                continue
            try:
                made = flow.output.data_tables(record.job_id, record.role, record.party_id, name)
            except FateTaskNotFound:
                continue
            for ref in (ref for key in keys for ref in made.get(key, ())):
                try:
                    flow.table.query(ref.namespace, ref.name)
                except FateTableNotFound:
                    continue
                yield SourceTable(ref.namespace, ref.name, f"what task {name} of job {record.job_id} has kept of it")
