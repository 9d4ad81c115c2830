"""Whether the models that a job uses are still here. A partner's part cannot be seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateInputError, FateModelNotFound
from airflow_provider_fate.site.history import model_makers, model_references
from airflow_provider_fate.site.preflight.check import PreflightCheck, failed, of_error, passed, unknown
from airflow_provider_fate.site.scoring import require_model, training_record

if TYPE_CHECKING:
    from airflow_provider_fate.site.session import SiteSession

__all__ = ["model_check", "models_of_job"]


def models_of_job(job: Mapping[str, Any]) -> list[str]:
    """Ids of the models that a job names: as a rule, those of the jobs that have trained them."""
    return list(dict.fromkeys(model_id for model_id, _ in model_references(job["dag"])))


def model_check(session: SiteSession, job_id: str, *, named: bool) -> Iterator[PreflightCheck]:
    """Look for this site's part of a model.

    :param job_id: the job that has trained it.
    :param named: whether somebody says that it is this job; else it is the id of a model, which most often is a job's.
    """
    name, flow = f"model {job_id}", session.client
    if not named and not flow.job.query(job_id=job_id):
        found = "this site knows no job of this name: the model was imported, or has an id of its own"
        yield unknown(name, found, "FATE-Flow has no list of models; the job that uses it will tell.")
        return
    try:
        record = training_record(flow, session.site, job_id)
        tasks = list(model_makers(record.dag.get("dag") or {}))
        if not tasks:
            yield failed(name, "none of the job's tasks makes a model", "Name the job that has trained it.")
            return
        require_model(flow, record, tasks)
    except (FateModelNotFound, FateInputError) as error:
        yield of_error(name, error)
    else:
        yield passed(name, f"{', '.join(tasks)}: the part of {record.role} {record.party_id} is here")
