"""Which old jobs, tables and models of a site may be deleted, and why the others may not.

What decides it, seen on FATE-Flow 2.2:

- ``job/clean`` deletes more than the job. It takes along the tables that the job's readers *read* on this site, the
  table that an upload job has made (even where a later upload has replaced it), and the job's models. So a job goes
  only when nothing of that is kept.
- What tasks have made for each other can be deleted table by table, and the job stays.
- A job that has inherited tasks shares their tables and model files with the job it inherited from: these go together.
- There is no list of tables and no time of a table: the newest upload job that is still in the list says both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from airflow_provider_fate.errors import FateInvalidParameterError, FateTableNotFound
from airflow_provider_fate.site.history import ModelKey, PastJob, TableKey, Used, groups, past_jobs
from airflow_provider_fate.site.leftovers import has_model, outputs_of
from airflow_provider_fate.site.policy import Kind, Policy

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.clients.fate_flow.models import TableRecord

__all__ = ["Action", "Item", "Plan", "plan"]

Action = Literal["delete", "deleted", "kept", "gone", "failed"]

_GONE = object()
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Item:
    """Something that is old enough, and what becomes of it.

    :param kind: what it is.
    :param name: ``namespace.name`` of a table, ``id/version`` of a model, id of a job; of outputs the job's, and how
        many tables these are.
    :param age: since it was written, or has ended.
    :param rows: of a table; of outputs in all.
    :param action: ``delete`` or ``kept``; after the work ``deleted``, ``kept``, ``gone`` (somebody else was quicker) or
        ``failed``.
    :param reason: why it is kept, or why it could not be deleted.
    :param ended: when it was written, or has ended.
    :param key: namespace and name, or model id and version; of a job its id alone.
    :param source: task that has made a table, as FATE-Flow knows it.
    """

    kind: Kind
    name: str
    age: timedelta
    action: Action
    reason: str
    ended: datetime
    key: tuple[str, ...]
    rows: int | None = None
    source: str = ""


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    :param items: all that is old enough, kinds in the order of the work, the oldest first.
    :param young: how many of each kind are not.
    :param jobs: the jobs that the site has a record of.
    :param groups: for each job, those that share stored results with it.
    """

    items: list[Item]
    young: Mapping[Kind, int]
    jobs: Mapping[str, PastJob]
    groups: Mapping[str, frozenset[str]]

    @property
    def deletions(self) -> list[Item]:
        """What is to be deleted."""
        return [item for item in self.items if item.action == "delete"]


def plan(flow: FlowClient, policy: Policy, now: datetime) -> Plan:
    """Look at all jobs of the site and decide; nothing is changed.

    :param now: ages are counted up to this moment.
    """
    from airflow_provider_fate.site.uploads import records

    planner = _Planner(flow, policy, past_jobs(records(flow)), now)
    items = [*planner.tables(), *planner.models(), *planner.outputs(), *planner.jobs()]
    return Plan(items, planner.young, planner.past, planner.groups)


