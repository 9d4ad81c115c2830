"""Which tasks of a training job have a model, and which of them can score."""

from __future__ import annotations

from airflow_provider_fate.jobs.catalogue import ComponentSpec
from airflow_provider_fate.jobs.problems import Problem, did_you_mean
from airflow_provider_fate.jobs.validation.job import Job, Task, mapping

__all__ = ["can_predict", "choose_task", "model_output", "stage_input", "trained_tasks"]

_WARM_START = "warm_start_model"
"""Input of the components that learn; those that transform data have none."""


def can_predict(component: ComponentSpec) -> bool:
    """Whether a component has a predict stage, with data in and data out."""
    return bool(stage_input(component, "predict") and stage_output(component, "predict"))


def stage_input(component: ComponentSpec, stage: str) -> str | None:
    """The data input that a stage cannot run without: ``train_data``, ``test_data``, ``input_data``."""
    return next((key for key, spec in component.data_inputs.items() if spec.required and stage in spec.stages), None)


def stage_output(component: ComponentSpec, stage: str) -> str | None:
    """The data output of a stage."""
    return next((key for key, spec in component.data_outputs.items() if stage in spec.stages), None)


def model_output(component: ComponentSpec) -> str | None:
    """The output of the trained model."""
    return next((key for key, spec in component.model_outputs.items() if "train" in spec.stages), None)


def model_input(component: ComponentSpec) -> str | None:
    """The input of the model that is predicted with."""
    return next((key for key, spec in component.model_inputs.items() if "predict" in spec.stages), None)


def trained_tasks(job: Job) -> list[str]:
    """Tasks that learn and leave a model, in the order of the DAG; of one that another goes on with, only the last."""
    learned = [name for name, task in job.tasks.items() if task.stage == "train" and _learns(task)]
    gone_on_with = {
        str(channel.spec.get("producer_task"))
        for task in job.tasks.values()
        for channel in task.channels
        if channel.key == _WARM_START
    }
    return [name for name in learned if name not in gone_on_with] or learned


def _learns(task: Task) -> bool:
    component = task.component
    return component is not None and _WARM_START in component.model_inputs and can_predict(component)


def choose_task(job: Job, asked: str | None) -> str | Problem:
    """The task to score with.

    :param asked: its name; ``None``: the only one that there is.
    :returns: its name, or what is wrong.
    """
    learned = trained_tasks(job)
    if asked is not None:
        return _asked(job, asked, learned)
    if len(learned) == 1:
        return learned[0]
    if learned:
        return Problem(
            "task",
            None,
            f"the job has trained several models: {', '.join(learned)}",
            f"Say which one is to score, such as task={learned[0]!r}.",
        )
    return _why_none(job)


def _asked(job: Job, asked: str, learned: list[str]) -> str | Problem:
    task = job.tasks.get(asked)
    if task is None:
        known = learned or list(job.tasks)
        return Problem(
            "task", asked, "the job has no such task", did_you_mean(asked, known, otherwise=f"One of: {known}.")
        )
    way_out = f"Take one of: {', '.join(learned)}." if learned else "Train a model first."
    if problem := unusable(task):
        return Problem("task", asked, problem, way_out)
    if task.component is None or not can_predict(task.component):
        return Problem("task", asked, f"{task.component_ref} has nothing to predict with", way_out)
    if task.stage != "train":
        return Problem("task", asked, f"its stage is {task.stage}, so it has trained no model itself", way_out)
    return asked


def unusable(task: Task) -> str | None:
    """Why nothing can be said about how a task predicts; ``None`` if something can."""
    if task.stage == "cross_validation":
        return "it was cross validated, which leaves no model"
    if task.foreign:
        provider = mapping(task.spec.get("conf")).get("provider") or mapping(task.job.conf.get("task")).get("provider")
        return f"{task.component_ref} is of provider {provider}, and how that predicts is not known here"
    if task.component is None:
        return f"FATE 2.2 has no component {task.component_ref!r}"
    return None


def _why_none(job: Job) -> Problem:
    warehouse = mapping(job.conf.get("model_warehouse"))
    if job.dag.get("stage") == "predict" or warehouse.get("model_id"):
        return Problem(
            "model",
            warehouse.get("model_id"),
            "the job predicts itself, and has trained no model",
            "Give the job that trained: unless it was told otherwise, its id is the model_id that is shown here.",
        )
    for task in job.tasks.values():
        if task.stage == "cross_validation" or task.foreign:
            fix = "Give a job that trains a model with FATE's own components."
            return Problem(task.path, task.component_ref, str(unusable(task)), fix)
    return Problem(
        "model",
        [str(task.component_ref) for task in job.tasks.values()],
        "none of the job's tasks trains a model that can score",
        "Give a job that trains, such as that of HeteroSecureBoost.",
    )
