"""Deleting what a retention plan says, each thing looked at once more directly before."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_fate.errors import FateConnectionError, FateError, FateModelNotFound, FateTableNotFound
from airflow_provider_fate.site.history import PastJob, Used, past_jobs
from airflow_provider_fate.site.leftovers import has_model, outputs_of
from airflow_provider_fate.site.records import UNFINISHED
from airflow_provider_fate.site.retention import Item, Plan

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.site.policy import Kind

__all__ = ["carry_out"]

log = logging.getLogger(__name__)


class _Kept(Exception):
    """It has to stay after all."""


class _Gone(Exception):
    """It is not there any more."""


def carry_out(flow: FlowClient, plan: Plan) -> Iterator[Item]:
    """Delete what is to be deleted, and yield every item of the plan with what became of it.

    The unfinished jobs are read anew before each deletion. What fails is told and does not keep the rest from being
    deleted, unless FATE-Flow cannot be reached any more.

    :raises FateConnectionError: FATE-Flow was not reached, or an answer was lost.
    """
    for item in plan.items:
        if item.action != "delete":
            yield item
            continue
        try:
            _DELETERS[item.kind](flow, plan, item)
        except _Kept as e:
            yield replace(item, action="kept", reason=str(e))
        except _Gone:
            yield replace(item, action="gone", reason="somebody else has deleted it meanwhile")
        except FateConnectionError:
            raise
        except FateError as e:
            log.warning("%s %s could not be deleted: %s", item.kind, item.name, e.message)
            yield replace(item, action="failed", reason=e.message.splitlines()[0])
        else:
            yield replace(item, action="deleted")


def _used(flow: FlowClient) -> Used:
    return Used.by(past_jobs(flow.job.list(statuses=UNFINISHED, limit=0).jobs).values())


def _delete_table(flow: FlowClient, plan: Plan, item: Item) -> None:
    namespace, name = item.key
    try:
        table = flow.table.query(namespace, name)
    except FateTableNotFound:
        raise _Gone from None
    if str(table.source.get("task_id") or "") != item.source or table.count != item.rows:
        raise _Kept("written anew meanwhile")
    if user := _used(flow).tables.get((namespace, name)):
        raise _Kept(f"used by job {user} by now")
    flow.table.delete(namespace, name)
    try:
        flow.table.query(namespace, name)
    except FateTableNotFound:
        return
    raise FateError("FATE-Flow says that it is deleted, but it is still there.")


def _delete_model(flow: FlowClient, plan: Plan, item: Item) -> None:
    model_id, version = item.key
    used = _used(flow).models
    makers = [job.job_id for job in plan.jobs.values() if job.model == item.key]
    # An heir's model may lie in the same files.
    related = {item.key, *(plan.jobs[other].model for job_id in makers for other in plan.groups[job_id])}
    if user := next((used[model] for model in used if model in related), None):
        raise _Kept(f"used by job {user} by now")
    try:
        flow.model.delete(model_id, version)
    except FateModelNotFound:
        raise _Gone from None


def _delete_outputs(flow: FlowClient, plan: Plan, item: Item) -> None:
    for table in outputs_of(flow, _unchanged(flow, plan, item)):
        _unchanged(flow, plan, item)
        with contextlib.suppress(FateTableNotFound):
            flow.table.delete(table.namespace, table.name)


def _clean_job(flow: FlowClient, plan: Plan, item: Item) -> None:
    current = _unchanged(flow, plan, item)
    _nothing_is_taken_along(flow, current)
    flow.job.clean(current.job_id)
    if flow.job.query(job_id=current.job_id):
        raise FateError("FATE-Flow says that it is cleaned, but it is still there.")


def _unchanged(flow: FlowClient, plan: Plan, item: Item) -> PastJob:
    """The job as it is now: not run again since the plan was made, and nobody has begun to use its results."""
    (job_id,) = item.key
    records = flow.job.query(job_id=job_id)
    if not records:
        raise _Gone
    current = past_jobs(records)[job_id]
    if not current.terminal or current.ended != plan.jobs[job_id].ended:
        raise _Kept("it was started again meanwhile")
    used = _used(flow)
    if user := used.jobs.get(job_id) or next(iter(plan.groups[job_id] & used.unfinished), None):
        raise _Kept(f"its results are used by job {user} by now")
    return current


def _nothing_is_taken_along(flow: FlowClient, job: PastJob) -> None:
    """Make sure that tables and models of the job were deleted before: cleaning it would delete what is left."""
    for namespace, name in sorted(job.tables):
        try:
            table = flow.table.query(namespace, name)
        except FateTableNotFound:
            continue
        if table.data_type != "data_directory":
            raise _Kept(f"would take along table {namespace}.{name}, which is still there")
    if job.model and has_model(flow, job):
        raise _Kept(f"would take along model {'/'.join(job.model)}, which is still there")


_DELETERS: dict[Kind, Callable[[FlowClient, Plan, Item], None]] = {
    "tables": _delete_table,
    "models": _delete_model,
    "outputs": _delete_outputs,
    "jobs": _clean_job,
}