class _Planner:
    """Decides; asks for each table and model once, and only where its age allows that it goes."""

    def __init__(self, flow: FlowClient, policy: Policy, past: Mapping[str, PastJob], now: datetime) -> None:
        self.flow, self.policy, self.past, self.now = flow, policy, past, now
        self.used = Used.by(past.values())
        self.groups = groups(past)
        self._model_groups = groups(past, models_only=True)
        self.young: dict[Kind, int] = dict.fromkeys(policy.older_than, 0)
        self._written: dict[TableKey, PastJob] = {}
        self._makers: dict[ModelKey, list[PastJob]] = {}
        for job in past.values():
            if "success" in job.statuses:
                for table in job.written:
                    known = self._written.get(table)
                    if known is None or _end(known) < _end(job):
                        self._written[table] = job
            if job.model and job.makes_models:
                self._makers.setdefault(job.model, []).append(job)
        self._looked: dict[TableKey, TableRecord | None] = {}
        self._has_model: dict[str, bool] = {}
        self._own: dict[str, str | None] = {}

    # -- what there is --------------------------------------------------------------------------------------------

    def tables(self) -> Iterable[Item]:
        """Tables whose newest upload is old enough."""
        for table, job in sorted(self._written.items(), key=lambda entry: _end(entry[1])):
            if self._due("tables", job) and (verdict := self._table(table)) is not _GONE:
                record = self._looked.get(table)
                yield self._item(
                    "tables",
                    ".".join(table),
                    job,
                    verdict,
                    table,
                    rows=record.count if record else None,
                    source=_source(record),
                )

    def models(self) -> Iterable[Item]:
        """Models whose newest job is old enough."""
        for model, makers in sorted(self._makers.items(), key=lambda entry: _end(max(entry[1], key=_end))):
            newest = max(makers, key=_end)
            if self._due("models", newest) and any(self._models_of(job) for job in makers):
                yield self._item("models", "/".join(model), newest, self._model(model), model)

    def outputs(self) -> Iterable[Item]:
        """Of jobs that stay and have ended long enough ago: tables that their tasks have made for each other."""
        for job in sorted(self.past.values(), key=_end):
            if not job.terminal or not self._due("outputs", job):
                continue
            if "jobs" in self.policy.older_than and self._job(job) is None:
                continue  # goes as a whole
            if tables := outputs_of(self.flow, job):
                rows = sum(table.count or 0 for table in tables)
                name = f"{job.job_id} ({len(tables)} tables)"
                yield self._item("outputs", name, job, self._outputs(job), (job.job_id,), rows=rows)

    def jobs(self) -> Iterable[Item]:
        """Jobs that have ended long enough ago."""
        for job in sorted(self.past.values(), key=_end):
            if job.terminal and self._due("jobs", job):
                yield self._item("jobs", job.job_id, job, self._job(job), (job.job_id,))

    def _item(
        self, kind: Kind, name: str, job: PastJob, verdict: object, key: tuple[str, ...], **facts: object
    ) -> Item:
        action: Action = "delete" if verdict is None else "kept"
        return Item(kind, name, self.now - _end(job), action, str(verdict or ""), _end(job), key, **facts)  # type: ignore[arg-type]

    def _due(self, kind: Kind, job: PastJob) -> bool:
        if kind not in self.policy.older_than:
            return False
        if self._too_young(kind, job):
            self.young[kind] += 1
            return False
        return True

    def _too_young(self, kind: Kind, job: PastJob) -> str | None:
        if kind not in self.policy.older_than:
            return f"{kind} are not to be deleted"
        age = self.now - _end(job)
        return f"only {age / _DAY:.1f} days old" if age < self.policy.older_than[kind] else None

    # -- why it is kept; None: it is not --------------------------------------------------------------------------

    def _table(self, table: TableKey) -> str | object | None:
        try:
            record = self._look(table)
        except FateInvalidParameterError:
            return "its name cannot be sent to FATE-Flow"
        if record is None:
            return _GONE
        if user := self.used.tables.get(table):
            return f"used by job {user}"
        if pattern := self.policy.kept_by("tables", ".".join(table)):
            return f"on the keep list: {pattern}"
        if "tables" not in self.policy.older_than:
            return "tables are not to be deleted"
        if record.data_type == "data_directory":
            return "a bound path, which FATE-Flow cannot delete"
        job = self._written.get(table)
        if job is None:
            return "age not known: no upload of it is in the list of jobs"
        source = _source(record)
        if source and not source.startswith(f"{job.job_id}_"):
            return f"made by {source}, which is not the newest upload in the list of jobs ({job.job_id})"
        return self._too_young("tables", job)

    def _model(self, model: ModelKey) -> str | None:
        if reason := self._model_alone(model):
            return reason
        shared = {job_id for job in self._makers[model] for job_id in self._model_groups[job.job_id]}
        for other in sorted({m for job_id in shared if (m := self.past[job_id].model) in self._makers and m != model}):
            if reason := self._model_alone(other):
                return f"shares its files with model {'/'.join(other)}, which is kept: {reason}"
        return None

    def _model_alone(self, model: ModelKey) -> str | None:
        if user := self.used.models.get(model):
            return f"used by job {user}"
        if pattern := self.policy.kept_by("models", model[0], "/".join(model)):
            return f"on the keep list: {pattern}"
        return self._too_young("models", max(self._makers[model], key=_end))

    def _outputs(self, job: PastJob) -> str | None:
        for other in sorted(self.groups[job.job_id], key=lambda job_id: job_id != job.job_id):
            if reason := self._outputs_alone(self.past[other]):
                return reason if other == job.job_id else f"shared with job {other}, whose results are kept: {reason}"
        return None

    def _outputs_alone(self, job: PastJob) -> str | None:
        if not job.terminal:
            return "it has not ended"
        if pattern := self.policy.kept_by("outputs", job.job_id) or self.policy.kept_by("jobs", job.job_id):
            return f"on the keep list: {pattern}"
        if user := self.used.jobs.get(job.job_id):
            return f"used by job {user}"
        return self._too_young("outputs", job)

    def _job(self, job: PastJob) -> str | None:
        if reason := self._job_alone(job):
            return reason
        for other in sorted(self.groups[job.job_id] - {job.job_id}):
            if reason := self._job_alone(self.past[other]):
                return f"shares stored results with job {other}, which is kept: {reason}"
        return None

    def _job_alone(self, job: PastJob) -> str | None:
        if job.job_id not in self._own:
            self._own[job.job_id] = self._why_kept(job)
        return self._own[job.job_id]

    def _why_kept(self, job: PastJob) -> str | None:
        if not job.terminal:
            return "it has not ended"
        if pattern := self.policy.kept_by("jobs", job.job_id):
            return f"on the keep list: {pattern}"
        if user := self.used.jobs.get(job.job_id):
            return f"its results are used by job {user}"
        if reason := self._too_young("jobs", job):
            return reason
        if job.model and self._models_of(job) and (reason := self._model(job.model)):
            return f"would take along model {'/'.join(job.model)}, which is kept: {reason}"
        for table in sorted(job.tables):
            verdict = self._table(table)
            # A bound path survives the cleaning of its reader.
            if verdict is None or verdict is _GONE or self._is_path(table):
                continue
            return f"would take along table {'.'.join(table)}, which is kept: {verdict}"
        return None

    # -- looking --------------------------------------------------------------------------------------------------

    def _look(self, table: TableKey) -> TableRecord | None:
        if table not in self._looked:
            try:
                self._looked[table] = self.flow.table.query(*table)
            except FateTableNotFound:
                self._looked[table] = None
        return self._looked[table]

    def _is_path(self, table: TableKey) -> bool:
        record = self._looked.get(table)
        return record is not None and record.data_type == "data_directory"

    def _models_of(self, job: PastJob) -> bool:
        if job.job_id not in self._has_model:
            self._has_model[job.job_id] = has_model(self.flow, job)
        return self._has_model[job.job_id]


def _end(job: PastJob) -> datetime:
    assert job.ended is not None, "every record of FATE-Flow has a time of creation"
    return job.ended


def _source(record: TableRecord | None) -> str:
    return str(record.source.get("task_id") or "") if record else ""
