"""Looks up at a site what a training goes on from, and checks that it can."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_fate.site.scoring import (
    require_model,
    require_older_models,
    require_same_columns,
    training_record,
)

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.hooks.site import FateSite
    from airflow_provider_fate.jobs.recipes.learning import Learning

__all__ = ["with_earlier_model"]


def with_earlier_model(
    flow: FlowClient, site: FateSite, recipe: Learning, job_id: str, *, check_tables: bool = True
) -> Learning:
    """Tell a recipe where the models are that it goes on from.

    :param recipe: with a ``warm_start``.
    :param job_id: the earlier job.
    :param check_tables: compare the own table with that of the earlier training.
    :raises FateModelNotFound: the site does not know the job, or its model was deleted here.
    :raises FateInvalidJobError: FATE cannot go on from it.
    :raises FateInputError: the job has not succeeded, the model is another one, or the table has other columns.
    """
    from airflow_provider_fate.errors import FateInputError
    from airflow_provider_fate.jobs.continuing import continue_from
    from airflow_provider_fate.jobs.predict import TrainedModel
    from airflow_provider_fate.jobs.recipes.warm_start import WarmStart

    record = training_record(flow, site, job_id)
    model = TrainedModel(record.model_id or record.job_id, record.model_version or "0", record.job_id)
    asked = recipe.warm_start
    assert isinstance(asked, WarmStart)
    if asked.model_id not in (None, model.model_id):
        raise FateInputError(
            f"warm_start: job {job_id} has trained model {model.model_id}, and not {asked.model_id}.",
            hint="Give one of both alone: the result of the task that trained it, or the id of its job.",
        )
    found = continue_from(recipe, record.dag, model)
    assert isinstance(found.warm_start, WarmStart)
    own = [stored.task for stored in found.warm_start.models.values() if stored.model_id == model.model_id]
    require_model(flow, record, own)
    document = found.document()
    require_older_models(flow, record, document)
    if check_tables:
        require_same_columns(flow, site, record, record.dag, document, purpose="is to train on")
    return found
