"""What a party is not shown of the metrics of its job, and why: as FATE 2.2 hands them out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_fate.metrics.logged import Found
from airflow_provider_fate.metrics.model import MeasuredJob, MeasuredTask, MissingMetric

__all__ = ["missing_of"]

_LOSS_AT = {
    "hetero_secureboost": ("guest",),
    "sshe_lr": ("guest",),
    "sshe_linr": ("guest",),
    "hetero_nn": ("guest",),
    "coordinated_lr": ("arbiter",),
    "coordinated_linr": ("arbiter",),
    "homo_lr": ("guest", "host"),
    "homo_nn": ("guest", "host"),
}
"""Who logs the loss of a training."""
_NO_LOSS = {
    "sshe_lr": "it opens the loss only in every epoch that reveal_loss_freq names",
    "sshe_linr": "it opens the loss only in every epoch that reveal_loss_freq names",
    "coordinated_lr": "the arbiter computes it with a single host only",
    "coordinated_linr": "the arbiter computes it with a single host only",
    "hetero_nn": "it logs the loss as its logging_strategy says",
    "homo_lr": "it logs the loss as its logging_strategy says",
    "homo_nn": "it logs the loss as its logging_strategy says",
}


def missing_of(job: MeasuredJob, spec: Mapping[str, Any], found: Mapping[str, Found]) -> Iterator[MissingMetric]:
    """What is not there.

    :param spec: the job's description, as FATE-Flow completed it.
    :param found: what was found, by task.
    """
    described = spec.get("tasks") or {}
    default = spec.get("stage")
    for task in job.tasks:
        stage = (described.get(task.task) or {}).get("stage") or default or "default"
        yield from _of_task(job, task, stage, found.get(task.task) or Found())
    own = {task.task for task in job.tasks}
    for name, other in described.items():
        if name not in own and other.get("component_ref") == "evaluation":
            yield MissingMetric(
                task=name,
                what="evaluation",
                why=f"It does not run at {job.who}. FATE shows an evaluation to a party that runs it, as a rule the "
                "one that has the label.",
            )
    others = [party for party in job.parties if party != job.who]
    if others:
        yield MissingMetric(
            task=None,
            what=f"metrics of {', '.join(others)}",
            why="A site has the metrics of the parties that it plays, each for itself: ask for them there.",
        )


def _of_task(job: MeasuredJob, task: MeasuredTask, stage: str, found: Found) -> Iterator[MissingMetric]:
    component = task.component or ""
    if task.status not in ("success", "pass"):
        yield MissingMetric(
            task=task.task, what="all metrics", why=f"The task is {task.status}: what it has logged may not be all."
        )
        return
    if component == "evaluation":
        yield from _of_evaluation(task, found)
    if stage in ("train", "cross_validation"):
        yield from _of_training(job, task, stage, found)


def _of_evaluation(task: MeasuredTask, found: Found) -> Iterator[MissingMetric]:
    if not (found.values or found.curves or found.tables or found.raw):
        yield MissingMetric(
            task=task.task, what="evaluation", why="FATE has none of it here: the metrics of the task were deleted."
        )
        return
    yield MissingMetric(
        task=task.task,
        what="PSI of scores",
        why="FATE 2.2 has a metric psi (population stability index), but its evaluation cannot compute it: it hands it "
        "the scores of one kind of rows at a time.",
    )
    yield MissingMetric(
        task=task.task,
        what="metrics per iteration",
        why="FATE 2.2 evaluates what a training has left at its end.",
    )


def _of_training(job: MeasuredJob, task: MeasuredTask, stage: str, found: Found) -> Iterator[MissingMetric]:
    component = task.component or ""
    roles = _LOSS_AT.get(component)
    if roles is not None and not found.curves:
        if found.raw:
            why = "What a host of hetero_nn logs as its loss is 0 in each epoch, and no loss: the guest has it."
        elif job.role in roles:
            why = f"FATE has none: {_NO_LOSS.get(component, 'the metrics of the task were deleted')}."
        else:
            why = f"Of {component}, the {' and the '.join(roles)} is told the loss."
        yield MissingMetric(task=task.task, what="loss", why=why)
    if stage == "cross_validation" and not any(value.fold is not None for value in found.values):
        yield MissingMetric(
            task=task.task,
            what="metrics of each fold",
            why="FATE 2.2 evaluates no folds. FateMetricsOperator does, from what they have predicted, where this "
            "party has the label and output_cv_data is set.",
        )
    if component == "hetero_feature_binning" and job.role == "host":
        why = "The guest, which has the label, computes them, also those of this party's columns."
        yield MissingMetric(task=task.task, what="information values", why=why)
    if component == "hetero_secureboost":
        if stage == "cross_validation":
            yield MissingMetric(
                task=task.task,
                what="feature importance",
                why="A cross validation leaves no model, which would have it.",
            )
        elif job.role == "host":
            yield MissingMetric(
                task=task.task, what="gain of own columns", why="The guest does not tell a host what its splits gain."
            )
        else:
            yield MissingMetric(
                task=task.task,
                what="importance of the columns of hosts",
                why="Each party's model has what its own columns count for.",
            )
