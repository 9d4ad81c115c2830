"""Checks of the resources that a job asks for."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_provider_fate.jobs.problems import Problem, did_you_mean
from airflow_provider_fate.jobs.validation.job import Job, mapping

__all__ = ["check_conf"]

_FIELDS = (
    *("priority", "scheduler_party_id", "initiator_party_id", "inheritance", "task_parallelism", "cores"),
    *("computing_partitions", "sync_type", "federated_status_collect_type", "auto_retries", "model_warehouse"),
    *("model_id", "model_version", "task", "engine", "extra"),
)


def check_conf(job: Job, cores: int | None) -> Iterator[Problem]:
    """Yield what is wrong with ``conf``, of the job, of its tasks and of single parties.

    :param cores: what each party's cluster has; ``None`` if it is not known.
    """
    for name in job.conf:
        if name not in _FIELDS:
            fix = did_you_mean(str(name), _FIELDS, otherwise="Put what is your own into conf.extra.")
            yield Problem(f"conf.{name}", job.conf[name], "FATE has no such setting", fix)
    for field, value in _demands(job):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            yield Problem(field, value, "is not a number of cores", "Write a whole number, at least 1.")
        elif cores is not None and value > cores:
            yield Problem(
                field,
                value,
                f"the cluster has {cores} cores: FATE would accept the job, and fail it as soon as it is scheduled",
                f"Ask for {cores} at most, or correct the number of cores in the connection.",
            )


def _demands(job: Job) -> Iterator[tuple[str, object]]:
    if job.conf.get("cores") is not None:
        yield "conf.cores", job.conf["cores"]
    runs = [("conf.task", job.conf.get("task"))]
    runs += [(f"{task.path}.conf", task.spec.get("conf")) for task in job.tasks.values()]
    for key, _, entry in job.party_tasks():
        runs.append((f"party_tasks.{key}.conf.task", mapping(entry.get("conf")).get("task")))
        for name, task in mapping(entry.get("tasks")).items():
            runs.append((f"party_tasks.{key}.tasks.{name}.conf", mapping(task).get("conf")))
    for path, conf in runs:
        engine = mapping(mapping(conf).get("engine_run"))
        for name in ("cores", "task_cores_per_node"):
            if engine.get(name) is not None:
                yield f"{path}.engine_run.{name}", engine[name]
