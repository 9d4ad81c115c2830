"""The model of a finished job, brought here from the site of one party."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import (
    FateInputError,
    FateModelNotFound,
    FateNotOfferedError,
    FateTaskNotFound,
)
from airflow_provider_fate.jobs.catalogue import ComponentSpec, known_components
from airflow_provider_fate.jobs.predict import derivable
from airflow_provider_fate.models.manifest import ModelManifest, ModelParty, content_digest
from airflow_provider_fate.models.package import ModelPackage, write_package
from airflow_provider_fate.models.part import UnpackedPart, unpack_part
from airflow_provider_fate.site.records import job_id_in, party_record, require_success

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.clients.fate_flow.models import JobRecord, TaskRecord

__all__ = ["TrainedJob", "collect_package", "find_trained_job", "job_id_of"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainedJob:
    """A job that has succeeded, as one party's site knows it.

    :param record: the party's record.
    :param tasks: the party's tasks.
    """

    record: JobRecord
    tasks: Sequence[TaskRecord]

    @property
    def who(self) -> str:
        """The party, for people."""
        return f"{self.record.role} {self.record.party_id}"

    @property
    def spec(self) -> Mapping[str, Any]:
        """The job's description, as FATE-Flow completed it."""
        found: Mapping[str, Any] = self.record.dag.get("dag") or {}
        return found

    @property
    def schema_version(self) -> str | None:
        """Version of FATE's description of jobs."""
        version = self.record.dag.get("schema_version")
        return None if version is None else str(version)


def job_id_of(model: object) -> str:
    """The job that has trained a model.

    :param model: its id, or the result of the task that ran it.
    :raises FateInputError: it names none.
    """
    return job_id_in("model", model)


def find_trained_job(
    flow: FlowClient, job_id: str, role: str | None, party_id: str | None, *, usual_role: str | None = None
) -> TrainedJob:
    """Find a party's side of a job.

    :param role: the party's role; ``None``: the one that it has in the job.
    :param party_id: the party; ``None``: the one that the site plays.
    :param usual_role: the role that is taken where it has several, if it has this one.
    :raises FateJobNotFound: the site does not know the job.
    :raises FateTaskNotFound: the party takes no part in it here.
    :raises FateConflictError: it has not ended.
    :raises FateInputError: it has not succeeded.
    """
    record = party_record(flow, job_id, role, party_id, usual_role=usual_role)
    require_success(record, "what it has trained may be no whole model")
    tasks = flow.task.query(job_id=job_id, role=record.role, party_id=record.party_id)
    return TrainedJob(record, sorted(tasks, key=lambda task: task.task_name))


def collect_package(flow: FlowClient, job: TrainedJob, folder: Path) -> ModelPackage:
    """Download what the tasks of a job have trained, and write the package.

    :param folder: an empty folder, which will hold the package and what went into it.
    :raises FateInputError: the job trains no model at this party.
    :raises FateModelNotFound: a model was deleted here.
    :raises FateArchiveError: what the site has sent is damaged, or refused.
    """
    job_id, role, party_id = job.record.job_id, job.record.role, job.record.party_id
    _require_no_folds(job)
    parts: list[UnpackedPart] = []
    missing: list[str] = []
    taken: set[tuple[str, str]] = set()
    for task in job.tasks:
        spec = known_components().get((task.component or "").lower())
        if spec is not None and not spec.model_outputs:
            continue
        origin = _origin(job, task.task_name)
        if origin in taken:
            continue  # the same step, applied to the rows that are held out
        taken.add(origin)
        place = folder / task.task_name
        place.mkdir()
        archive = place / "model.tar"
        try:
            size = flow.output.download_model(origin[0], role, party_id, origin[1], archive)
        except (FateModelNotFound, FateTaskNotFound):
            older = origin[0] != job_id
            if older or (spec is not None and _trains(job.spec, task.task_name, role, spec)):
                missing.append(task.task_name)
            continue
        if spec is None:
            _require_one_model(flow, job, task.task_name)
        log.info("Received the model of task %s, %d bytes", task.task_name, size)
        with archive.open("rb") as file:
            component = task.component or "unknown"
            parts.append(
                unpack_part(file, place, task=task.task_name, component=component, provider=task.provider_name)
            )
        archive.unlink()
    _require_whole(job, parts, missing)
    described = tuple(one.part for one in parts)
    manifest = ModelManifest(
        role=role,
        party_id=party_id,
        job_id=job_id,
        model_id=job.record.model_id or job_id,
        model_version=job.record.model_version or "0",
        parties=tuple(
            ModelParty(role=group.role, party_id=one)
            for group in sorted(job.record.parties, key=lambda group: group.role)
            for one in sorted(group.party_id)
        ),
        schema_version=job.schema_version,
        job=derivable(job.record.dag),
        parts=described,
        content_sha256=content_digest(described),
    )
    return write_package(manifest, parts, folder / "model.zip")


