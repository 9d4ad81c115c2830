"""Checks of how the processes of tasks are started, also in jobs that were written by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_fate.jobs.problems import Problem, did_you_mean
from airflow_provider_fate.jobs.validation.job import Job, Task, mapping

__all__ = ["check_launchers"]

_LAUNCHERS = ("default", "deepspeed")
_AVERAGING = ("homo_default_runner", "homo_seq2seq_runner")
"""Runners whose arbiter adds up what the others have trained, and makes nothing of how they train."""


def check_launchers(job: Job) -> Iterator[Problem]:
    """Yield launchers that do not exist, and such as do not fit to what the task computes on."""
    for task in job.tasks.values():
        told = set()
        for role, party_id in task.parties:
            conf, path = _conf(job, task, (role, party_id))
            runner = job.parameters(task, (role, party_id)).get("runner_module", _AVERAGING[0])
            idle = role == "arbiter" and runner in _AVERAGING
            training = {} if idle else _training(job, task, (role, party_id))
            for problem in _check(conf, path, training):
                if problem not in told:
                    told.add(problem)
                    yield problem


def _conf(job: Job, task: Task, party: tuple[str, str]) -> tuple[dict[str, Any], str]:
    """How a party runs a task, and where its launcher is named: the more special place counts."""
    places = [("conf.task", job.conf.get("task")), (f"{task.path}.conf", task.spec.get("conf"))]
    for key, parties, entry in job.party_tasks():
        if party in parties:
            own = mapping(mapping(entry.get("tasks")).get(task.name))
            places.append((f"party_tasks.{key}.tasks.{task.name}.conf", own.get("conf")))
    merged: dict[str, Any] = {}
    named = places[0][0]
    for path, conf in places:
        merged |= mapping(conf)
        if "launcher_name" in mapping(conf):
            named = path
    return merged, f"{named}.launcher_name"


def _training(job: Job, task: Task, party: tuple[str, str]) -> Mapping[str, Any]:
    return mapping(mapping(job.parameters(task, party).get("runner_conf")).get("training_args_conf"))


def _check(conf: Mapping[str, Any], path: str, training: Mapping[str, Any]) -> Iterator[Problem]:
    launcher = conf.get("launcher_name") or "default"
    if launcher not in _LAUNCHERS:
        fix = did_you_mean(str(launcher), _LAUNCHERS, otherwise=f"One of: {', '.join(_LAUNCHERS)}.")
        yield Problem(path, launcher, "FATE has no such launcher, and the task would fail when it starts", fix)
        return
    if launcher == "default":
        if training.get("deepspeed"):
            yield Problem(
                path,
                conf.get("launcher_name"),
                "training_args_conf has 'deepspeed', and without its launcher the task would wait for processes that "
                "nobody starts",
                "Write launcher_name: deepspeed, or leave 'deepspeed' out.",
            )
        return
    if training.get("use_cpu") or training.get("no_cuda"):
        yield Problem(
            path,
            launcher,
            "it starts one process for each GPU, and training_args_conf says use_cpu",
            "Set use_cpu to false, or leave the launcher out.",
        )
    provider = conf.get("provider")
    if isinstance(provider, str) and "@" in provider and not provider.endswith("@local"):
        yield Problem(
            path,
            launcher,
            f"FATE-Flow starts it for local providers only, and the task runs by {provider!r}",
            "Name a provider '...@local', or leave the launcher out.",
        )
