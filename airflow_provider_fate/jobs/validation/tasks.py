"""Checks of the tasks: components, parameters, readers, and how outputs are wired to inputs."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from airflow_provider_fate.jobs.catalogue import ComponentSpec, known_components
from airflow_provider_fate.jobs.problems import Problem, did_you_mean
from airflow_provider_fate.jobs.validation.job import Channel, Job, Task, mapping

__all__ = ["check_tasks"]

_STAGES = ("train", "predict", "cross_validation", "default")

# These exchange messages between guest and host and cannot run without one of them. (Scaling, statistics, splitting and
# evaluation run on a party alone.)
_NEED_BOTH = frozenset(
    (
        *("psi", "hetero_secureboost", "hetero_nn", "hetero_feature_binning", "homo_lr", "homo_nn", "toy_example"),
        *("sshe_lr", "sshe_linr", "coordinated_lr", "coordinated_linr"),
    )
)

_WITHOUT_HOST = ("offsite_tuning_runner", "fdkt_runner", "inferdpt_runner", "pdss_runner", "fedcot_runner")
"""Runners of FATE-LLM that make of ``homo_nn`` an exchange between guest and arbiter."""


def check_tasks(job: Job) -> Iterator[Problem]:
    """Yield what is wrong with the tasks of the job."""
    if not job.tasks:
        yield Problem("tasks", job.dag.get("tasks"), "there is nothing to do", "Add a task.")
    for task in job.tasks.values():
        component = task.component
        if component is not None:
            yield from _check_roles(task, component)
            yield from _check_parameters(job, task, component)
            yield from _check_inputs(task, component)
            if component.name == "reader":
                yield from _check_reader(job, task)
        elif not task.foreign:
            yield _unknown_component(task)
        if task.stage not in _STAGES:
            fix = did_you_mean(task.stage, _STAGES, otherwise=f"One of: {', '.join(_STAGES)}.")
            yield Problem(f"{task.path}.stage", task.stage, "there is no such stage", fix)
        for channel in task.channels:
            yield from _check_channel(job, task, channel)
    yield from _check_cycles(job)


def _unknown_component(task: Task) -> Problem:
    known = known_components()
    otherwise = (
        "If another provider ships it, name that in conf.task.provider or in the task's conf.provider. "
        f"FATE 2.2 has: {', '.join(known)}."
    )
    if not isinstance(task.component_ref, str):
        return Problem(f"{task.path}.component_ref", task.component_ref, "a task needs a component", otherwise)
    fix = did_you_mean(task.component_ref, known, otherwise=otherwise)
    return Problem(f"{task.path}.component_ref", task.component_ref, "FATE 2.2 has no such component", fix)


def _check_roles(task: Task, component: ComponentSpec) -> Iterator[Problem]:
    present = {role for role, _ in task.parties}
    if component.needs_arbiter and "arbiter" not in present:
        where = f"{task.path}.parties" if any(role == "arbiter" for role, _ in task.job.parties) else "parties"
        yield Problem(
            where,
            f"{component.name} without arbiter",
            "the algorithm is coordinated by an arbiter, and would wait for it forever",
            "Add {'role': 'arbiter', 'party_id': [...]} to the parties.",
        )
    missing = [role for role in ("guest", "host") if role not in present] if _needs_both(task, component) else []
    for role in missing:
        yield Problem(
            "parties" if role not in {role for role, _ in task.job.parties} else f"{task.path}.parties",
            f"{component.name} without {role}",
            f"it runs between guest and host, and the role {role} has no party here",
            f"Add a {role}, or leave the task out.",
        )
    if not present and not missing:
        roles = ", ".join(sorted(component.roles))
        yield Problem(
            f"{task.path}.parties",
            [role for role, _ in task.job.parties],
            f"{component.name} runs on {roles}, and none of these has a party in the job",
            "Add one, or leave the task out.",
        )


def _needs_both(task: Task, component: ComponentSpec) -> bool:
    if component.name == "hetero_feature_binning" and task.stage == "predict":
        return not mapping(task.spec.get("parameters")).get("skip_metrics")  # the metrics of hosts need the guest
    if component.name == "homo_nn" and mapping(task.spec.get("parameters")).get("runner_module") in _WITHOUT_HOST:
        return False
    return component.name in _NEED_BOTH


def _check_parameters(job: Job, task: Task, component: ComponentSpec) -> Iterator[Problem]:
    given = [(f"{task.path}.parameters", task.spec.get("parameters"))]
    for key, _, entry in job.party_tasks():
        own = mapping(mapping(entry.get("tasks")).get(task.name)).get("parameters")
        given.append((f"party_tasks.{key}.tasks.{task.name}.parameters", own))
    for path, parameters in given:
        for name, value in mapping(parameters).items():
            if name not in component.parameters:
                otherwise = f"{component.name} has: {', '.join(component.parameters)}."
                fix = did_you_mean(str(name), component.parameters, otherwise=otherwise)
                yield Problem(f"{path}.{name}", value, f"{component.name} has no such parameter", fix)


def _check_reader(job: Job, task: Task) -> Iterator[Problem]:
    for role, party_id in task.parties:
        parameters = job.parameters(task, (role, party_id))
        missing = [name for name in ("namespace", "name") if not parameters.get(name)]
        if missing:
            yield Problem(
                f"party_tasks.{role}_{party_id}.tasks.{task.name}.parameters",
                parameters or None,
                f"the reader does not know which table {role} {party_id} has: {' and '.join(missing)} missing",
                f"Give {role} {party_id} the namespace and name of its table.",
            )


def _check_inputs(task: Task, component: ComponentSpec) -> Iterator[Problem]:
    wired = {(channel.kind, channel.key) for channel in task.channels}
    stages = {task.stage, "default"}
    for kind, declared in (("data", component.data_inputs), ("model", component.model_inputs)):
        for key, artifact in declared.items():
            if artifact.required and artifact.stages & stages and (kind, key) not in wired:
                source = (
                    "Add a reader and wire its output_data to it."
                    if not any(other.component_ref == "reader" for other in task.job.tasks.values())
                    else "Wire the output of an earlier task to it."
                )
                yield Problem(
                    f"{task.path}.inputs.{kind}.{key}",
                    None,
                    f"{component.name} cannot {task.stage if 'default' not in artifact.stages else 'run'} without it",
                    source
                    if kind == "data"
                    else "Wire the model of an earlier task, or one of the model warehouse, to it.",
                )


def _check_channel(job: Job, task: Task, channel: Channel) -> Iterator[Problem]:
    component = task.component
    if component is not None:
        known = component.data_inputs if channel.kind == "data" else component.model_inputs
        if channel.key not in known:
            fix = did_you_mean(channel.key, known, otherwise=f"It has: {', '.join(known) or 'none'}.")
            field = f"{task.path}.inputs.{channel.kind}.{channel.key}"
            yield Problem(field, channel.key, f"{component.name} has no such {channel.kind} input", fix)
    if channel.source != "task_output_artifact":
        return
    name = channel.spec.get("producer_task")
    producer = job.tasks.get(str(name))
    if producer is None:
        yield Problem(
            f"{channel.path}.producer_task",
            name,
            "there is no such task, and the job would fail without a reason, or wait for it forever",
            did_you_mean(str(name), job.tasks, otherwise=f"Tasks: {', '.join(job.tasks)}."),
        )
    elif producer.component is not None:
        outputs = producer.component.data_outputs if channel.kind == "data" else producer.component.model_outputs
        key = str(channel.spec.get("output_artifact_key"))
        if key not in outputs:
            fix = did_you_mean(key, outputs, otherwise=f"It has: {', '.join(outputs) or 'none'}.")
            yield Problem(
                f"{channel.path}.output_artifact_key",
                channel.spec.get("output_artifact_key"),
                f"{name} ({producer.component.name}) has no such {channel.kind} output",
                fix,
            )


def _check_cycles(job: Job) -> Iterator[Problem]:
    graph = {task.name: task.producers() & job.tasks.keys() for task in job.tasks.values()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = list(reversed(error.args[1]))
        yield Problem(
            f"tasks.{circle[0]}.inputs",
            " -> ".join(circle),
            "these tasks wait for each other, and none would ever start",
            "Wire one of them to an earlier task.",
        )
