"""What a site knows of a model that it has trained, written into a card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.data.table import TableName
from airflow_provider_fate.errors import FateError, FateInputError, FateNotFoundError
from airflow_provider_fate.models.card import (
    CardApproval,
    CardModel,
    CardOverlap,
    CardParty,
    CardRun,
    CardTable,
    CardTask,
    CardTraining,
    ModelCard,
)
from airflow_provider_fate.site.ref import JobRef
from airflow_provider_fate.site.replace import find
from airflow_provider_fate.site.result import metrics_of
from airflow_provider_fate.site.tables import read_tables
from airflow_provider_fate.site.upload_mark import UploadMark

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.clients.fate_flow.models import JobRecord, TableRecord
    from airflow_provider_fate.models.collect import TrainedJob
    from airflow_provider_fate.models.package import ModelPackage

__all__ = ["describe"]

_FEATURE, _LABEL, _MATCH = "column", "label", "match_id"


def describe(
    flow: FlowClient,
    job: TrainedJob,
    package: ModelPackage,
    *,
    run: CardRun | None = None,
    approval: CardApproval | None = None,
) -> ModelCard:
    """Write the card of a model.

    :param job: what has trained it.
    :param package: what holds it.
    :param run: the run of Airflow in which the card is written.
    :param approval: who has approved.
    """
    record = job.record
    metrics = metrics_of(flow, JobRef.of(record))
    return ModelCard(
        model=_model(package),
        parties=tuple(_parties(job)),
        tables=tuple(_tables(flow, job)),
        tasks=tuple(_tasks(job, package)),
        metrics=metrics,
        overlap=_overlap(job, metrics),
        training=CardTraining(
            started=record.start_time,
            ended=record.end_time,
            initiator=record.initiator_party_id,
            fate_version=_version(flow),
            schema_version=job.schema_version,
        ),
        airflow=run,
        approval=approval,
        not_seen=tuple(_not_seen(job, metrics)),
    )


def _model(package: ModelPackage) -> CardModel:
    manifest = package.manifest
    return CardModel(
        model_id=manifest.model_id,
        model_version=manifest.model_version,
        job_id=manifest.job_id,
        role=manifest.role,
        party_id=manifest.party_id,
        package_sha256=package.sha256,
        content_sha256=manifest.content_sha256,
        size=package.size,
        left_out={f"{part.task}/{file.path}": file.reason for part in manifest.parts for file in part.left_out},
    )


def _version(flow: FlowClient) -> str | None:
    try:
        return flow.server.version().version
    except FateError:
        return None


def _parties(job: TrainedJob) -> Iterator[CardParty]:
    own = (job.record.role, job.record.party_id)
    named: dict[tuple[str, str], list[str]] = {}
    for table in read_tables({"dag": _whole(job.spec)}):
        tables = named.setdefault((table.role, table.party_id), [])
        if (name := f"{table.namespace}.{table.name}") not in tables:
            tables.append(name)
    for group in sorted(job.record.parties, key=lambda group: group.role):
        for party_id in group.party_id:
            party = (group.role, party_id)
            yield CardParty(role=group.role, party_id=party_id, own=party == own, tables=tuple(named.get(party, ())))


def _whole(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {**spec, "tasks": spec.get("tasks") or {}}


# --- tables -----------------------------------------------------------------------------------------------------------


def _tables(flow: FlowClient, job: TrainedJob) -> Iterator[CardTable]:
    own = (job.record.role, job.record.party_id)
    for table in read_tables({"dag": _whole(job.spec)}):
        if (table.role, table.party_id) != own:
            continue
        name = f"{table.namespace}.{table.name}"
        try:
            found = find(flow, TableName(table.namespace, table.name))
        except FateInputError:  # a name that no operator of ours would give
            found = None
        if found is None:
            yield CardTable(table=name, task=table.task, rows=None)
            continue
        maker = _maker(flow, found)
        fields = _fields(found)
        mark = UploadMark.of_job(maker) if maker else None
        yield CardTable(
            table=name,
            task=table.task,
            rows=found.count,
            columns=tuple(str(one["name"]) for one in fields if one.get("property") == _FEATURE),
            types=tuple(str(one.get("dtype")) for one in fields if one.get("property") == _FEATURE),
            label=_one(fields, _LABEL),
            match_id=_one(fields, _MATCH),
            fingerprint=mark.content if mark else None,
            upload_job=maker.job_id if maker else None,
            replaced_since=_later(maker, job.record),
        )


def _fields(table: TableRecord) -> list[dict[str, Any]]:
    schema = table.meta.get("schema_meta")
    fields = schema.get("fields", []) if isinstance(schema, dict) else []
    return [one for one in fields if isinstance(one, dict) and "name" in one]


def _one(fields: Sequence[Mapping[str, Any]], kind: str) -> str | None:
    return next((str(one["name"]) for one in fields if one.get("property") == kind), None)


def _maker(flow: FlowClient, table: TableRecord) -> JobRecord | None:
    """The job that has made a table, if the site still knows it."""
    job_id = str(table.source.get("task_id") or "").partition("_")[0]
    if not job_id:
        return None
    try:
        records = flow.job.query(job_id=job_id)
    except FateNotFoundError:
        return None
    return records[0] if records else None


def _later(maker: JobRecord | None, training: JobRecord) -> bool | None:
    if maker is None or maker.create_time is None or training.create_time is None:
        return None
    return maker.create_time > training.create_time


# --- tasks ------------------------------------------------------------------------------------------------------------


def _tasks(job: TrainedJob, package: ModelPackage) -> Iterator[CardTask]:
    trained = {part.task for part in package.manifest.parts}
    described_by = _whole(job.spec)["tasks"]
    order = sorted(job.tasks, key=lambda task: (task.start_time is None, task.start_time, task.task_name))
    for record in order:
        name, described = record.task_name, described_by.get(record.task_name) or {}
        yield CardTask(
            task=name,
            component=record.component or "unknown",
            provider=record.provider_name,
            stage=described.get("stage") or job.spec.get("stage"),
            trained=name in trained,
            parameters=_parameters(job, name, described),
        )


def _parameters(job: TrainedJob, name: str, described: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of all parties, and on top of them the party's own."""
    merged = dict(described.get("parameters") or {})
    for entry in (job.spec.get("party_tasks") or {}).values():
        groups = entry.get("parties") or ()
        if any(g["role"] == job.record.role and job.record.party_id in map(str, g["party_id"]) for g in groups):
            merged |= ((entry.get("tasks") or {}).get(name) or {}).get("parameters") or {}
    return merged


def _overlap(job: TrainedJob, metrics: Mapping[str, Any]) -> CardOverlap | None:
    for task in job.tasks:
        rows = metrics.get(f"{task.task_name}.intersect_count")
        if task.component == "psi" and isinstance(rows, int):
            own = metrics.get(f"{task.task_name}.input_count")
            return CardOverlap(task=task.task_name, rows=rows, own_rows=own if isinstance(own, int) else None)
    return None


# --- what is not known ------------------------------------------------------------------------------------------------


def _not_seen(job: TrainedJob, metrics: Mapping[str, Any]) -> Iterator[str]:
    own = (job.record.role, job.record.party_id)
    others = [f"{g.role} {p}" for g in job.record.parties for p in g.party_id if (g.role, p) != own]
    if others:
        who = ", ".join(sorted(others))
        hetero = not any((task.component or "").startswith("homo_") for task in job.tasks)
        yield f"Rows, columns and fingerprints of the tables of {who}."
        if hetero:
            yield f"The parts of the model at {who}: without them this part makes no prediction."
        yield f"Whether {who} still has its part, and which code it has run."
    if not metrics and job.record.role != "guest":
        yield "Metrics: FATE gives those of an evaluation to the party that has the label."
