"""Which tasks of an earlier job a new one can take over: FATE's ``conf.inheritance``."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateJobNotFound
from airflow_provider_fate.site.records import own_record

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.clients.fate_flow.models import TaskRecord
    from airflow_provider_fate.hooks.site import FateSite

log = logging.getLogger(__name__)


def inherit_from(flow: FlowClient, site: FateSite, dag: Mapping[str, Any], job_id: str) -> Mapping[str, Any]:
    """Let a DAG take over what an earlier job has finished and describes in the same way; it may be nothing.

    :param dag: as it is submitted.
    :param job_id: the earlier job.
    :raises FateJobNotFound: the site does not know it.
    """
    records = flow.job.query(job_id=job_id)
    if not records:
        raise FateJobNotFound(
            f"The site of connection {site.conn_id!r} does not know job {job_id}, from which tasks are to be "
            "inherited.",
            job_id=job_id,
            hint="Was it run over another connection, or cleaned? Without inherit everything is run anew.",
        )
    old = own_record(records, site.role, site.party_id).dag
    taken = inheritable(old, dag, finished_tasks(flow.task.query(job_id=job_id)))
    if not taken:
        log.warning("No finished task of job %s is described as in this one: everything is run anew", job_id)
        return dag
    log.info("Taken over from job %s: %s", job_id, ", ".join(taken))
    return with_inheritance(dag, job_id, taken)


def finished_tasks(tasks: Iterable[TaskRecord]) -> list[str]:
    """Tasks that succeeded on every party, as far as this site sees."""
    ends: dict[str, set[str]] = {}
    for task in tasks:
        ends.setdefault(task.task_name, set()).update((str(task.status), str(task.party_status)))
    return [name for name, states in ends.items() if states <= {"success", "pass"}]


def unchanged_tasks(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Tasks that two DAGs describe in the same way, and that read only such tasks, in the order of the new DAG.

    :param old: a DAG as FATE-Flow gives it back, with every field that nobody has set.
    :param new: a DAG as it is submitted.
    """
    if _plain(old["dag"].get("parties")) != _plain(new["dag"].get("parties")):
        return []
    same = [
        name
        for name in new["dag"]["tasks"]
        if name in old["dag"]["tasks"] and _described(old, name) == _described(new, name)
    ]
    while broken := [name for name in same if not producers(new["dag"]["tasks"][name]) <= set(same)]:
        same = [name for name in same if name not in broken]
    return same


def inheritable(old: Mapping[str, Any], new: Mapping[str, Any], finished: Iterable[str]) -> list[str]:
    """Those of the unchanged tasks that the old job has finished, and whose producers it has finished, too.

    :param finished: tasks that succeeded on every party that this site sees.
    """
    done = set(finished)
    taken: list[str] = []
    for _ in new["dag"]["tasks"]:  # a DAG need not be written in the order in which it runs
        taken = [
            name
            for name in unchanged_tasks(old, new)
            if name in done and producers(new["dag"]["tasks"][name]) <= set(taken)
        ]
    return taken


def with_inheritance(dag: Mapping[str, Any], job_id: str, tasks: Iterable[str]) -> dict[str, Any]:
    """The DAG, told to take these tasks over from a job; the given one is left alone."""
    spec = dict(dag["dag"])
    spec["conf"] = {**(spec.get("conf") or {}), "inheritance": {"job_id": job_id, "task_list": list(tasks)}}
    return {**dag, "dag": spec}


def _described(dag: Mapping[str, Any], name: str) -> Any:
    """All that decides what a task computes: its own description, and what each party adds; not with how many cores."""
    spec = dag["dag"]
    entries = (spec.get("party_tasks") or {}).values()
    added = [(entry.get("parties"), entry["tasks"][name]) for entry in entries if name in (entry.get("tasks") or {})]
    return (
        _computed(spec["tasks"][name]),
        sorted(repr((_plain(parties), _computed(task))) for parties, task in added),
        _plain(((spec.get("conf") or {}).get("task") or {}).get("provider")),
    )


def _computed(task: Mapping[str, Any]) -> Any:
    rest = {key: value for key, value in task.items() if key not in ("dependent_tasks", "conf")}
    return _plain(rest), _plain((task.get("conf") or {}).get("provider"))


def _plain(value: Any) -> Any:
    """Without what says nothing: FATE-Flow writes every field that a DAG leaves out as null or empty."""
    if isinstance(value, Mapping):
        return {key: plain for key, item in sorted(value.items()) if (plain := _plain(item)) not in (None, {}, [])}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def producers(value: Any) -> set[str]:
    """Tasks of the same job whose output something in a task's description names."""
    if isinstance(value, Mapping):
        found = set().union(*(producers(item) for key, item in value.items() if not key.endswith("_warehouse")))
        return found | ({str(value["producer_task"])} if "producer_task" in value else set())
    if isinstance(value, (list, tuple)):
        return set().union(*(producers(item) for item in value))
    return set()
