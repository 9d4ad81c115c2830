"""What the jobs of a site have made, and what they have used of each other: as much as their records tell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.site.usage import named_tables

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow.models import JobRecord

__all__ = ["ModelKey", "PastJob", "TableKey", "Used", "groups", "model_makers", "model_references", "past_jobs"]

TableKey = tuple[str, str]
"""Namespace and name, whatever characters they have."""
ModelKey = tuple[str, str]
"""Model id and version."""

_OUTPUT = re.compile(r"(?:output_data_)?(\d{15,})_.+")
"""Namespace of a table that a task has handed on: it begins with the job."""


@dataclass
class PastJob:
    """A job, summed up over the parties that this site plays.

    :ivar parties: role and id of these parties.
    :ivar statuses: their statuses.
    :ivar ended: when it last ended; when it last changed, where it did not say so.
    :ivar model: id and version under which it stores models.
    :ivar model_tasks: per party, the tasks that make a model when they succeed.
    :ivar tables: tables that it reads or writes by name.
    :ivar written: those that it writes.
    :ivar jobs_used: jobs whose results it reads or takes over.
    :ivar inherits: the job whose results it has taken over: both have the same tables and model files then.
    :ivar inherited: the tasks whose results these are.
    :ivar models_used: models that it reads.
    """

    job_id: str
    parties: list[tuple[str, str]] = field(default_factory=list)
    statuses: set[str] = field(default_factory=set)
    terminal: bool = True
    ended: datetime | None = None
    model: ModelKey | None = None
    model_tasks: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    tables: set[TableKey] = field(default_factory=set)
    written: set[TableKey] = field(default_factory=set)
    jobs_used: set[str] = field(default_factory=set)
    inherits: str | None = None
    inherited: frozenset[str] = frozenset()
    models_used: set[ModelKey] = field(default_factory=set)

    def add(self, record: JobRecord) -> None:
        """Take in the record of one more party."""
        party = (record.role, record.party_id)
        self.parties.append(party)
        self.statuses.add(str(record.status))
        self.terminal = self.terminal and record.status.is_terminal
        moment = record.end_time or record.update_time or record.create_time
        if moment and (self.ended is None or moment > self.ended):
            self.ended = moment
        for namespace, name, access in named_tables(record):
            self.tables.add((namespace, name))
            if access == "writes":
                self.written.add((namespace, name))
            if output := _OUTPUT.fullmatch(namespace):
                self.jobs_used.add(output[1])
        spec = record.dag.get("dag") or {}
        conf = spec.get("conf") or {}
        if record.model_id:
            self.model = (record.model_id, record.model_version or "0")
        if makers := list(model_makers(spec)):
            self.model_tasks[party] = makers
        if inheritance := conf.get("inheritance"):
            self.inherits = str(inheritance["job_id"])
            self.inherited = frozenset(inheritance.get("task_list") or ())
            self.jobs_used.add(self.inherits)
        for model in model_references(spec):
            self.models_used.add(model)
        self.jobs_used |= set(_job_references(spec))

    @property
    def makes_models(self) -> bool:
        """Whether one of its tasks makes a model, if it succeeds."""
        return bool(self.model_tasks)

    @property
    def inherits_models(self) -> bool:
        """Whether it has taken over a task that makes a model."""
        return any(not self.inherited.isdisjoint(tasks) for tasks in self.model_tasks.values())


def past_jobs(records: Iterable[JobRecord]) -> dict[str, PastJob]:
    """Sum up records, by job."""
    found: dict[str, PastJob] = {}
    for record in records:
        found.setdefault(record.job_id, PastJob(record.job_id)).add(record)
    return found


@dataclass(frozen=True)
class Used:
    """What unfinished jobs need: each with the id of a job that does.

    :ivar unfinished: their ids.
    """

    unfinished: frozenset[str]
    tables: Mapping[TableKey, str]
    jobs: Mapping[str, str]
    models: Mapping[ModelKey, str]

    @classmethod
    def by(cls, jobs: Iterable[PastJob]) -> Used:
        """What those of these jobs use that have not ended."""
        unfinished = [job for job in jobs if not job.terminal]
        models = {model: job.job_id for job in unfinished for model in job.models_used}
        # A job that stores its models under an id of its own choice overwrites what stood there, or goes on with it.
        models |= {job.model: job.job_id for job in unfinished if job.model and job.makes_models}
        return cls(
            unfinished=frozenset(job.job_id for job in unfinished),
            tables={table: job.job_id for job in unfinished for table in job.tables},
            jobs={used: job.job_id for job in unfinished for used in job.jobs_used},
            models=models,
        )


def groups(jobs: Mapping[str, PastJob], *, models_only: bool = False) -> dict[str, frozenset[str]]:
    """For each job, those that share stored results with it, itself included.

    A job that has inherited shares the tables and model files of the job it inherited from: FATE-Flow copies their
    names only. Jobs that store models under one id and version share the files of it. What is deleted of one of them is
    gone for all.

    :param models_only: only those that share models.
    """
    # A job that has been cleaned itself still ties its heirs together.
    leader = {job_id: job_id for job in jobs.values() for job_id in (job.job_id, job.inherits) if job_id}

    def find(job_id: str) -> str:
        while leader[job_id] != job_id:
            leader[job_id] = leader[leader[job_id]]
            job_id = leader[job_id]
        return job_id

    by_model: dict[ModelKey, str] = {}
    for job in jobs.values():
        if job.inherits and (job.inherits_models or not models_only):
            leader[find(job.job_id)] = find(job.inherits)
        if job.model and job.makes_models:
            leader[find(job.job_id)] = find(by_model.setdefault(job.model, job.job_id))
    members: dict[str, set[str]] = {}
    for job_id in jobs:
        members.setdefault(find(job_id), set()).add(job_id)
    return {job_id: frozenset(group) for group in members.values() for job_id in group}


def model_makers(spec: Mapping[str, Any]) -> Iterator[str]:
    """Tasks that make a model when they succeed."""
    from airflow_provider_fate.jobs.catalogue import known_components

    for name, task in (spec.get("tasks") or {}).items():
        component = known_components().get(str(task.get("component_ref")).lower())
        stage = task.get("stage") or spec.get("stage") or "train"
        # One that is not in the catalogue may do anything.
        if component is None or any(stage in output.stages for output in component.model_outputs.values()):
            yield name


def model_references(spec: Mapping[str, Any]) -> Iterator[ModelKey]:
    """Models that the job names: for all its tasks, or for an input of one."""
    sources = [(spec.get("conf") or {}).get("model_warehouse"), *_channels(spec, "model_warehouse")]
    for source in sources:
        if source and source.get("model_id"):
            yield str(source["model_id"]), str(source.get("model_version") or "0")


def _job_references(spec: Mapping[str, Any]) -> Iterator[str]:
    """Jobs whose tasks' outputs are the input of a task."""
    for source in _channels(spec, "data_warehouse"):
        if source.get("job_id"):
            yield str(source["job_id"])
        elif output := _OUTPUT.fullmatch(str(source.get("namespace"))):
            yield output[1]


def _channels(spec: Mapping[str, Any], kind: str) -> Iterator[Mapping[str, Any]]:
    for task in (spec.get("tasks") or {}).values():
        for inputs in (task.get("inputs") or {}).values():
            for channel in (inputs or {}).values():
                source = (channel or {}).get(kind)
                yield from source if isinstance(source, list) else [source] if source else []