def _require_no_folds(job: TrainedJob) -> None:
    """Check that the job has trained a model that can be used.

    :raises FateInputError: it has cross-validated.
    """
    tasks = job.spec.get("tasks") or {}
    if judged := [name for name, task in tasks.items() if task.get("stage") == "cross_validation"]:
        raise FateInputError(
            f"Job {job.record.job_id} has cross-validated ({', '.join(judged)}), which leaves no model.",
            job_id=job.record.job_id,
            hint="Train with the parameters that were found, without cross_validation, and give that job.",
        )


def _origin(job: TrainedJob, task: str) -> tuple[str, str]:
    """The job and the task that have the model of a task: of a step that a training has taken over, an older one.

    Without it the package would hold a model that expects columns which nothing in it makes. FATE gives a model the id
    of the job that trains it, unless the job asks for another.
    """
    spec = (job.spec.get("tasks") or {}).get(task) or {}
    models = (spec.get("inputs") or {}).get("model") or {}
    stored = (models.get("input_model") or {}).get("model_warehouse") or {}
    if job.spec.get("stage") == "train" and spec.get("stage") == "predict" and stored.get("model_id"):
        return str(stored["model_id"]), str(stored["producer_task"])
    return job.record.job_id, task


def _trains(spec: Mapping[str, Any], task: str, role: str, component: ComponentSpec) -> bool:
    """Whether a task must have made a model for a role, as far as FATE says what its components do."""
    stage = ((spec.get("tasks") or {}).get(task) or {}).get("stage") or spec.get("stage") or "default"
    return any(
        output.required and (not output.roles or role in output.roles) and (output.stages & {stage, "default"})
        for output in component.model_outputs.values()
    )


def _require_one_model(flow: FlowClient, job: TrainedJob, task: str) -> None:
    # The download takes the first model of a task. FATE's own components have one each; those of others may have more.
    keys = flow.output.model(job.record.job_id, job.record.role, job.record.party_id, task)
    if len(keys) > 1:
        raise FateNotOfferedError(
            f"Task {task} has several models ({', '.join(sorted(keys))}), of which FATE-Flow hands out the first only.",
            job_id=job.record.job_id,
            hint="Ask for a component that puts what it has learnt into one output.",
        )


def _require_whole(job: TrainedJob, parts: Sequence[UnpackedPart], missing: Sequence[str]) -> None:
    job_id = job.record.job_id
    if missing:
        raise FateModelNotFound(
            f"Job {job_id} has trained a model in {', '.join(missing)}, but {job.who} has it no more: it was deleted "
            "at this site.",
            job_id=job_id,
            party=job.who,
            hint="Nothing was written. What the partners still have cannot be seen from here, and does not replace it. "
            "Import an earlier package (FateModelImportOperator), or train again.",
        )
    if not parts:
        ran = ", ".join(sorted({task.component or "?" for task in job.tasks}))
        raise FateInputError(
            f"Job {job_id} has trained no model for {job.who}: it ran {ran}.",
            job_id=job_id,
            hint="Give the job that trains. A model that was optional to its component may have been deleted here.",
        )
